//! Numbers, lists and risks in words.

use crate::comment::cost::{cost, everything, going};
use crate::model::plan::{Action, Change, Fidelity, Likeness, Plan, Risk};

/// `1,204`.
pub(crate) fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 object`, `1,204 objects`.
pub(crate) fn count(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{} {}", number(n), plural(word)) }
}

/// `812 bytes`, `14 kB`, `2.1 MB`.
pub(crate) fn bytes(n: usize) -> String {
    match n {
        0..1_000 => count(n, "byte"),
        1_000..1_000_000 => format!("{} kB", n / 1_000),
        _ => format!("{}.{} MB", n / 1_000_000, n % 1_000_000 / 100_000),
    }
}

/// `Ingresses`, `NetworkPolicies`, `Deployments`.
pub(crate) fn plural(word: &str) -> String {
    let vowel_before_y = word.ends_with("ay") || word.ends_with("ey") || word.ends_with("oy");
    if let Some(stem) = word.strip_suffix('y').filter(|_| !vowel_before_y) {
        return format!("{stem}ies");
    }
    match word {
        _ if word.ends_with("ss") || word.ends_with('x') || word.ends_with("ch") => format!("{word}es"),
        _ if word.ends_with('s') => word.to_owned(),
        _ => format!("{word}s"),
    }
}

/// `a Service`, `an Ingress`, `3 Services`.
pub(crate) fn some(n: usize, word: &str) -> String {
    let vowel = word.starts_with(|c: char| "aeioAEIO".contains(c));
    match n {
        1 if vowel => format!("an {word}"),
        1 => format!("a {word}"),
        _ => count(n, word),
    }
}

/// `a, b, c and 4 more`.
pub(crate) fn list<T: AsRef<str>>(items: &[T], most: usize) -> String {
    let shown: Vec<&str> = items.iter().take(most).map(AsRef::as_ref).collect();
    match items.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), number(more)),
    }
}

/// The phrase of a section for what is at stake; none where the action or another phrase says it already.
pub(crate) fn stake(risk: Risk, change: &Change) -> Option<String> {
    let told = match risk {
        Risk::Cascades => return Some(everything(change)),
        Risk::Deletes => return None,
        Risk::Replaces => match cost(change) {
            Some(cost) => return Some(format!("deleted and created anew: {cost}")),
            None => "deleted and created anew",
        },
        // What goes with it says it better, and so does the cost of its replacement.
        Risk::LosesData if change.risks.contains(&Risk::Cascades) => return None,
        Risk::Restarts | Risk::Runs if cost(change).is_some() => return None,
        Risk::LosesData if change.id.kind == "StatefulSet" => {
            "its claims are deleted with it: their data is lost"
        }
        Risk::LosesData => "its data is lost",
        Risk::TakesOver => "taken over from another owner",
        Risk::Rights => "rights change",
        Risk::Traffic => "traffic may be interrupted",
        Risk::Admission => "what is admitted changes",
        Risk::Restarts => "pods restart",
        Risk::Runs => "runs when it is deployed",
        Risk::Reverts => "reverts what was changed outside Git",
    };
    Some(told.to_owned())
}

/// Does it go only because a successor has a new hash in its name? Then nothing is lost with it.
fn outdated(change: &Change) -> bool {
    change.pair.as_ref().is_some_and(|pair| pair.why == Likeness::Hash)
}

/// Must a person look twice? What cannot be undone, moves rights or cuts traffic; restarts and runs are daily work.
pub(crate) fn needs_care(change: &Change) -> bool {
    change.risks.iter().any(|risk| grave(*risk) && (*risk != Risk::Deletes || !outdated(change)))
}

/// Must a person look twice at an environment? Also where its first deployment changes what exists.
pub(crate) fn plan_needs_care(plan: &Plan) -> bool {
    plan.changes.iter().chain(&plan.hooks).any(needs_care)
        || (plan.baseline && plan.changes.iter().any(touches))
}

/// Does a change touch what exists?
pub(crate) fn touches(change: &Change) -> bool {
    matches!(change.action, Action::Update | Action::Replace | Action::Adopt)
}

fn grave(risk: Risk) -> bool {
    match risk {
        Risk::LosesData
        | Risk::Cascades
        | Risk::Deletes
        | Risk::Replaces
        | Risk::TakesOver
        | Risk::Rights
        | Risk::Traffic
        | Risk::Admission => true,
        Risk::Restarts | Risk::Runs | Risk::Reverts => false,
    }
}

/// A reason in a row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stakes {
    /// Those that need care, all of them.
    pub grave: Vec<String>,
    /// The others.
    pub daily: Vec<String>,
}

/// The phrases of a matrix row, most dangerous first: `deletes a PersistentVolumeClaim: its data is lost`, `pods of web
/// restart`.
pub(crate) fn stakes(changes: &[&Change]) -> Stakes {
    let of = |risk: Risk| -> Vec<&Change> {
        changes.iter().filter(|change| change.risks.contains(&risk)).copied().collect()
    };
    let all = [
        Risk::LosesData,
        Risk::Cascades,
        Risk::Deletes,
        Risk::Replaces,
        Risk::TakesOver,
        Risk::Rights,
        Risk::Traffic,
        Risk::Admission,
        Risk::Restarts,
        Risk::Runs,
        Risk::Reverts,
    ];
    let mut stakes = Stakes { grave: Vec::new(), daily: Vec::new() };
    for risk in all {
        let mut hit = of(risk);
        hit.retain(|change| risk != Risk::Deletes || !outdated(change));
        if matches!(risk, Risk::Deletes | Risk::Replaces) {
            // Said already, and in stronger words.
            hit.retain(|change| {
                !change.risks.iter().any(|risk| matches!(risk, Risk::LosesData | Risk::Cascades))
            });
        }
        if risk == Risk::LosesData {
            hit.retain(|change| !change.risks.contains(&Risk::Cascades));
        }
        if hit.is_empty() {
            continue;
        }
        let list = if grave(risk) { &mut stakes.grave } else { &mut stakes.daily };
        list.extend(phrases(risk, &hit));
    }
    stakes
}

/// What is deleted, and what is deleted and created anew, are told apart.
fn phrases(risk: Risk, hit: &[&Change]) -> Vec<String> {
    if !matches!(risk, Risk::LosesData | Risk::Cascades | Risk::Deletes | Risk::Replaces) {
        return vec![phrase(risk, hit)];
    }
    let (anew, gone): (Vec<&Change>, Vec<&Change>) =
        hit.iter().copied().partition(|change| change.risks.contains(&Risk::Replaces));
    let both = [("deletes", gone), ("replaces", anew)].into_iter().filter(|(_, some)| !some.is_empty());
    both.flat_map(|(verb, some)| {
        if risk == Risk::Cascades {
            return going(verb, &some);
        }
        let whose = if some.len() == 1 { "its" } else { "their" };
        let lost = if risk == Risk::LosesData { format!(": {whose} data is lost") } else { String::new() };
        vec![format!("{verb} {}{lost}", kinds(&some))]
    })
    .collect()
}

fn phrase(risk: Risk, hit: &[&Change]) -> String {
    let names: Vec<&str> = hit.iter().map(|change| change.id.name.as_str()).collect();
    match risk {
        Risk::LosesData | Risk::Cascades | Risk::Deletes => format!("deletes {}", kinds(hit)),
        Risk::Replaces => format!("replaces {}", kinds(hit)),
        Risk::TakesOver => format!("takes over {}", kinds(hit)),
        Risk::Rights => "rights change".to_owned(),
        Risk::Traffic if names.len() <= 3 => format!("traffic of {} may be interrupted", names.join(", ")),
        Risk::Traffic => format!("traffic of {} may be interrupted", count(names.len(), "object")),
        Risk::Admission => "what is admitted changes".to_owned(),
        Risk::Restarts if names.len() <= 3 => format!("pods of {} restart", names.join(", ")),
        Risk::Restarts => format!("pods of {} restart", count(names.len(), "workload")),
        Risk::Runs if hit.len() == 1 => format!("{} runs", kinds(hit)),
        Risk::Runs => format!("{} run", kinds(hit)),
        Risk::Reverts => "reverts what was changed outside Git".to_owned(),
    }
}

/// `a Namespace`, `2 Services and an Ingress`; of more than three kinds `7 objects`.
pub(crate) fn kinds(hit: &[&Change]) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for change in hit {
        match kinds.iter_mut().find(|(kind, _)| *kind == change.id.kind) {
            Some((_, n)) => *n += 1,
            None => kinds.push((&change.id.kind, 1)),
        }
        if kinds.len() > 3 {
            return some(hit.len(), "object");
        }
    }
    let told: Vec<String> = kinds.iter().map(|(kind, n)| some(*n, kind)).collect();
    match told.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => told.concat(),
    }
}

/// What a prediction below `live` is worth; none for `live`.
pub(crate) fn worth(fidelity: Fidelity) -> Option<&'static str> {
    match fidelity {
        Fidelity::Live => None,
        Fidelity::Scratch => Some(
            "a dry run in a scratch namespace, since its own is not there yet; the new namespace's quota, labels and \
             policies may differ",
        ),
        Fidelity::Schema => Some(
            "not tried on the target, only checked against its schema: defaults and admission are not foreseen",
        ),
        Fidelity::Rendered => Some("not compared with the target; it may exist there already"),
    }
}

/// The same in a few words.
pub(crate) fn worth_briefly(fidelity: Fidelity) -> Option<&'static str> {
    match fidelity {
        Fidelity::Live => None,
        Fidelity::Scratch => Some("tried in another namespace"),
        Fidelity::Schema => Some("not tried on the target"),
        Fidelity::Rendered => Some("not compared with the target"),
    }
}
