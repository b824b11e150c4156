//! The versions that a chart takes of a dependency, in Helm's words (its library's README is the reference:
//! <https://github.com/Masterminds/semver#checking-version-constraints>).

use semver::{Version, VersionReq};

/// Does a version fit? None if the constraint or the version is not understood.
pub(super) fn fits(constraint: &str, version: &str) -> Option<bool> {
    let version = Version::parse(version.trim().trim_start_matches('v')).ok()?;
    let alternatives: Vec<Option<bool>> = constraint.split("||").map(|one| all_of(one, &version)).collect();
    // One that is not understood makes the answer unclear, unless another one fits.
    if alternatives.contains(&Some(true)) {
        return Some(true);
    }
    (!alternatives.contains(&None)).then_some(false)
}

/// Comparisons that must all hold.
fn all_of(text: &str, version: &Version) -> Option<bool> {
    let text = text.trim();
    if matches!(text, "" | "*" | "x" | "X") {
        return Some(version.pre.is_empty());
    }
    if let Some((low, high)) = text.split_once(" - ") {
        let range = format!(">={}, <={}", bare(low), bare(high));
        return Some(VersionReq::parse(&range).ok()?.matches(version));
    }
    let mut words: Vec<String> = Vec::new();
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        match words.last_mut() {
            // A blank may stand between the sign and the number.
            Some(sign) if sign.chars().all(|c| "<>=!~^".contains(c)) => sign.push_str(word),
            _ => words.push(word.to_owned()),
        }
    }
    words.iter().map(|word| one(word, version)).try_fold(true, |so_far, fits| Some(so_far & fits?))
}

fn one(word: &str, version: &Version) -> Option<bool> {
    let number = word.trim_start_matches(['<', '>', '=', '!', '~', '^']);
    let sign = word.strip_suffix(number)?;
    let number = bare(number);
    let whole = number.split(['-', '+']).next()?.split('.').count() == 3 && !number.contains(['x', 'X', '*']);
    match sign {
        "" | "=" if whole => Some(Version::parse(number).ok()? == *version),
        // `1.2` is any 1.2.x to Helm.
        "" | "=" => Some(VersionReq::parse(&format!("={}", star(number))).ok()?.matches(version)),
        "!=" => one(number, version).map(|fits| !fits),
        "=>" => Some(VersionReq::parse(&format!(">={number}")).ok()?.matches(version)),
        "=<" => Some(VersionReq::parse(&format!("<={number}")).ok()?.matches(version)),
        "~" | "~>" => Some(VersionReq::parse(&format!("~{}", star(number))).ok()?.matches(version)),
        "^" | ">" | ">=" | "<" | "<=" => {
            Some(VersionReq::parse(&format!("{sign}{}", star(number))).ok()?.matches(version))
        }
        _ => None,
    }
}

fn bare(number: &str) -> &str {
    number.trim().trim_start_matches('v')
}

/// `1.x` without its wildcards: a shorter number means the same.
fn star(number: &str) -> String {
    let parts = number.split('.').take_while(|part| !matches!(*part, "x" | "X" | "*"));
    let short = parts.collect::<Vec<_>>().join(".");
    if short.is_empty() { "*".to_owned() } else { short }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn constraints_mean_what_helm_takes_them_for() {
        let table = [
            ("1.2.3", "1.2.3", Some(true)),
            ("1.2.3", "1.2.4", Some(false)),
            ("v1.2.3", "v1.2.3", Some(true)),
            ("1.2", "1.2.9", Some(true)),
            ("1.2.x", "1.3.0", Some(false)),
            ("1.x", "1.9.9", Some(true)),
            ("*", "7.0.0", Some(true)),
            ("", "7.0.0", Some(true)),
            ("~1.2.3", "1.2.9", Some(true)),
            ("~1.2.3", "1.3.0", Some(false)),
            ("^1.2.3", "1.9.0", Some(true)),
            ("^0.2.3", "0.3.0", Some(false)),
            (">= 1.2, < 2", "1.9.0", Some(true)),
            (">=1.2 <2", "2.0.0", Some(false)),
            ("1.0.0 - 1.4.0", "1.4.0", Some(true)),
            ("1.0.0 - 1.4.0", "1.4.1", Some(false)),
            ("^1 || ^3", "3.1.0", Some(true)),
            ("^1 || ^3", "2.1.0", Some(false)),
            ("!=1.2.3", "1.2.3", Some(false)),
            ("1.2.3-beta.1", "1.2.3-beta.1", Some(true)),
            ("*", "1.0.0-rc.1", Some(false)),
            ("one", "1.0.0", None),
            ("1.0.0", "one", None),
            ("one || 1.0.0", "1.0.0", Some(true)),
        ];
        for (constraint, version, expected) in table {
            assert_eq!(fits(constraint, version), expected, "{constraint} {version}");
        }
    }
}
