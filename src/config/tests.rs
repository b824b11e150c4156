//! The operator's file as operators write it, and as they get it wrong.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use secrecy::ExposeSecret;

use crate::config::table::SETTINGS;
use crate::config::{Config, Forks, LogFormat, Need, Sandbox, help, table};
use crate::model::fault::Fault;
use crate::model::settings::{BeforeMerge, Gate, Permission};
use crate::model::target::{ClusterObjects, Place};

/// A folder with a settings file, a key and a webhook secret.
pub(super) struct Folder(pub(super) tempfile::TempDir);

impl Folder {
    pub(super) fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.yaml"), settings).unwrap();
        std::fs::write(folder.path().join("key.pem"), key()).unwrap();
        std::fs::write(folder.path().join("secret"), "hunter2\n").unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("server.yaml")
    }

    pub(super) fn load(&self, variables: &[(&str, &str)], need: Need) -> Result<Config, Vec<Fault>> {
        Config::load(Some(&self.path()), owned(variables), need)
    }

    /// The faults as an operator reads them, without the folder's name.
    pub(super) fn faults(&self, variables: &[(&str, &str)]) -> String {
        let faults = self.load(variables, Need::Server).unwrap_err();
        let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
        text.join("\n").replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// An RSA key in PEM (PKCS#8), made once: that takes a while.
fn key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(fresh_key)
}

fn fresh_key() -> String {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

const APP: &str = "github: {app_id: 123, private_key_file: key.pem, webhook_secret_file: secret}\n";

/// Every setting but the secrets by value.
const WHOLE: &str = "listen: 127.0.0.1:9000
url: https://tidegate.example.com/
database: postgres://tide:s3cret@db/tidegate
cache: mirrors
log: {filter: 'info,tidegate=debug', format: json}
github: {app_id: 123, private_key_file: key.pem, webhook_secret_file: secret, api: https://ghe.example.com/api/v3}
defaults: {deploy: {when: comment}}
targets:
  prod-eu:
    kubernetes: {kubeconfig: /etc/kube, context: eu, as: 'tidegate:{owner}/{repo}:{environment}', scratch: tidegate-scratch}
    repositories: [acme/shop]
    floor: {branches: [main], requires: [approved, up-to-date], permission: maintain, before_merge: never,
            namespaces: [shop, 'shop-*'], kinds: [Deployment], cluster_objects: deny}
    emergency: {users: [ann], teams: [acme/oncall]}
  audit: {branch: {name: 'rendered/{environment}'}, repositories: [acme/shop]}
  trial: {directory: {path: out}}
forks: preview-on-request
render: {seconds: 30, memory: 2GiB, output: 1MiB, sandbox: best-effort, hosts: [charts.example.com], tools: bin}
";

#[test]
fn the_whole_file_of_the_documentation_is_understood() {
    let folder = Folder::new(WHOLE);
    let config = folder.load(&[("PATH", "/usr/bin")], Need::Server).unwrap();
    assert_eq!(config.listen, "127.0.0.1:9000".parse().unwrap());
    assert_eq!(config.url.as_deref(), Some("https://tidegate.example.com"));
    assert_eq!(config.database.expose_secret(), "postgres://tide:s3cret@db/tidegate");
    assert_eq!(config.cache, folder.0.path().join("mirrors"));
    assert_eq!((config.log.filter.as_str(), config.log.format), ("info,tidegate=debug", LogFormat::Json));
    let github = config.github.as_ref().unwrap();
    assert_eq!((github.app_id, github.webhook_secret.expose_secret()), (123, "hunter2"));
    assert_eq!(
        (github.api.as_str(), github.git.as_str()),
        ("https://ghe.example.com/api/v3", "https://ghe.example.com")
    );
    let defaults = config.defaults.as_ref().unwrap();
    assert_eq!(defaults.node.to_json(), serde_json::json!({"deploy": {"when": "comment"}}));
    assert_eq!(defaults.node.line, 7);
    assert_eq!(config.forks, Forks::PreviewOnRequest);
    assert_eq!((config.render.time, config.render.memory), (Duration::from_secs(30), 2 << 30));
    assert_eq!((config.render.output, config.render.sandbox), (1 << 20, Sandbox::BestEffort));
    assert_eq!(config.render.tools, Some(folder.0.path().join("bin")));
    assert_eq!(config.path, "/usr/bin");

    let printed = format!("{config:?}");
    for secret in ["hunter2", "s3cret", "PRIVATE KEY"] {
        assert!(!printed.contains(secret), "{secret} is printed");
    }
}

#[test]
fn targets_and_their_floors_are_understood() {
    let folder = Folder::new(WHOLE);
    let config = folder.load(&[], Need::Local).unwrap();
    let target = &config.targets["prod-eu"];
    assert_eq!(
        target.place,
        Place::Kubernetes {
            kubeconfig: Some("/etc/kube".into()),
            context: Some("eu".to_owned()),
            impersonate: Some("tidegate:{owner}/{repo}:{environment}".to_owned()),
            scratch: Some("tidegate-scratch".to_owned()),
        }
    );
    assert_eq!((target.name.as_str(), target.repositories[0].to_string().as_str()), ("prod-eu", "acme/shop"));
    assert_eq!(target.floor.branches[0].as_str(), "main");
    assert_eq!(target.floor.requires, [Gate::Approved, Gate::UpToDate]);
    assert_eq!(target.floor.permission, Some(Permission::Maintain));
    assert_eq!(target.floor.before_merge, Some(BeforeMerge::Never));
    assert_eq!((target.floor.namespaces.len(), target.floor.kinds.len()), (2, 1));
    assert_eq!(target.floor.cluster_objects, ClusterObjects::Deny);
    assert_eq!(
        (target.emergency.users[0].as_str(), target.emergency.teams[0].as_str()),
        ("ann", "acme/oncall")
    );
    assert_eq!(config.targets["audit"].place, Place::Branch { name: "rendered/{environment}".to_owned() });
    assert_eq!(config.targets["trial"].place, Place::Directory { path: folder.0.path().join("out") });
}

/// What is wrong in the file of the next test.
const SIXTEEN: &str = "\
server.yaml:1:9: listen must be an address and a port (as in 0.0.0.0:8080 or [::1]:8080)
listen: somewhere
        ^
server.yaml:2:6: url must begin with https://: plain http is for loopback only
url: http://tidegate.example.com
     ^
server.yaml:3:1: `databse` is not a setting (did you mean `database`?)
databse: sqlite://x
^
server.yaml:4:18: github.app_id must be a whole number, not a string
github: {app_id: soon, private_key_file: secret, webhook_secret_file: missing}
                 ^
server.yaml:4:42: github.private_key_file: this is no RSA private key in PEM (GitHub gives it as a .pem file that begins with -----BEGIN RSA PRIVATE KEY-----)
github: {app_id: soon, private_key_file: secret, webhook_secret_file: missing}
                                         ^
server.yaml:4:71: github.webhook_secret_file: missing cannot be read: No such file or directory (os error 2) (the file must be there and readable for the user that runs Tidegate)
github: {app_id: soon, private_key_file: secret, webhook_secret_file: missing}
                                                                      ^
server.yaml:6:3: target name \"Prod\" is not valid: 1 to 40 of a-z, 0-9 and -, beginning and ending with a letter or digit
  Prod: {branch: {name: x}}
  ^
server.yaml:9:20: targets.staging.repositories[0]: repository \"acme\" is not valid: owner/name, as on GitHub
    repositories: [acme]
                   ^
server.yaml:10:26: targets.staging.floor.namespaces[0] is not a pattern of namespaces (of a-z, 0-9, - and *, which matches any run of characters)
    floor: {namespaces: ['shop-[ab]'], permission: maintian}
                         ^
server.yaml:10:52: targets.staging.floor.permission must be one of read, triage, write, maintain, admin, not `maintian` (did you mean `maintain`?)
    floor: {namespaces: ['shop-[ab]'], permission: maintian}
                                                   ^
server.yaml:11:8: targets.dev does not say where it is (give one of kubernetes, branch, directory)
  dev: {repositories: [acme/shop]}
       ^
server.yaml:12:55: targets.both has both branch and directory (keep one of them)
  both: {branch: {name: 'rendered/{env}'}, directory: {path: x}}
                                                      ^
server.yaml:13:8: forks must be one of never, preview-on-request, not `always`
forks: always
       ^
server.yaml:14:19: render.seconds must be a whole number, 1 to 600
render: {seconds: 0, memory: lots, hosts: charts.example.com}
                  ^
server.yaml:14:30: render.memory must be a size of at least 1MiB, as in 64MiB (a number and KiB, MiB or GiB)
render: {seconds: 0, memory: lots, hosts: charts.example.com}
                             ^
server.yaml:14:43: render.hosts must be a list, not a string (write it as [a, b], or one `- item` per line)
render: {seconds: 0, memory: lots, hosts: charts.example.com}
                                          ^";

#[test]
fn sixteen_faults_are_told_at_once() {
    let folder = Folder::new(
        "listen: somewhere
url: http://tidegate.example.com
databse: sqlite://x
github: {app_id: soon, private_key_file: secret, webhook_secret_file: missing}
targets:
  Prod: {branch: {name: x}}
  staging:
    directory: {path: out}
    repositories: [acme]
    floor: {namespaces: ['shop-[ab]'], permission: maintian}
  dev: {repositories: [acme/shop]}
  both: {branch: {name: 'rendered/{env}'}, directory: {path: x}}
forks: always
render: {seconds: 0, memory: lots, hosts: charts.example.com}
",
    );
    let told = folder.faults(&[]);
    assert_eq!(told, SIXTEEN);
}

#[test]
fn variables_win_over_the_file_and_are_named_in_faults() {
    let folder = Folder::new(&format!("{APP}listen: 0.0.0.0:1\nrender: {{seconds: 5}}\n"));
    let config = folder
        .load(
            &[
                ("TIDEGATE_LISTEN", "127.0.0.1:2"),
                ("TIDEGATE_GITHUB__APP_ID", "456"),
                ("TIDEGATE_RENDER__HOSTS", "[a.example.com, b.example.com]"),
                ("TIDEGATE_TARGETS__DEV__BRANCH__NAME", "rendered/dev"),
                ("TIDEGATE_URL", ""),
                ("TIDEGATE_CONFIG", "elsewhere.yaml"),
                ("OTHER", "x"),
            ],
            Need::Server,
        )
        .unwrap();
    assert_eq!(config.listen, "127.0.0.1:2".parse().unwrap());
    assert_eq!(config.github.unwrap().app_id, 456);
    assert_eq!(config.render.time, Duration::from_secs(5), "what no variable names stays");
    let names: Vec<&str> = config.render.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["a.example.com", "b.example.com"]);
    assert_eq!(config.targets["dev"].place, Place::Branch { name: "rendered/dev".to_owned() });
    assert_eq!(config.url, None, "an empty variable is none");

    let told = folder.faults(&[
        ("TIDEGATE_GITHUB__API", "http://ghe.example.com"),
        ("TIDEGATE_GITHUB__APPID", "7"),
        ("TIDEGATE_RENDER__HOSTS", "[a"),
        ("TIDEGATE_RENDER__SECONDS", "soon"),
    ]);
    let lines: Vec<&str> = told.lines().map(|line| line.split(" (").next().unwrap()).collect();
    assert_eq!(lines.len(), 4, "{told}");
    assert!(lines[0].starts_with("TIDEGATE_RENDER__HOSTS: render.hosts begins like a YAML list"), "{told}");
    assert!(lines.contains(&"TIDEGATE_GITHUB__APPID: `appid` is not a setting of github"), "{told}");
    assert!(
        lines.contains(&"TIDEGATE_RENDER__SECONDS: render.seconds must be a whole number, 1 to 600"),
        "{told}"
    );
    assert!(told.contains("TIDEGATE_GITHUB__API: github.api must begin with https://: plain http"), "{told}");
}

#[test]
fn everything_can_come_from_variables() {
    let folder = Folder::new("");
    let key = std::fs::read_to_string(folder.0.path().join("key.pem")).unwrap();
    let variables = [
        ("TIDEGATE_GITHUB__APP_ID", "1"),
        ("TIDEGATE_GITHUB__PRIVATE_KEY", key.as_str()),
        ("TIDEGATE_GITHUB__WEBHOOK_SECRET", "{not: yaml\n"),
    ];
    let config = folder.load(&variables, Need::Server).unwrap();
    let github = config.github.unwrap();
    assert_eq!(github.webhook_secret.expose_secret(), "{not: yaml");
    assert_eq!((github.api.as_str(), github.git.as_str()), ("https://api.github.com", "https://github.com"));
    assert_eq!(config.database.expose_secret(), "sqlite://tidegate.db");
}

#[test]
fn what_is_missing_is_told_to_the_server_and_not_to_local_commands() {
    assert_eq!(
        Folder::new("listen: 0.0.0.0:80\n").faults(&[]).lines().next().unwrap(),
        "server.yaml:1:1: github is missing (the App's id, private key and webhook secret)"
    );
    let told = Folder::new("github: {api: https://api.github.com}\n").faults(&[]);
    for missing in ["github.app_id", "github.private_key_file", "github.webhook_secret_file"] {
        assert!(told.contains(&format!("{missing} is missing")), "{told}");
    }
    let told =
        Folder::new(&APP.replace("webhook_secret_file: secret", "webhook_secret: a, webhook_secret_file: b"));
    assert!(told.faults(&[]).contains("both webhook_secret and webhook_secret_file are given"));

    let local = Folder::new(
        "github: {app_id: 1, private_key_file: nowhere.pem}\ntargets: {dev: {directory: {path: x}}}\n",
    );
    let config = local.load(&[], Need::Local).unwrap();
    assert!(config.github.is_none() && config.targets.contains_key("dev"));
    assert!(
        local.load(&[("TIDEGATE_GITHUB__APP_ID", "x")], Need::Local).is_err(),
        "what is there must be right"
    );
}

#[test]
fn a_fault_near_a_secret_does_not_show_it() {
    let folder = Folder::new(
        "github: {app_id: x, webhook_secret: 'tops3cret', private_key: 12345678}\nwebhok_secret: tops3cret2\n\
         database: mysql://tide:pa55word@db\n",
    );
    let told = folder.faults(&[("TIDEGATE_GITHUB__PRIVATE_KEY", "0therSecret")]);
    assert!(told.contains("github.app_id must be") && told.contains("'*********'"), "{told}");
    assert!(told.contains("TIDEGATE_GITHUB__PRIVATE_KEY: github.private_key: this is no RSA"), "{told}");
    for secret in ["tops3cret", "pa55word", "12345678", "0therSecret"] {
        assert!(!told.contains(secret), "{told}");
    }
    let told = Folder::new("webhook_secret: tops3cret\n  x: [\n").faults(&[]);
    assert!(told.starts_with("server.yaml:") && !told.contains("tops3cret"), "{told}");
}

#[test]
fn a_file_that_could_be_misread_is_refused() {
    let told = Folder::new(&format!("{APP}forks: never\nforks: preview-on-request\n")).faults(&[]);
    assert!(told.starts_with("server.yaml:3:1: ") && told.contains("forks"), "{told}");
    let told = Folder::new(&format!("{APP}---\nforks: never\n")).faults(&[]);
    assert_eq!(told, "server.yaml:3:1: a second document begins here (keep one, without `---`)");
    let missing = Config::load(Some(Path::new("/nowhere/server.yaml")), Vec::new(), Need::Local).unwrap_err();
    assert_eq!(
        missing[0].to_string(),
        "/nowhere/server.yaml: the file cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn an_empty_configuration_is_the_documented_defaults() {
    let mut written = String::new();
    for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty() && !setting.key.contains('.'))
    {
        written.push_str(setting.key);
        written.push_str(": ");
        written.push_str(setting.default);
        written.push('\n');
    }
    for section in ["log", "github", "render"] {
        written.push_str(section);
        written.push_str(":\n");
        for key in table::keys(section) {
            match table::default(&format!("{section}.{key}")) {
                "" => {}
                default => written.push_str(&["  ", key, ": ", default, "\n"].concat()),
            }
        }
    }
    let absent = Folder::new("").load(&[], Need::Local).unwrap();
    let folder = Folder::new(&written);
    let mut explicit = folder.load(&[], Need::Local).unwrap();
    assert!(explicit.defaults.take().is_some());
    // Written in the file, a relative path counts from there.
    explicit.cache = explicit.cache.strip_prefix(folder.0.path()).unwrap().to_owned();
    assert_eq!(format!("{explicit:?}"), format!("{absent:?}"));
    assert_eq!(explicit.database.expose_secret(), absent.database.expose_secret());
}

#[test]
fn every_setting_is_documented_once_with_its_variable() {
    let (page, help) = (markdown(), help());
    for (index, setting) in SETTINGS.iter().enumerate() {
        assert!(SETTINGS[..index].iter().all(|other| other.key != setting.key), "{} twice", setting.key);
        assert!(setting.meaning.ends_with(['.', ':']) && !setting.meaning.contains('|'), "{}", setting.key);
        assert!(help.contains(setting.key) && help.contains(&setting.variable()), "{}", setting.key);
    }
    assert!(page.contains("`TIDEGATE_GITHUB__APP_ID`"));
}

/// The table as Markdown.
fn markdown() -> String {
    let mut text = String::from("| setting | variable | default | meaning |\n|---|---|---|---|\n");
    for setting in SETTINGS {
        let default = match setting.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let (key, variable) = (setting.key, setting.variable());
        text.push_str(
            &["| `", key, "` | `", &variable, "` | ", &default, " | ", setting.meaning, " |\n"].concat(),
        );
    }
    text
}

/// `docs/configuration.md`: its table of the operator's file is this one, so no setting can be missing.
#[test]
fn the_documentation_names_every_setting() {
    const BEGIN: &str = "<!-- server: begin -->\n";
    const END: &str = "<!-- server: end -->\n";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the beginning mark");
    let (_, after) = rest.split_once(END).expect("the page has the end mark");
    let wanted = format!("{before}{BEGIN}\n{}\n{END}{after}", markdown());
    if page != wanted {
        let new = root.join("target/configuration.md");
        std::fs::write(&new, wanted).unwrap();
        panic!("docs/configuration.md is not up to date: copy {} over it", new.display());
    }
}

/// The example of the operator's file in the documentation can be used as it is, its secrets aside.
#[test]
fn the_examples_of_the_documentation_are_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap();
    let examples = page.split("```yaml\n").skip(1).filter(|text| text.starts_with("# server.yaml"));
    let mut seen = 0;
    for example in examples {
        Folder::new(example.split("```").next().unwrap()).load(&[], Need::Server).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 1);
}

#[test]
fn what_has_no_effect_yet_is_told() {
    let told = |settings: &str| Folder::new(settings).load(&[], Need::Local).unwrap().not_yet().join("\n");
    assert_eq!(told(""), "");
    let told = told(WHOLE);
    for setting in ["url ", "targets.prod-eu.emergency"] {
        assert!(told.contains(setting), "{setting}: {told}");
    }
    assert!(!told.contains("audit"), "{told}");
}

#[test]
fn the_variables_of_a_service_in_kubernetes_are_none_of_ours() {
    let folder = Folder::new(APP);
    let variables = [
        ("TIDEGATE_SERVICE_HOST", "10.0.0.1"),
        ("TIDEGATE_SERVICE_PORT", "8080"),
        ("TIDEGATE_SERVICE_PORT_HTTP", "8080"),
        ("TIDEGATE_PORT", "tcp://10.0.0.1:8080"),
        ("TIDEGATE_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("TIDEGATE_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("TIDEGATE_WEB_SERVICE_HOST", "10.0.0.2"),
        ("TIDEGATE_WEB_PORT_80_TCP_PROTO", "tcp"),
        ("TIDEGATE_LISTEN", "127.0.0.1:7"),
    ];
    assert_eq!(folder.load(&variables, Need::Server).unwrap().listen, "127.0.0.1:7".parse().unwrap());
    let told = folder.faults(&[("TIDEGATE_LISTENN", "x"), ("TIDEGATE_TARGETS__A__PORT", "x")]);
    assert!(told.contains("TIDEGATE_LISTENN") && told.contains("TIDEGATE_TARGETS__A__PORT"), "{told}");
}

#[test]
fn a_wrong_filter_of_the_log_is_told_with_all_the_rest() {
    for good in ["info", "off", "WARN", "info,tidegate=debug,sqlx=off", "tidegate[job]=trace,info"] {
        let settings = format!("log: {{filter: '{good}'}}");
        assert_eq!(Folder::new(&settings).load(&[], Need::Local).unwrap().log.filter, good);
    }
    for bad in ["inof", "info,tidegate=loud", "info warn", "tidegate[="] {
        let folder = Folder::new(&format!("{APP}log: {{filter: '{bad}'}}\nforks: sometimes\n"));
        let told = folder.faults(&[]);
        assert!(told.contains("log.filter is not understood") && told.contains("forks"), "{bad}: {told}");
    }
}
