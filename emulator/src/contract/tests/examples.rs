//! GitHub's examples and the smallest instances: what is right passes, what is broken does not.

use serde_json::Value;

use crate::contract::OperationId;
use crate::contract::schema::Reading;
use crate::contract::tests::CONTRACT;
use crate::contract::tests::sample;

/// Examples of GitHub's that do not fit GitHub's schemas, each for a reason seen: a key that was made required after the
/// example was written, or `null` where an object is declared.
const STALE: &[&str] = &[
    "apps/redeliver-webhook-delivery 202 default",
    "checks/rerequest-run 201 default",
    "checks/rerequest-suite 201 default",
    "issues/get 200 default",
    "issues/get 200 pinned_comment",
    "orgs/get 200 default-response",
    "pulls/create 201 default",
    "pulls/get 200 default",
    "pulls/list 200 default",
    "pulls/list-requested-reviewers 200 default",
    "pulls/update 200 default",
    "repos/get 200 default-response",
    "repos/get-branch-protection 200 default",
    "repos/get-collaborator-permission-level 200 response-if-user-has-admin-permissions",
    "repos/get-commit 200 default",
    "repos/get-pull-request-review-protection 200 default",
    "repos/get-status-checks-protection 200 default",
    "repos/list-branches 200 default",
    "repos/list-pull-requests-associated-with-commit 200 default",
    "teams/get-by-name 200 default",
];

#[test]
fn githubs_examples_fit_but_for_those_known_to_be_stale() {
    let started = std::time::Instant::now();
    let contract = crate::contract::Contract::load().unwrap();
    println!("loaded in {:?}", started.elapsed());
    let examples: Value = serde_json::from_str(include_str!("../../../data/examples.json")).unwrap();
    let (mut good, mut bad) = (0, Vec::new());
    for (id, shown) in examples.as_object().unwrap() {
        let op = OperationId(id.clone());
        let operation = contract.description.operation(id).unwrap();
        for (status, named) in shown["responses"].as_object().unwrap() {
            for (name, example) in named.as_object().unwrap() {
                let fits = contract.check_response(&op, status.parse().unwrap(), Some(example)).is_empty();
                if fits { good += 1 } else { bad.push(format!("{id} {status} {name}")) }
            }
        }
        for (name, example) in shown["requests"].as_object().unwrap() {
            let fits = contract.request_body(operation, Some(example)).is_empty();
            if fits { good += 1 } else { bad.push(format!("{id} request {name}")) }
        }
    }
    println!("{good} examples fit, {} do not; all checked in {:?}", bad.len(), started.elapsed());
    assert_eq!(bad, STALE);
    assert!(good > 100, "{good}");
}

#[test]
fn every_answer_can_be_given_and_misses_what_is_taken_from_it() {
    let contract = &*CONTRACT;
    let (mut answers, mut broken) = (0, 0);
    for operation in contract.description.operations() {
        let op = OperationId(operation.id.clone());
        for (&status, content) in &operation.responses {
            let Some(schema) = content.as_ref().and_then(|content| content.schemas.last()) else {
                assert_eq!(contract.check_response(&op, status, None), [], "{op} {status}");
                continue;
            };
            let body = sample::of(schema, &contract.description.schemas);
            assert_eq!(contract.check_response(&op, status, Some(&body)), [], "{op} {status}: {body}");
            answers += 1;
            for key in body.as_object().into_iter().flat_map(|map| map.keys()) {
                let mut less = body.clone();
                less.as_object_mut().unwrap().remove(key);
                // One schema of several (`anyOf`) may do without the key; none that declares one alternative.
                let alternatives =
                    schema.to_string().contains("Of\"") || content.as_ref().unwrap().schemas.len() > 1;
                let faults = contract.check_response(&op, status, Some(&less));
                assert!(alternatives || !faults.is_empty(), "{op} {status} without {key}");
                broken += usize::from(!faults.is_empty());
            }
        }
    }
    println!("{answers} answers, {broken} broken ones caught");
    assert!(answers > 200 && broken > 800, "{answers} {broken}");
}

#[test]
fn every_webhook_can_be_sent_and_misses_what_is_taken_from_it() {
    let contract = &*CONTRACT;
    let mut broken = 0;
    for key in contract.webhooks() {
        let webhook = contract.description.webhook(&key).unwrap();
        let payload = sample::of(&webhook.schema, &contract.description.schemas);
        let action = payload.get("action").and_then(Value::as_str);
        let event = action.map_or(key.as_str(), |action| {
            key.strip_suffix(&action.replace('_', "-")).unwrap().trim_end_matches('-')
        });
        assert_eq!(
            contract.check_webhook(&event.replace('-', "_"), action, &payload),
            [],
            "{key}: {payload}"
        );
        for name in payload.as_object().unwrap().keys() {
            let mut less = payload.clone();
            less.as_object_mut().unwrap().remove(name);
            let faults = contract.check_webhook(event, action, &less);
            assert!(!faults.is_empty(), "{key} without {name}");
            broken += 1;
        }
    }
    println!("{} webhooks, {broken} broken ones caught", contract.webhooks().len());
    assert!(broken > 200, "{broken}");
}

#[test]
fn every_schema_of_requests_and_parameters_compiles() {
    let contract = &*CONTRACT;
    for operation in contract.description.operations() {
        let parameters =
            operation.parameters.iter().map(|parameter| ("parameter", &parameter.schema, Reading::Plain));
        let bodies = operation
            .body
            .iter()
            .flat_map(|body| &body.schemas)
            .map(|schema| ("request", schema, Reading::Strict));
        for (number, (part, schema, reading)) in parameters.chain(bodies).enumerate() {
            let key = (operation.id.clone(), format!("{part} for compiling"), number);
            let faults = contract.validators.check(key, schema, reading, &Value::Null);
            assert!(
                !faults.iter().any(|fault| fault.message.contains("cannot be used")),
                "{}: {faults:?}",
                operation.id
            );
        }
    }
}

#[test]
fn the_data_is_what_the_lists_of_the_script_ask_for() {
    let lines = |text: &'static str| text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut described: Vec<_> = CONTRACT
        .description
        .operations()
        .map(|operation| format!("{} {}", operation.method, operation.template.text()))
        .collect();
    let mut listed: Vec<_> =
        lines(include_str!("../../../scripts/operations.txt")).map(str::to_owned).collect();
    described.sort_unstable();
    listed.sort_unstable();
    assert_eq!(described, listed);
    let patterns: Vec<_> = lines(include_str!("../../../scripts/webhooks.txt")).collect();
    for key in CONTRACT.webhooks() {
        let wanted = |pattern: &&str| {
            pattern.strip_suffix('*').map_or(key == **pattern, |start| key.starts_with(start))
        };
        assert!(patterns.iter().any(wanted), "{key}");
    }
}

#[test]
fn a_contract_can_be_shared_between_threads() {
    let shared = std::sync::Arc::new(crate::contract::Contract::load().unwrap().without_advice());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let contract = std::sync::Arc::clone(&shared);
            std::thread::spawn(move || {
                let op = contract.operation("POST", "/repos/o/r/deployments").unwrap();
                let body = serde_json::json!({ "ref": "main" });
                contract.check_request(&op, "/repos/o/r/deployments", &[], Some(&body)).len()
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 0));
    assert!(shared.rules().len() >= 15 && shared.rules().len() < CONTRACT.rules().len());
}
