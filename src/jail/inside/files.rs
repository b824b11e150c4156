//! Landlock: which files there are for this process and all that come from it.

use std::io;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, PathFdError, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetStatus, Scope,
};

use crate::jail::inside::Refusal;

/// The newest version whose rights are asked for; an older kernel gives what it has.
const NEWEST: ABI = ABI::V6;

/// What a loader reads besides itself. Places that are not there are passed over.
const LIBRARIES: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
];

/// Rights for files.
pub(super) struct Files {
    rules: Option<RulesetCreated>,
}

impl Files {
    /// No rights at all: no file, no TCP, no signal and no abstract socket to anybody outside.
    pub(super) fn none() -> Result<Self, Refusal> {
        let created = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))
            .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
            .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
            .and_then(Ruleset::create);
        let rules = created.map_err(|error| Refusal::of("Landlock", error))?;
        let mut files = Self { rules: Some(rules) };
        // Nothing can be learnt from it, nothing is kept in it, and Go opens it for the programs that it starts.
        files.add(Path::new("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile)?;
        Ok(files)
    }

    /// A file or folder may be read.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), Refusal> {
        self.add(path, AccessFs::ReadFile | AccessFs::ReadDir)
    }

    /// Files and folders may be made, written and renamed beneath a folder, and never removed: what was removed while it
    /// is still open takes space that nobody sees.
    pub(super) fn write(&mut self, path: &Path) -> Result<(), Refusal> {
        let rights = AccessFs::ReadFile
            | AccessFs::ReadDir
            | AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::MakeReg
            | AccessFs::MakeDir
            | AccessFs::MakeSym
            | AccessFs::Refer;
        self.add(path, rights)
    }

    /// A file may be executed.
    pub(super) fn execute(&mut self, path: &Path) -> Result<(), Refusal> {
        self.add(path, AccessFs::ReadFile | AccessFs::Execute)
    }

    /// A loader may be executed, and read the system's libraries. Mapping a library needs no right to execute it.
    pub(super) fn loader(&mut self, loader: &Path) -> Result<(), Refusal> {
        self.execute(loader)?;
        // Systems that keep each package in a folder of its own name the loader there, and the libraries beside it.
        let store = ["/nix/store", "/gnu/store"].into_iter().find(|store| loader.starts_with(store));
        for path in LIBRARIES.iter().copied().chain(store) {
            self.read(Path::new(path))?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, rights: BitFlags<AccessFs>) -> Result<(), Refusal> {
        let place = match PathFd::new(path) {
            Ok(place) => place,
            Err(PathFdError::OpenCall { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(());
            }
            Err(error) => {
                let PathFdError::OpenCall { source, .. } = &error else {
                    return Err(Refusal::of("a path of the jail", error));
                };
                return Err(unreachable(path, source));
            }
        };
        let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(NEWEST) };
        let Some(rules) = self.rules.take() else { return Ok(()) };
        let rules = rules.add_rule(PathBeneath::new(place, rights));
        self.rules = Some(rules.map_err(|error| Refusal::of("Landlock", error))?);
        Ok(())
    }

    /// From here on there is nothing else. Is it in force?
    pub(super) fn restrict(self) -> Result<bool, Refusal> {
        let Some(rules) = self.rules else { return Ok(false) };
        let status = rules.restrict_self().map_err(|error| Refusal::of("Landlock", error))?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }
}

/// The folders of a run lie where temporary files do; its user must be able to pass through all that lie above.
fn unreachable(path: &Path, error: &io::Error) -> Refusal {
    let what = format!("its user cannot open {}: {error}", path.display());
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Refusal::new(format!(
            "{what}; set TMPDIR to a folder that every user may pass through, like /tmp"
        ));
    }
    Refusal::new(what)
}
