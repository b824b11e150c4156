//! Where the programs of a control plane lie.

use std::path::Path;
use std::path::PathBuf;

use super::Error;

/// kwok's rules that we use, below its folder of stages: nodes become ready, pods become ready, a pod of a
/// Job completes, a deleted pod goes.
const STAGES: [&str; 4] = [
    "node/fast/node-initialize.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
];

/// The folders in which programs are looked for, first match wins.
#[derive(Debug, Clone)]
pub struct Tools {
    folders: Vec<PathBuf>,
}

impl Tools {
    /// Looks in `assets` first (the value of `KUBEBUILDER_ASSETS`, if it is set), then in `folder`.
    pub fn new(assets: Option<PathBuf>, folder: PathBuf) -> Self {
        let mut folders: Vec<PathBuf> =
            assets.into_iter().filter(|path| !path.as_os_str().is_empty()).collect();
        folders.push(folder);
        Self { folders }
    }

    /// The folder that `make tools` fills in the source tree this program was built from.
    pub fn built() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools")
    }

    /// The program's file. The error names the command that builds it.
    pub fn path(&self, program: &'static str) -> Result<PathBuf, Error> {
        self.find(program).ok_or_else(|| Error::Missing { program, folders: self.folders.clone() })
    }

    /// kwok's stage files, as paths.
    pub(super) fn stages(&self) -> Result<Vec<String>, Error> {
        let missing = || Error::Missing { program: "kwok-stages", folders: self.folders.clone() };
        let folder = self.find("kwok-stages").ok_or_else(missing)?;
        Ok(STAGES.iter().map(|stage| folder.join(stage).display().to_string()).collect())
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|path| path.exists())
    }
}

#[cfg(test)]
mod tests {
    use super::Tools;

    #[test]
    fn a_missing_program_names_the_folders_and_the_command_that_mends_it() {
        let empty = tempfile::tempdir().unwrap();
        let tools = Tools::new(None, empty.path().to_owned());

        let said = tools.path("etcd").unwrap_err().to_string();

        assert!(said.contains("etcd") && said.contains("`make tools`"), "{said}");
        assert!(said.contains(&empty.path().display().to_string()), "{said}");
    }

    #[test]
    fn the_chosen_assets_come_before_the_built_ones() {
        let (assets, built) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&assets, &built] {
            std::fs::write(folder.path().join("etcd"), "").unwrap();
        }
        std::fs::write(built.path().join("kwok"), "").unwrap();
        let tools = Tools::new(Some(assets.path().to_owned()), built.path().to_owned());

        assert_eq!(tools.path("etcd").unwrap(), assets.path().join("etcd"));
        assert_eq!(tools.path("kwok").unwrap(), built.path().join("kwok"));
    }
}
