//! Where one case takes place: a repository that is made from bytes, what lies outside of it and must stay there, and the
//! run.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hostile::watch::{Seen, watched};
use crate::support::program::{command, copy, probe, tidegate};

/// What nobody may see: it stands in a file beside the repository.
pub(super) const FILE: &str = "canary-in-a-file-5b1c";
/// The same, in the environment of the process that renders.
pub(super) const VARIABLE: &str = "canary-in-the-environment-90ad";
/// Part of the path of every folder of ours, so that a path is known wherever it turns up.
const OURS: &str = "tidegate-ours-";

/// A repository and its surroundings.
pub(super) struct Place {
    folder: TempDir,
}

/// The mode of a file in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    File,
    Link,
    Submodule,
}

impl Mode {
    fn octal(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Link => "120000",
            Self::Submodule => "160000",
        }
    }
}

/// The files of a commit.
pub(super) type Files = BTreeMap<Vec<u8>, (Mode, Vec<u8>)>;

impl Place {
    pub(super) fn new() -> Self {
        let place = Self { folder: TempDir::with_prefix(OURS).unwrap() };
        let mode = |path: &Path| std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        mode(place.folder.path());
        for name in ["secret", "scratch", "tools", "state"] {
            std::fs::create_dir(place.at(name)).unwrap();
            mode(&place.at(name));
        }
        // Everybody may read it: it is not its mode that keeps it.
        std::fs::write(
            place.secret(),
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {FILE}}}\n"),
        )
        .unwrap();
        place
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file outside, as a manifest.
    pub(super) fn secret(&self) -> PathBuf {
        self.at("secret/secret.yaml")
    }

    /// The probe in helm's place, for `render.tools`.
    pub(super) fn probe(&self) -> Value {
        copy(&probe(), &self.at("tools/helm"));
        json!(self.at("tools"))
    }

    /// Commits files to `main` of a new bare repository; `odd` become the entries of the folder `odd`, whatever their names.
    pub(super) fn repository(&self, name: &str, files: &Files, odd: &[(Mode, &[u8], &[u8])]) -> PathBuf {
        let path = self.at(name);
        self.git(&["init", "--quiet", "--bare", "--initial-branch=main", path.to_str().unwrap()], &[]);
        let mut stream =
            b"commit refs/heads/main\ncommitter Ann <ann@example.com> 0 +0000\ndata 0\n".to_vec();
        for (path, (mode, content)) in files {
            write!(stream, "M {} inline ", mode.octal()).unwrap();
            stream.extend(quoted(path));
            write!(stream, "\ndata {}\n", content.len()).unwrap();
            stream.extend(content);
            stream.push(b'\n');
        }
        let git = |arguments: &[&str], input: &[u8]| {
            let mut all = vec!["-C", path.to_str().unwrap()];
            all.extend(arguments);
            self.git(&all, input)
        };
        git(&["fast-import", "--quiet"], &stream);
        if !odd.is_empty() {
            let mut entries = Vec::new();
            for (mode, name, content) in odd {
                let blob = match mode {
                    Mode::Submodule => "1111111111111111111111111111111111111111".to_owned(),
                    Mode::File | Mode::Link => git(&["hash-object", "-w", "--stdin"], content),
                };
                write!(entries, "{} ", mode.octal()).unwrap();
                entries.extend(*name);
                entries.push(0);
                entries.extend(hex::decode(blob).unwrap());
            }
            let odd = git(&["hash-object", "-w", "-t", "tree", "--literally", "--stdin"], &entries);
            let root = git(&["ls-tree", "main"], &[]);
            let tree = git(&["mktree"], format!("{root}\n040000 tree {odd}\todd\n").as_bytes());
            let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
            let commit = git(&[&identity[..], &["commit-tree", &tree, "-m", "Odd"]].concat(), &[]);
            git(&["update-ref", "refs/heads/main", &commit], &[]);
        }
        path
    }

    fn git(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut git = command("git");
        git.current_dir(self.folder.path()).args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        fed(&mut git, input)
    }

    /// Runs tidegate with these words on a repository.
    pub(super) fn run(&self, words: &[&str], repository: &Path, config: &Value) -> Seen {
        let file = self.at("server.yaml");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut tidegate = tidegate();
        tidegate.args(words).arg("--repo").arg(repository).arg("--config").arg(&file);
        tidegate.env("TMPDIR", self.at("scratch")).env("XDG_STATE_HOME", self.at("state"));
        tidegate.env("DATABASE_PASSWORD", VARIABLE).current_dir(self.at("scratch"));
        watched(&tidegate, self.folder.path())
    }

    /// What a run left in its folder for temporary files.
    pub(super) fn litter(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.at("scratch")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// Paths of ours: no author may be shown one.
    pub(super) fn ours() -> [&'static str; 5] {
        [OURS, "tidegate-render-", env!("CARGO_MANIFEST_DIR"), "/nonexistent", "goroutine "]
    }
}

/// A path as fast-import reads it.
fn quoted(path: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in path {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            byte => out.push(*byte),
        }
    }
    out.push(b'"');
    out
}

/// A command's output without its last newline, after it was given `input`; it must succeed.
pub(super) fn fed(command: &mut Command, input: &[u8]) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
