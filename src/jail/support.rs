//! What the kernel offers for a jail.

/// What is said elsewhere.
pub(super) const LINUX: &str =
    "it needs Linux, with Landlock and seccomp; `render.sandbox: best-effort` runs renderers without it";

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Support {
    /// The version of Landlock, up to 6; a newer one is 6. None: there is none.
    pub landlock: Option<u8>,
    /// Is there seccomp?
    pub seccomp: bool,
}

impl Support {
    /// Asks the kernel; changes nothing.
    #[cfg(target_os = "linux")]
    pub(crate) fn look() -> Self {
        // The call fails where the kernel was built without.
        let seccomp = rustix::thread::secure_computing_mode().is_ok();
        Self { landlock: landlock(), seccomp }
    }

    /// Other systems have neither.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn look() -> Self {
        Self { landlock: None, seccomp: false }
    }

    /// What is missing, a sentence for each.
    pub(crate) fn missing(self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.landlock.is_none() {
            missing.push("the kernel has no Landlock (Linux 5.13 or newer, `landlock` in its list of security modules): renderers can read every file that their user can".to_owned());
        }
        if !self.seccomp {
            missing.push("the kernel has no seccomp: renderers can reach the network".to_owned());
        }
        missing
    }
}

/// The newest version whose rights the kernel all takes. Making a ruleset restricts nobody.
#[cfg(target_os = "linux")]
fn landlock() -> Option<u8> {
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, Scope,
    };
    let takes = |version: ABI| {
        let rules = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(version));
        // The kinds of rights that came later.
        let rules = if version >= ABI::V4 {
            rules.and_then(|rules| rules.handle_access(AccessNet::from_all(version)))
        } else {
            rules
        };
        let rules = if version >= ABI::V6 {
            rules.and_then(|rules| rules.scope(Scope::from_all(version)))
        } else {
            rules
        };
        rules.and_then(Ruleset::create).is_ok()
    };
    let versions = [(6, ABI::V6), (5, ABI::V5), (4, ABI::V4), (3, ABI::V3), (2, ABI::V2), (1, ABI::V1)];
    versions.into_iter().find(|(_, version)| takes(*version)).map(|(number, _)| number)
}
