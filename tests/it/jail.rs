//! The jail from inside: a program tries each forbidden thing. Each is tried outside as well, where it must go well, so that no
//! line here holds for another reason than the jail.
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::checkout::Checkout;
use crate::support::program::{command, copy, probe, run, tidegate};

/// Whom the jail begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// Root, which becomes a user of the run's own.
    Root,
    /// Another user than root, which stays that one; started by root.
    Plain,
    /// Whoever runs the tests, not root.
    Own,
}

/// The user that `setpriv` makes of root.
const PLAIN: &str = "12345";

fn all() -> Vec<As> {
    if rustix::process::geteuid().is_root() { vec![As::Root, As::Plain] } else { vec![As::Own] }
}

/// A place that every user can reach, and our programs.
struct Place {
    folder: TempDir,
    tidegate: PathBuf,
    probe: PathBuf,
}

/// The program, where every user can reach it: a clone may lie where no other user can go.
fn reachable(program: &Path, folder: &Path) -> PathBuf {
    let open = |folder: &Path| folder.metadata().is_ok_and(|meta| meta.permissions().mode() & 1 == 1);
    if program.ancestors().skip(1).all(open) {
        return program.to_owned();
    }
    let own = folder.join(program.file_name().unwrap());
    copy(program, &own);
    own
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tidegate = Path::new(env!("CARGO_BIN_EXE_tidegate"));
        let (tidegate, probe) = (reachable(tidegate, folder.path()), reachable(&probe(), folder.path()));
        let place = Self { folder, tidegate, probe };
        place.mode(place.folder.path(), 0o755);
        place.put("in/input", "input", 0o644);
        place.put("out/other", "other", 0o666);
        place.mode(&place.at("in"), 0o777);
        place.mode(&place.at("out"), 0o777);
        place.put("scratch/old", "old", 0o666);
        place.mode(&place.at("scratch"), 0o777);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    fn executable(&self) -> String {
        self.tidegate.to_str().unwrap().to_owned()
    }

    fn program(&self) -> String {
        self.probe.to_str().unwrap().to_owned()
    }

    fn put(&self, name: &str, text: &str, mode: u32) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self.mode(&path, mode);
    }

    fn mode(&self, path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The words with which a command of this user begins.
    fn command(&self, who: As, words: &[String]) -> Command {
        let mut made = if who == As::Plain {
            let mut made = command("setpriv");
            made.args(["--reuid", PLAIN, "--regid", PLAIN, "--clear-groups", "--"]).args(words);
            made
        } else {
            let (program, arguments) = words.split_first().unwrap();
            let mut made = command(program);
            made.args(arguments);
            made
        };
        made.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
        made.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        made
    }

    /// Runs the words in the jail. `change` is what is different from a cell that reads `in` and nothing else.
    fn inside(&self, who: As, words: &[String], change: &Value) -> Output {
        let mut jailed = vec![self.executable(), "jail".to_owned(), "--".to_owned()];
        jailed.extend_from_slice(words);
        fed(self.command(who, &jailed), &self.spec(who, change))
    }

    fn spec(&self, who: As, change: &Value) -> String {
        let limits = json!({"data": 1_u64 << 30, "file": 1 << 20, "cpu": 20, "open": 256, "tasks": (who == As::Root).then_some(64)});
        let mut spec = json!({
            "nonce": "7", "parent": std::process::id(), "require": true, "read": [self.text("in")], "write": null,
            "starts": [], "limits": limits,
            "user": (who == As::Root).then(|| json!({"uid": 61_999, "gid": 65_520})),
        });
        for (key, value) in change.as_object().into_iter().flatten() {
            if let Value::Object(values) = value {
                for (name, value) in values {
                    spec[key][name] = value.clone();
                }
            } else {
                spec[key] = value.clone();
            }
        }
        spec.to_string()
    }

    fn outside(&self, who: As, words: &[String]) -> Output {
        fed(self.command(who, words), "")
    }

    fn probe(&self, words: &[&str]) -> Vec<String> {
        let mut all = vec![self.program()];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all
    }

    /// It goes well outside, and does not inside.
    fn refused(&self, words: &[&str], change: &Value) {
        for who in all() {
            // A file that one of them makes belongs to it.
            let words: Vec<String> =
                words.iter().map(|word| word.replace("{who}", &format!("{who:?}"))).collect();
            let words = self.probe(&words.iter().map(String::as_str).collect::<Vec<_>>());
            // Inside first: outside makes what is to be made.
            let inside = self.inside(who, &words, change);
            let outside = self.outside(who, &words);
            assert!(outside.status.success(), "outside, {who:?}, {words:?}: {}", said(&outside));
            assert!(!inside.status.success(), "inside, {who:?}, {words:?}: {}", said(&inside));
            assert!(!said(&inside).contains("tidegate jail"), "it did not begin, {who:?}: {}", said(&inside));
        }
    }

    /// It goes well inside.
    fn allowed(&self, words: &[&str], change: &Value) {
        for who in all() {
            let words = self.probe(words);
            let inside = self.inside(who, &words, change);
            assert!(inside.status.success(), "inside, {who:?}, {words:?}: {}", said(&inside));
        }
    }
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{} {}{}", output.status, text(&output.stdout), text(&output.stderr))
}

fn fed(mut command: Command, input: &str) -> Output {
    let mut child = command.spawn().unwrap();
    // One that ends without reading has its reasons, and says them.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

/// A process that sleeps until the test is over.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn files_outside_are_not_there_and_inputs_cannot_be_changed() {
    let place = Place::new();
    let (input, other) = (place.text("in/input"), place.text("out/other"));
    place.allowed(&["read", &input], &json!({}));
    place.allowed(&["list", &place.text("in")], &json!({}));
    place.refused(&["read", &other], &json!({}));
    place.refused(&["read", "/etc/passwd"], &json!({}));
    place.refused(&["read", "/proc/self/environ"], &json!({}));
    place.refused(&["list", &place.text("out")], &json!({}));
    place.refused(&["list", "/"], &json!({}));
    place.refused(&["write", &other], &json!({}));
    place.refused(&["write", &place.text("out/{who}")], &json!({}));
    place.refused(&["write", &place.text("in/{who}")], &json!({}));
    std::fs::set_permissions(&input, std::fs::Permissions::from_mode(0o666)).unwrap();
    place.refused(&["write", &input], &json!({}));
}

#[test]
fn what_a_file_is_cannot_be_changed_either() {
    for who in all() {
        let place = Place::new();
        let own = place.text("scratch/own");
        let make = place.probe(&["write", &own]);
        assert!(place.outside(who, &make).status.success());
        for act in ["chmod", "touch"] {
            let words = place.probe(&[act, &own]);
            assert!(place.outside(who, &words).status.success(), "{act}");
            let change = json!({"read": [own]});
            let inside = place.inside(who, &words, &change);
            assert!(
                !inside.status.success() && !said(&inside).contains("tidegate jail"),
                "{}",
                said(&inside)
            );
        }
    }
}

#[test]
fn a_scratch_folder_can_be_written_and_nothing_else() {
    let place = Place::new();
    let change = json!({"write": place.text("scratch")});
    for who in all() {
        let words = place.probe(&["write", &place.text(&format!("scratch/{who:?}"))]);
        let inside = place.inside(who, &words, &change);
        assert!(inside.status.success(), "{}", said(&inside));
    }
    place.refused(&["write", &place.text("out/{who}")], &change);
    let big = (1_u64 << 21).to_string();
    place.refused(&["fill", &place.text("scratch/old"), &big], &change);
    for who in all() {
        place.put("scratch/old", "old", 0o666);
        let words = place.probe(&["remove", &place.text("scratch/old")]);
        let inside = place.inside(who, &words, &change);
        assert!(!inside.status.success() && place.at("scratch/old").exists(), "{}", said(&inside));
        assert!(place.outside(who, &words).status.success());
    }
}

#[test]
fn there_is_no_network_and_no_other_way_to_talk() {
    let place = Place::new();
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    place.refused(&["tcp", &tcp.local_addr().unwrap().to_string()], &json!({}));
    place.refused(&["listen"], &json!({}));
    place.refused(&["udp", &udp.local_addr().unwrap().to_string()], &json!({}));
    let path = place.text("in/socket");
    let _unix = UnixListener::bind(&path).unwrap();
    place.mode(Path::new(&path), 0o777);
    place.refused(&["unix", &path], &json!({}));
    let name = format!("tidegate-{}", std::process::id());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    place.refused(&["abstract", &name], &json!({}));
    place.refused(&["pair"], &json!({}));
}

#[test]
fn other_processes_are_out_of_reach() {
    let place = Place::new();
    for who in all() {
        // Of the same user where the user stays the same: then it is not the user that keeps them apart.
        let sleeper = Sleeper(place.command(who, &["/bin/sleep".into(), "600".into()]).spawn().unwrap());
        let words = place.probe(&["signal", &sleeper.0.id().to_string()]);
        let outside = place.outside(who, &words);
        assert!(outside.status.success(), "{who:?}: {}", said(&outside));
        for change in [json!({}), json!({"starts": [place.program()]})] {
            let inside = place.inside(who, &words, &change);
            assert!(inside.stdout.starts_with(b"refused"), "{who:?}: {}", said(&inside));
        }
    }
    place.refused(&["ptrace"], &json!({}));
}

#[test]
fn the_kernel_is_out_of_reach() {
    let place = Place::new();
    place.refused(&["unshare"], &json!({}));
    let closed = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    if closed.trim() == "2" {
        // Nobody has it on this machine, outside neither.
        place.allowed(&["read", &place.text("in/input")], &json!({}));
    } else {
        place.refused(&["uring"], &json!({}));
    }
}

#[test]
fn no_process_is_started_and_no_other_program_executed() {
    let place = Place::new();
    let probe = place.program();
    place.refused(&["start", &probe, "1"], &json!({}));
    let other = place.text("out/probe");
    copy(Path::new(&probe), Path::new(&other));
    place.refused(&["exec", &other], &json!({"read": [place.text("out")]}));
}

#[test]
fn where_others_may_be_started_they_are_counted_and_stay_in_the_session() {
    let place = Place::new();
    let probe = place.program();
    let change = json!({"starts": [probe], "limits": {"tasks": 16}});
    place.refused(&["start", &probe, "24"], &change);
    place.allowed(&["start", &probe, "3"], &json!({"starts": [probe], "limits": {"tasks": null}}));
    place.refused(&["session"], &json!({"starts": [probe]}));
}

#[test]
fn memory_and_processor_time_are_limited() {
    let place = Place::new();
    let bytes = (256_u64 << 20).to_string();
    place.allowed(&["data", &bytes], &json!({}));
    place.refused(&["data", &bytes], &json!({"limits": {"data": 64 << 20}}));
    place.refused(&["spin", "3"], &json!({"limits": {"cpu": 1}}));
}

#[test]
fn nothing_is_inherited_but_the_environment_that_was_given() {
    let place = Place::new();
    for who in all() {
        let env = ["/usr/bin/env".to_owned()];
        let inside = place.inside(who, &env, &json!({}));
        assert_eq!(String::from_utf8_lossy(&inside.stdout), "PATH=/usr/bin:/bin\n", "{}", said(&inside));
        // Left open on purpose: the shell hands it on to what it becomes.
        let open = format!("exec 9< {}; exec \"$@\"", place.text("out/other"));
        let hand = |words: &[&str]| {
            let mut all = vec!["/bin/sh".to_owned(), "-c".to_owned(), open.clone(), "sh".to_owned()];
            all.extend(words.iter().map(|word| (*word).to_owned()));
            all
        };
        let read = ["/bin/sh", "-c", "read line <&9; echo $line"];
        let outside = place.outside(who, &hand(&read));
        assert_eq!(outside.stdout, b"other\n", "{}", said(&outside));
        let mut jailed = vec![place.executable(), "jail".to_owned(), "--".to_owned()];
        jailed.extend(read.iter().map(|word| (*word).to_owned()));
        let words: Vec<&str> = jailed.iter().map(String::as_str).collect();
        let inside = fed(place.command(who, &hand(&words)), &place.spec(who, &json!({})));
        assert!(!said(&inside).contains("other") && said(&inside).contains('9'), "{}", said(&inside));
    }
}

#[test]
fn a_run_ends_with_the_process_that_waits_for_it() {
    let place = Place::new();
    for who in all() {
        let inside = place.inside(who, &place.probe(&["pair"]), &json!({"parent": 1}));
        assert_eq!(inside.status.code(), Some(125), "{}", said(&inside));
        assert!(said(&inside).contains("tidegate jail 7: nobody waits"), "{}", said(&inside));
    }
}

#[test]
fn it_renders_whatever_the_servers_own_mask_of_modes_is() {
    let checkout = Checkout::of("shop");
    let usual = checkout.tidegate(&["render", "staging"]).ended(0).out;
    let plain = tidegate();
    let mut masked = command("/bin/sh");
    masked.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    masked.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(plain.get_program());
    masked.args(["render", "staging"]).current_dir(checkout.path());
    assert_eq!(run(&mut masked).ended(0).out, usual);
}

#[test]
fn the_doctor_tries_the_jail_and_the_renderers_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("server.yaml");
    let doctor = |settings: &str| {
        std::fs::write(&config, settings).unwrap();
        run(tidegate().args(["doctor", "--config"]).arg(&config).current_dir(folder.path()))
    };
    let ran = doctor("cache: mirrors\n").ended(0);
    for line in
        ["ok    git 2.", "ok    the jail: Landlock ", "ok    kustomize v5", "ok    helm v", "ok    cache: "]
    {
        assert!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    assert!(!ran.out.contains("fail"), "{}", ran.out);
    // A script in a renderer's place.
    let tools = folder.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    std::fs::write(tools.join("helm"), "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(tools.join("helm"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = doctor("render: {tools: tools}\n").ended(1);
    assert!(ran.out.contains("fail  helm: the jail: ") && ran.out.contains("is a script"), "{}", ran.out);
    let ran = doctor("render: {sandbox: none}\n").ended(1);
    assert!(ran.err.contains("render.sandbox") && ran.err.contains("best-effort"), "{}", ran.err);
}

#[test]
fn it_says_how_it_is_used_and_is_not_in_the_help() {
    let ran = run(tidegate().arg("jail")).ended(125);
    assert!(ran.err.contains("usage: tidegate jail -- PROGRAM"), "{}", ran.err);
    let help = run(tidegate().arg("--help")).ended(0).out;
    assert!(help.contains("  doctor ") && !help.contains("  jail "), "{help}");
}
