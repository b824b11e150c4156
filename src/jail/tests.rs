//! The jail from outside: real programs, and the words of what goes wrong. What is forbidden inside is tried by a program of
//! its own, in tests/it/jail.rs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Cell, Error, Jail, Scratch};
use crate::process::{self, Limits, Output, Program};

fn shell(script: &str) -> Program {
    let limits = Limits { time: Duration::from_secs(20), file: Some(256 << 20), ..Limits::default() };
    Program::new("/bin/sh", "/", ["-c", script]).env("PATH", "/usr/bin:/bin").limits(limits)
}

async fn run(script: &str, cell: &Cell) -> Result<Output, Error> {
    Jail::default().run(&shell(script), cell).await
}

fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools").join(name);
    assert!(path.is_file(), "{name} is missing: run `make tools`");
    path
}

/// A folder that a run may write in, and the cell for it.
fn scratch(bytes: u64, entries: u64) -> (tempfile::TempDir, Cell) {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch { folder: folder.path().to_owned(), bytes, entries };
    (folder, Cell { scratch: Some(scratch), ..Cell::default() })
}

#[tokio::test]
async fn output_and_status_are_the_programs_own() {
    let output =
        Jail::default().run(&shell("echo out; echo err >&2; exit 3"), &Cell::default()).await.unwrap();
    assert_eq!(
        (output.status, output.stdout.as_slice(), output.message().as_str()),
        (3, &b"out\n"[..], "err\n")
    );
}

#[tokio::test]
async fn a_program_cannot_speak_in_the_jails_name() {
    let output = run("echo 'tidegate jail 0: no' >&2; exit 125", &Cell::default()).await.unwrap();
    assert_eq!(output.status, 125);
}

#[tokio::test]
async fn a_script_is_refused_and_said_to_be_one() {
    let (folder, cell) = scratch(1 << 20, 10);
    let script = folder.path().join("helm");
    std::fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    let error = Jail::default().run(&Program::new(&script, "/", [] as [&str; 0]), &cell).await.unwrap_err();
    assert!(matches!(&error, Error::Jail(why) if why.contains("is a script")), "{error}");
    let error = Jail::default().run(&Program::new("/nowhere/helm", "/", [] as [&str; 0]), &cell).await;
    assert_eq!(error.unwrap_err().to_string(), "helm was not found");
}

#[tokio::test]
async fn a_folder_that_its_user_cannot_reach_is_our_fault_and_says_what_to_do() {
    let closed = tempfile::tempdir().unwrap();
    std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let below = closed.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let cell = Cell { read: vec![below], ..Cell::default() };
    let error = run("true", &cell).await;
    if rustix::process::geteuid().is_root() {
        assert!(matches!(&error, Err(Error::Jail(why)) if why.contains("TMPDIR")), "{error:?}");
    } else {
        // Its user is ours, who reaches what we reach.
        error.unwrap();
    }
    Jail::default().admit(closed.path()).unwrap();
    run("true", &cell).await.unwrap();
    let mode = std::fs::metadata(closed.path()).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, if rustix::process::geteuid().is_root() { 0o750 } else { 0o700 }, "and nobody else");
}

#[tokio::test]
async fn the_disk_is_bounded_by_bytes_and_by_files() {
    let (_folder, cell) = scratch(8 << 20, 1_000);
    let write = |what: &str| {
        let folder = cell.scratch.as_ref().unwrap().folder.display();
        shell(&format!("cd {folder} && n=0 && while :; do {what} > $n; n=$((n + 1)); done"))
    };
    let text = "x".repeat(4_000);
    for what in [format!("echo {text}"), ":".to_owned()] {
        let error = Jail::default().run(&write(&what), &cell).await.unwrap_err();
        assert!(matches!(error, Error::Scratch { limit } if limit == 8 << 20), "{error}");
    }
    // Quicker than the watch.
    let (_folder, cell) = scratch(8 << 20, 3);
    let folder = cell.scratch.as_ref().unwrap().folder.display();
    let error = Jail::default().run(&shell(&format!("cd {folder}; : >1; : >2; : >3; : >4")), &cell).await;
    assert!(matches!(error, Err(Error::Scratch { .. })), "{error:?}");
}

#[tokio::test]
async fn nothing_in_the_scratch_folder_is_removed_and_so_hidden_from_the_watch() {
    let (_folder, cell) = scratch(8 << 20, 100);
    let cell = Cell { starts: vec!["/bin/rm".into()], ..cell };
    let folder = cell.scratch.as_ref().unwrap().folder.display();
    let output = run(&format!("cd {folder}; echo x > f; rm f; read x < f; echo $x"), &cell).await.unwrap();
    assert_eq!(output.stdout, b"x\n", "{}", output.message());
}

#[tokio::test]
async fn the_deadline_ends_all_that_was_started_even_if_it_ignores_signals() {
    let cell = Cell { starts: vec!["/bin/sleep".into(), "/bin/sh".into()], ..Cell::default() };
    let limits = Limits { time: Duration::from_secs(2), ..Limits::default() };
    let script =
        "trap '' TERM INT HUP; (trap '' TERM INT HUP; sleep 424242) & (sleep 424242 &) ; sleep 424242";
    let error = Jail::default().run(&shell(script).limits(limits), &cell).await.unwrap_err();
    assert!(matches!(error, Error::Process(process::Error::TimedOut { .. })), "{error}");
    let left = || {
        let listed = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = listed.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| line.windows(6).any(|part| part == b"424242")).count()
    };
    for _ in 0..200 {
        if left() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} processes are left", left());
}

#[tokio::test]
async fn a_program_that_may_start_another_starts_that_one_alone() {
    let cell = Cell { starts: vec!["/bin/echo".into()], ..Cell::default() };
    let output =
        Jail::default().run(&shell("/bin/echo yes; /bin/cat /dev/null && echo no"), &cell).await.unwrap();
    assert_eq!(output.stdout, b"yes\n", "{}", output.message());
}

#[tokio::test]
async fn runs_at_the_same_time_are_different_users() {
    let id = Program::new("/usr/bin/id", "/", ["-u"]);
    let (jail, cell) = (Jail::default(), Cell::default());
    let (one, two) = tokio::join!(jail.run(&id, &cell), jail.run(&id, &cell));
    let (one, two) = (one.unwrap().stdout, two.unwrap().stdout);
    if rustix::process::geteuid().is_root() {
        assert!(one != two && one != b"0\n" && two != b"0\n", "{one:?} {two:?}");
    } else {
        assert_eq!((&one, &two), (&two, &format!("{}\n", rustix::process::geteuid().as_raw()).into_bytes()));
    }
}

#[tokio::test]
async fn renderers_give_the_same_inside_and_outside() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put(
        "k/kustomization.yaml",
        "resources: [map.yaml]\nnamePrefix: a-\nconfigMapGenerator: [{name: g, files: [f.txt]}]\n",
    );
    put("k/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\n");
    put("k/f.txt", "words\n");
    put("h/Chart.yaml", "apiVersion: v2\nname: h\nversion: 1.0.0\n");
    put("h/values.yaml", "zone: Europe/Berlin\n");
    put(
        "h/templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata:\n  at: {{ dateInZone \"15:04\" \
         (unixEpoch (toDate \"2006-01-02\" \"2026-01-01\") | int64) .Values.zone | quote }}\n  \
         sum: {{ .Values.zone | sha256sum }}\n",
    );
    Jail::default().admit(folder.path()).unwrap();
    let cell = Cell { read: vec![folder.path().to_owned(), "/usr/share/zoneinfo".into()], ..Cell::default() };
    let at = |name: &str| folder.path().join(name).into_os_string();
    for (name, args) in
        [("kustomize", vec!["build".into(), at("k")]), ("helm", vec!["template".into(), "r".into(), at("h")])]
    {
        let program = Program::new(tool(name), "/", args).env("HOME", "/nonexistent").env("GOMAXPROCS", "1");
        let limits = Limits { data: Some(1 << 30), file: Some(1 << 20), cpu: Some(20), ..Limits::default() };
        let outside = process::run(&program).await.unwrap();
        let inside = Jail::default().run(&program.limits(limits), &cell).await.unwrap();
        assert_eq!(outside.status, 0, "{name}: {}", outside.message());
        assert_eq!(inside, outside, "{name}");
        assert!(outside.stdout.len() > 60, "{name}");
    }
}

#[tokio::test]
async fn kustomize_inflates_a_chart_with_helm_as_its_child_and_a_scratch_folder() {
    let (inputs, (_folder, cell)) = (tempfile::tempdir().unwrap(), scratch(64 << 20, 1_000));
    let put = |path: &str, text: &str| {
        let path = inputs.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("kustomization.yaml", "helmCharts:\n- {name: h, releaseName: r, valuesInline: {zone: x}}\n");
    put("charts/h/Chart.yaml", "apiVersion: v2\nname: h\nversion: 1.0.0\n");
    put("charts/h/values.yaml", "zone: none\n");
    put(
        "charts/h/templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {z: {{ .Values.zone }}}\n",
    );
    Jail::default().admit(inputs.path()).unwrap();
    let home = cell.scratch.as_ref().unwrap().folder.clone();
    // A child is started by its path, which every user must reach: this checkout may lie in somebody's home.
    let tools = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(tools.path(), open).unwrap();
    let helm = tools.path().join("helm");
    // By another program: what this process has open for writing, a child that another test starts has for a moment too.
    let copy = Program::new("/bin/cp", "/", [tool("helm"), helm.clone()]);
    assert!(process::run(&copy).await.unwrap().success());
    let args = [
        "build".into(),
        "--enable-helm".into(),
        "--helm-command".into(),
        helm.clone(),
        inputs.path().to_owned(),
    ];
    let mut program = Program::new(tool("kustomize"), "/", args).env("GOMAXPROCS", "1");
    for variable in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        program = program.env(variable, &home);
    }
    let cell = Cell { read: vec![inputs.path().to_owned()], starts: vec![helm], ..cell };
    let output = Jail::default().run(&program, &cell).await.unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("name: r\n"), "{}", output.message());
    // It needs both.
    let bare = Cell { starts: Vec::new(), ..cell.clone() };
    assert!(!Jail::default().run(&program, &bare).await.unwrap().success());
    let bare = Cell { scratch: None, ..cell };
    assert!(!Jail::default().run(&program, &bare).await.unwrap().success());
}
