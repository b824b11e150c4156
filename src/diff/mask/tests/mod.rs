//! Secrets in every form that programs give them.

pub(crate) mod forms;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Holder, LIVE_ONLY, Mask, MaskKey, Quoted, Text};
use crate::model::id::{EnvironmentId, RepoId};
use crate::model::object::{Object, ObjectId};
use crate::model::plan::Conflict;
use crate::model::settings::{SecretRule, Winner};
use forms::{forms, leak};

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu
NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ
qgtzJ6GR3e
-----END PRIVATE KEY-----
";

fn id(body: &Value) -> ObjectId {
    Object::identify(body).unwrap()
}

fn secret(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": data})
}

fn plain(values: &Value) -> Value {
    let mut body = secret(&json!({}));
    body["stringData"] = values.clone();
    body
}

fn config(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data})
}

fn with<T>(lessons: &[(Holder, Value)], rules: &[SecretRule], use_it: impl FnOnce(&Mask<'_>) -> T) -> T {
    let environment = EnvironmentId { repo: RepoId(1), name: "staging".parse().unwrap() };
    let ids: Vec<ObjectId> = lessons.iter().map(|(_, body)| id(body)).collect();
    let lessons = lessons.iter().zip(&ids).map(|((holder, body), id)| (*holder, id, body, Vec::new()));
    let lessons: Vec<_> = lessons.collect();
    use_it(&Mask::learn(&MaskKey::new(b"key"), &environment, rules, true, &lessons))
}

/// A ConfigMap's value as it is shown beside a Secret of Git's.
fn rendered(secret: &str, text: &str) -> String {
    let body = config(&json!({"x": text}));
    with(&[(Holder::Base, plain(&json!({"p": secret})))], &[], |mask| {
        mask.body(&id(&body), &body, Text::Rendered)["data"]["x"].as_str().unwrap().to_owned()
    })
}

#[test]
fn a_secret_is_found_in_every_form() {
    let all = [
        "correct-horse",
        "p@ss w\"rd<&>/+'",
        "12345678",
        "grüße-an-alle-漢字",
        "two\nlines-of-text",
        "line one is long enough\r\nline two is long enough too\r\n",
        KEY,
        "AAAAAAAA",
    ];
    for secret in all {
        for (name, form) in forms(secret) {
            let shown = rendered(secret, &form);
            assert_eq!(leak(&shown, secret), None, "{name} of {secret:?}: {shown}");
            assert!(shown.contains("‹secret "), "{name} of {secret:?}: {shown}");
            let live = with(&[(Holder::Live, plain(&json!({"p": secret})))], &[], |mask| mask.message(&form));
            assert_eq!(leak(&live, secret), None, "{name} of {secret:?}: {live}");
            assert!(live.contains(LIVE_ONLY), "{name} of {secret:?}: {live}");
        }
    }
}

#[test]
fn text_beside_a_secret_stays() {
    let cases = [
        ("postgres://joe:correct-horse@db/x", "postgres://joe:MARK@db/x"),
        ("a=1\npassword=correct-horse\nb=2", "a=1\npassword=MARK\nb=2"),
        ("{\"p\":\"correct-horse\"}", "{\"p\":\"MARK\"}"),
        ("correct-horse correct-horse", "MARK MARK"),
        ("correct-hors", "correct-hors"),
        ("dGhpcyBpcyBub3QgaXQ=", "dGhpcyBpcyBub3QgaXQ="),
        ("Y29ycmVjdC1ob3JzZQ==", "MARK"),
        ("joe:%63orrect-horse!", "joe:MARK!"),
    ];
    let mark = rendered("correct-horse", "correct-horse");
    for (text, wanted) in cases {
        assert_eq!(rendered("correct-horse", text), wanted.replace("MARK", &mark));
    }
}

#[test]
fn equal_values_look_equal_and_nothing_else_does() {
    let mark = |secret: &str| rendered(secret, secret);
    assert_eq!(mark("correct-horse"), rendered("correct-horse", &STANDARD.encode("correct-horse")));
    assert_eq!(mark("correct-horse").len(), mark(&"correct-horse".repeat(50)).len(), "length does not show");
    let indented = rendered(KEY, &KEY.replace('\n', "\n      "));
    assert_eq!(mark(KEY).trim_end(), indented.trim_end(), "nor how it is indented");
    assert_eq!(mark(KEY).trim_end(), rendered(KEY, KEY.lines().nth(2).unwrap()), "a line is of the whole");
    let elsewhere = EnvironmentId { repo: RepoId(1), name: "prod".parse().unwrap() };
    let body = plain(&json!({"p": "correct-horse"}));
    let there = Mask::learn(
        &MaskKey::new(b"key"),
        &elsewhere,
        &[],
        true,
        &[(Holder::Base, &id(&body), &body, Vec::new())],
    );
    assert_ne!(there.own("correct-horse"), mark("correct-horse"), "another environment, another mark");
}

#[test]
fn neither_the_number_of_lines_nor_what_pads_a_value_shows() {
    let long = KEY.replace("qgtzJ6GR3e", &format!("{}\nqgtzJ6GR3e", "Mz".repeat(32)));
    for form in [
        |key: &str| key.to_owned(),
        |key: &str| key.replace('\n', "\n    "),
        |key: &str| STANDARD.encode(key),
    ] {
        let (one, two) = (rendered(KEY, &form(KEY)), rendered(&long, &form(&long)));
        assert_eq!((one.len(), one.lines().count()), (two.len(), two.lines().count()), "{one}\n{two}");
    }
    for secret in ["12345678", "123456789", "1234567890"] {
        assert!(rendered(secret, &STANDARD.encode(secret)).ends_with('›'));
    }
}

#[test]
fn short_values_are_masked_where_they_are_declared_only() {
    let body = plain(&json!({"pin": "1234", "no": "", "yes": true, "n": 7}));
    with(&[(Holder::Base, body.clone())], &[], |mask| {
        let shown = mask.body(&id(&body), &body, Text::Rendered);
        for value in shown["stringData"].as_object().unwrap().values() {
            assert!(value.as_str().unwrap().starts_with("‹secret "), "{shown}");
        }
        assert_eq!(mask.own("1234 of 7"), "1234 of 7");
    });
}

#[test]
fn what_lies_in_a_secret_is_secret_by_itself() {
    let login = json!({"auths": {"r.example.com": {"username": "joe", "password": "correct-horse",
        "auth": STANDARD.encode("joe:correct-horse")}}});
    let holders = [
        login.to_string(),
        "DEBUG=1\nexport DB_PASSWORD=\"correct-horse\"\n".replace("export ", ""),
        "postgres://joe:correct-horse@db:5432/x?ssl=1".to_owned(),
        "url: amqp://joe:correct-horse@mq\nkey: 'correct-horse'\n".to_owned(),
    ];
    for held in holders {
        assert_eq!(leak(&rendered(&held, "use correct-horse"), "correct-horse"), None, "{held}");
        assert_eq!(leak(&rendered(&held, &STANDARD.encode("correct-horse")), "correct-horse"), None);
    }
}

#[test]
fn manifests_within_manifests_declare_secrets_too() {
    let inner = secret(&json!({"p": STANDARD.encode("correct-horse"), "pin": STANDARD.encode("1234")}));
    let outer = [
        json!({"apiVersion": "v1", "kind": "Template", "metadata": {"name": "t"}, "objects": [inner]}),
        json!({"apiVersion": "x.example.com/v1", "kind": "Object", "metadata": {"name": "o"}, "spec": {"manifest": inner}}),
        config(&json!({"s.json": inner.to_string()})),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": inner.to_string(),
            "objectset.rio.cattle.io/applied": "H4sIAAAAAAAA/4xPwWrDMAz9FaFzEpz2ZOip"}}}),
    ];
    for body in outer {
        with(&[(Holder::Base, body.clone())], &[], |mask| {
            let shown = mask.body(&id(&body), &body, Text::Rendered).to_string();
            for open in ["correct", "Y29ycmVjd", "MTIzNA", "1234", "H4sI"] {
                assert!(!shown.contains(open), "{open} in {shown}");
            }
            assert!(!mask.own("correct-horse").contains("correct"));
        });
    }
}

#[test]
fn a_configured_path_is_a_secret_and_numbers_are_found() {
    let rules = [SecretRule { kinds: vec!["ConfigMap".to_owned()], path: "/data/code".to_owned() }];
    let body = config(&json!({"code": 12_345_678, "open": "x 12345678", "number": 12_345_678}));
    with(&[(Holder::Base, body.clone())], &rules, |mask| {
        let shown = mask.body(&id(&body), &body, Text::Rendered);
        assert!(!shown.to_string().contains("12345678"), "{shown}");
        assert_eq!(shown["data"]["code"], shown["data"]["number"]);
    });
}

#[test]
fn bytes_that_are_no_text_are_found_as_base64_and_hex() {
    let bytes: Vec<u8> = (0..64).map(|n: u8| n.wrapping_mul(37) ^ 0xa5).collect();
    let body = secret(&json!({"k": STANDARD.encode(&bytes)}));
    with(&[(Holder::Base, body)], &[], |mask| {
        for form in [STANDARD.encode(&bytes), hex::encode(&bytes), format!("x {} y", STANDARD.encode(&bytes))]
        {
            assert!(!mask.own(&form).contains(&form[8..20]), "{}", mask.own(&form));
        }
    });
}

#[test]
fn a_secret_within_another_leaves_no_rest() {
    let lessons = [
        (Holder::Base, plain(&json!({"a": "hunter22"}))),
        (Holder::Live, plain(&json!({"b": "hunter22-and-more", "c": "and-more-of-it"}))),
    ];
    with(&lessons, &[], |mask| {
        for text in ["hunter22-and-more", "hunter22-and-more-of-it", "x and-more-of-it"] {
            let shown = mask.message(text);
            assert!(
                !shown.contains("more") && !shown.contains("hunter") && !shown.contains("of-it"),
                "{shown}"
            );
        }
        assert!(mask.message("hunter22").starts_with("‹secret "));
    });
}

#[test]
fn what_only_live_holds_changes_nothing_of_what_git_says() {
    let with_live = [(Holder::Live, plain(&json!({"a": "live-only-password"})))];
    let text = "guess: live-only-password";
    assert_eq!(with(&with_live, &[], |mask| mask.own(text)), text);
    assert_eq!(with(&with_live, &[], |mask| mask.message(text)), "guess: ‹secret›");
    let body = config(&json!({"x": text, "live-only-password": 1}));
    assert_eq!(with(&with_live, &[], |mask| mask.body(&id(&body), &body, Text::Rendered)), body);
    assert_eq!(with(&with_live, &[], |mask| mask.beside(&id(&body), &body, &[&body], None)), body);
}

#[test]
fn a_contested_secret_shows_neither_value() {
    let body = secret(&json!({"p": STANDARD.encode("correct-horse")}));
    let conflict = Conflict {
        path: "/data/p".to_owned(),
        manager: "kubectl-edit".to_owned(),
        rule: Winner::Fail,
        live: json!(STANDARD.encode("live-only-password")),
        git: json!(STANDARD.encode("correct-horse")),
    };
    let lessons = [(Holder::Merge, body.clone()), (Holder::Live, plain(&json!({"a": "live-only-password"})))];
    let shown = with(&lessons, &[], |mask| mask.conflict(&id(&body), &conflict, &[&body]));
    assert_eq!(shown.live, LIVE_ONLY);
    assert!(shown.git.as_str().unwrap().starts_with("‹secret "), "{shown:?}");
}

/// Texts that are likely to be alike in part, to be encoded, and to break a line.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{8,20}",
        "[ -~]{8,60}",
        "[a-zA-Z0-9+/]{20,80}",
        "([ -~]{0,40}\n){1,4}[ -~]{16,30}",
        "\\PC{8,30}"
    ]
    .prop_filter("nothing to be found", |text| text.trim().len() >= 8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_form_of_a_secret_is_left(secret in value(), other in value(), before in "[ -$'-\\[\\]-~]{0,9}", after in "[ -~]{0,9}") {
        let lessons = [(Holder::Base, plain(&json!({"a": secret, "b": other})))];
        for (name, form) in forms(&secret) {
            let shown = with(&lessons, &[], |mask| mask.own(&format!("{before}{form}{after}")));
            // What stands beside may itself look like a part of it.
            let chance = leak(&format!("{before}{after}"), &secret).is_some();
            prop_assert!(chance || leak(&shown, &secret).is_none(), "{name}: {shown:?} leaks {secret:?}");
        }
    }

    #[test]
    fn any_text_is_masked_without_a_panic_and_what_is_not_secret_stays(text in "\\PC{0,80}", secret in "[a-z]{30}") {
        let lessons = [(Holder::Base, plain(&json!({"a": secret})))];
        with(&lessons, &[], |mask| {
            prop_assert_eq!(mask.own(&text), text);
            Ok(())
        })?;
    }
}

#[test]
fn a_large_secret_and_a_large_text_take_no_time() {
    let large: String =
        (0..10_000).fold(String::new(), |all, n| all + &format!("line {n} of a large secret\n"));
    let started = std::time::Instant::now();
    let shown = rendered(&large, &format!("{large}{}", "x".repeat(1 << 18)));
    assert_eq!(leak(&shown, "line 9999 of a large secret"), None);
    let repeated: Vec<(Holder, Value)> = (8..400)
        .map(|n| (Holder::Base, plain(&json!({"a": "a".repeat(n), "b": format!("{}b", "a".repeat(n))}))))
        .collect();
    with(&repeated, &[], |mask| assert!(!mask.own(&"a".repeat(1 << 16)).contains("aaaaaaaa")));
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "{:?}", started.elapsed());
}

#[test]
fn many_texts_and_long_words_take_no_time() {
    let data: serde_json::Map<String, Value> =
        (0..20_000).map(|n| (format!("key-number-{n}"), json!(format!("value-number-{n}")))).collect();
    let (body, now) = (config(&Value::Object(data)), config(&json!({"by-hand": "live-only-password"})));
    let words = "nothing of it; ".repeat(1 << 12);
    let started = std::time::Instant::now();
    with(&[(Holder::Live, plain(&json!({"a": "live-only-password"})))], &[], |mask| {
        let id = id(&body);
        let quoted = Quoted::new(&id, vec![&body, &body], Some(&now));
        for _ in 0..20 {
            assert_eq!(mask.words(&words, Some(&quoted)), words);
        }
        assert_eq!(mask.words(&format!("{words} value-number-19999"), Some(&quoted)), LIVE_ONLY);
    });
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "{:?}", started.elapsed());
}

#[test]
fn lists_in_lists_take_no_time() {
    let list: Vec<Value> = (0..1000)
        .map(|a| (0..32).map(|b| (0..5).map(|c| json!(a * 1000 + b * 10 + c)).collect::<Value>()).collect())
        .collect();
    let body = config(&json!({"a": list}));
    let rules = [SecretRule { kinds: Vec::new(), path: "/data/a".to_owned() }];
    let large = config(&json!({"a": (0..100_000).map(|n| json!({"n": n})).collect::<Value>()}));
    let started = std::time::Instant::now();
    for rules in [&[][..], &rules] {
        with(&[(Holder::Live, plain(&json!({"a": "live-only-password"})))], rules, |mask| {
            let shown = mask.beside(&id(&body), &body, &[&body, &body], None);
            assert_eq!(shown == body, rules.is_empty());
            for n in 0..100_000 {
                let path = format!("/data/a/{n}/n");
                assert_eq!(mask.pointer(&path, &[&large, &large], None), path);
            }
        });
    }
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "{:?}", started.elapsed());
}

#[test]
fn an_item_of_anothers_in_a_declared_list_is_not_gits() {
    let item = |name: &str, value: &str| json!({"name": name, "value": value});
    let body = |items: &[Value]| config(&json!({"a": items}));
    let git = body(&[item("mine", "live-only-password")]);
    let after = body(&[item("mine", "live-only-password"), item("theirs", "live-only-password")]);
    let rules = [SecretRule { kinds: Vec::new(), path: "/data/a".to_owned() }];
    let lessons = [(Holder::Merge, git.clone()), (Holder::Live, after.clone())];
    with(&lessons, &rules, |mask| {
        let shown = mask.beside(&id(&git), &after, &[&git], None);
        assert_eq!(shown["data"]["a"][1]["value"], LIVE_ONLY);
        assert!(mask.beside(&id(&git), &git, &[&git], None)["data"]["a"][0]["value"] != LIVE_ONLY);
    });
}
