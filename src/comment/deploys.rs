//! How the environments of a row are deployed, in a few words.

use std::collections::BTreeMap;

use crate::comment::words::list;
use crate::comment::{How, Way};
use crate::model::id::EnvironmentName;
use crate::model::plan::Plan;

/// More names than this are not spelt out in a command.
const NAMES: usize = 3;

/// Stands for what each environment waits for, where that is another one nearly every time; no environment's name.
const CHAIN: &str = "…";

/// `on merge`; `` `/deploy prod-eu`, after staging ``; several ways with the environments they hold for.
/// `care`: whoever reviews it must know that nobody is asked again.
pub(crate) fn deploys(plans: &[&Plan], how: &BTreeMap<EnvironmentName, How>, care: bool) -> String {
    let mut ways: BTreeMap<(Way, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for plan in plans {
        let Some(how) = how.get(&plan.name) else { continue };
        let mut after: Vec<&str> = how.after.iter().map(EnvironmentName::as_str).collect();
        after.sort_unstable();
        ways.entry((how.way, after)).or_default().push(plan.name.as_str());
    }
    if ways.len() > NAMES {
        ways = without_order(ways);
    }
    let alone = ways.len() == 1;
    let told = ways.iter().map(|((way, after), names)| {
        let mut words = words(*way, names, after);
        if care && *way == Way::OnMerge {
            words.push_str(", without a further question");
        }
        if alone { words } else { format!("{}: {words}", list(names, NAMES)) }
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Where nearly each environment waits for another one, as in a chain, the chain itself is left to the file.
fn without_order<'a>(
    ways: BTreeMap<(Way, Vec<&'a str>), Vec<&'a str>>,
) -> BTreeMap<(Way, Vec<&'a str>), Vec<&'a str>> {
    let mut merged: BTreeMap<(Way, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((way, after), names) in ways {
        let after = if after.is_empty() { after } else { vec![CHAIN] };
        merged.entry((way, after)).or_default().extend(names);
    }
    merged
}

fn words(way: Way, names: &[&str], after: &[&str]) -> String {
    let command = if names.len() > NAMES {
        "`/deploy ENVIRONMENT`".to_owned()
    } else {
        format!("`/deploy {}`", names.join(" "))
    };
    let mut words = match way {
        Way::OnMerge => "on merge".to_owned(),
        Way::Command => command,
        Way::CommandAfterMerge => format!("{command} after the merge"),
        Way::Never => return "never".to_owned(),
        Way::NotInForce => {
            return "once it is merged: the environment comes with this pull request".to_owned();
        }
    };
    if after == [CHAIN] {
        words.push_str(", in the order that `after` gives");
    } else if !after.is_empty() {
        words.push_str(", after ");
        words.push_str(&list(after, NAMES));
    }
    words
}
