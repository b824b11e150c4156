//! Every setting of the operator's file: its name, default and meaning, in one table that the reader, the documentation
//! and the help text share, so that none of them can go stale.

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The way to it: `github.app_id`; `NAME` stands for a target's name.
    pub key: &'static str,
    /// Its default as one would write it; empty: it must be given, or is absent.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub meaning: &'static str,
}

impl Setting {
    /// The variable that sets it: `TIDEGATE_GITHUB__APP_ID`.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "__").to_ascii_uppercase())
    }
}

/// What the names of our variables begin with.
pub(super) const PREFIX: &str = "TIDEGATE_";

const fn setting(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, meaning }
}

/// All settings in the order of the documentation.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("listen", "0.0.0.0:8080", "Address and port for webhooks and probes."),
    setting("url", "", "Where people reach this server, for links. No effect yet: there are no links."),
    setting(
        "database",
        "sqlite://tidegate.db",
        "Where state lies: `sqlite://PATH` (made if absent; a relative path counts from the working directory) or \
         `postgres://…` for several replicas. It holds secrets.",
    ),
    setting(
        "cache",
        "tidegate-cache",
        "Folder for Git mirrors and rendered apps, Secrets among them; may be deleted while the server is stopped.",
    ),
    setting("log.filter", "info", "What is logged: a level, or `target=level` pairs with commas between."),
    setting("log.format", "text", "`text` for people, `json` for machines."),
    setting("github.app_id", "", "The App's numeric id."),
    setting("github.private_key", "", "The App's private key (PEM). Better in a file:"),
    setting("github.private_key_file", "", "File that holds the App's private key."),
    setting("github.webhook_secret", "", "The secret that webhooks are signed with. Better in a file:"),
    setting(
        "github.webhook_secret_file",
        "",
        "File that holds the webhook secret; a final newline does not count.",
    ),
    setting("github.api", "https://api.github.com", "GitHub's API; `https://HOST/api/v3` for an own server."),
    setting(
        "github.git",
        "",
        "Where Git is fetched from; by default github.com for api.github.com, otherwise the host of `api`. Tokens are \
         sent here and to `api`, nowhere else.",
    ),
    setting("defaults", "{}", "Beneath the `defaults` of every repository's file, and of the same shape."),
    setting(
        "targets.NAME.kubernetes.kubeconfig",
        "",
        "Kubeconfig file; by default `KUBECONFIG`, or the pod's own.",
    ),
    setting("targets.NAME.kubernetes.context", "", "Context in it; by default the current one."),
    setting(
        "targets.NAME.kubernetes.as",
        "",
        "User to impersonate in every request; `{owner}`, `{repo}` and `{environment}` are filled in, so that the \
         cluster's own rules decide what a repository may do.",
    ),
    setting(
        "targets.NAME.kubernetes.scratch",
        "",
        "Empty namespace in which previews try, as dry runs, what goes into a namespace that does not exist yet; \
         without it such objects are only checked against their schema.",
    ),
    setting(
        "targets.NAME.branch.name",
        "",
        "Branch of the same repository that receives rendered manifests; `{environment}` is filled in.",
    ),
    setting("targets.NAME.directory.path", "", "Folder on this machine that receives manifests, for trials."),
    setting(
        "targets.NAME.repositories",
        "[]",
        "`owner/name` of each repository that may use the target; no others.",
    ),
    setting(
        "targets.NAME.floor.branches",
        "[]",
        "Branches that may be deployed; none: the default branch only.",
    ),
    setting(
        "targets.NAME.floor.requires",
        "[]",
        "Gates that always hold: `approved`, `checks`, `up-to-date`.",
    ),
    setting(
        "targets.NAME.floor.permission",
        "",
        "The least permission to command: `read`, `triage`, `write`, `maintain` or `admin`.",
    ),
    setting(
        "targets.NAME.floor.before_merge",
        "",
        "The most that a repository may allow before a merge: `never`, `when-mergeable` or `any-time`.",
    ),
    setting(
        "targets.NAME.floor.namespaces",
        "[]",
        "Namespaces that may be deployed to, `*` matches any run of characters; none: any.",
    ),
    setting("targets.NAME.floor.kinds", "[]", "Kinds that may be deployed, as in `Deployment`; none: any."),
    setting(
        "targets.NAME.floor.cluster_objects",
        "allow",
        "`deny` refuses objects without a namespace, and on branches and folders also kinds of which Tidegate cannot know \
         that they have one: custom ones that `floor.kinds` does not name.",
    ),
    setting(
        "targets.NAME.emergency.users",
        "[]",
        "Logins who may use `emergency:`. No effect yet: nobody may skip a gate.",
    ),
    setting(
        "targets.NAME.emergency.teams",
        "[]",
        "Teams (`org/slug`) who may use `emergency:`. No effect yet: nobody may skip a gate.",
    ),
    setting(
        "forks",
        "never",
        "Pull requests of forks: `never`, or `preview-on-request` by the `/preview` of somebody with write.",
    ),
    setting("render.seconds", "60", "The longest that one renderer may run, 1 to 600."),
    setting("render.memory", "1GiB", "The most memory that one renderer may take."),
    setting("render.output", "64MiB", "The most that one renderer may print."),
    setting(
        "render.cache",
        "1GiB",
        "The most that is kept of what apps rendered to, in the cache folder; those used longest ago go first.",
    ),
    setting(
        "render.sandbox",
        "require",
        "Is the jail needed around Kustomize and Helm? `require`: nothing is rendered with them where the kernel lacks \
         Landlock or seccomp. `best-effort`: with what there is; the log and `tidegate doctor` say what is missing.",
    ),
    setting(
        "render.helm_charts",
        "false",
        "May kustomizations render charts that lie in the repository by themselves (`helmCharts`)? Kustomize then starts Helm \
         in its jail, so Helm must lie where every user may pass.",
    ),
    setting(
        "render.hosts",
        "[]",
        "Hosts from which remote bases and charts may be fetched, and no others: a name with or without a port, or a mapping \
         of `host`, `credentials_file` (one line: `user:password`, or a bearer token), `private` (may the name lead to \
         an address of a private network or of this machine?) and `tokens` (the other host that hands out this registry's \
         tokens and may get its own credentials for that).",
    ),
    setting(
        "render.tools",
        "",
        "Folder with `kustomize` and `helm`, and further versions beside them, named `helm-3.19.2`, for repositories that \
         ask for one (`versions`); what is not there without a version is looked for on PATH.",
    ),
];

/// The keys that a section may have, as the table names them; `""` is the whole file.
pub(super) fn keys(section: &str) -> Vec<&'static str> {
    let mut keys = Vec::new();
    for setting in SETTINGS {
        let rest = match section {
            "" => Some(setting.key),
            _ => setting.key.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')),
        };
        let key = rest.and_then(|rest| rest.split('.').next());
        keys.extend(key.filter(|key| !keys.contains(key)));
    }
    keys
}

/// The default of a setting, as text.
pub(super) fn default(key: &str) -> &'static str {
    SETTINGS.iter().find(|setting| setting.key == key).map_or("", |setting| setting.default)
}

/// The table as text for `tidegate serve --help`.
pub(crate) fn help() -> String {
    let mut text =
        String::from("Settings of the operator's file, and the variables that stand above them:\n\n");
    for setting in SETTINGS {
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        let meaning = setting.meaning.replace('`', "");
        let head = ["  ", setting.key, &default, "\n      ", &setting.variable()].concat();
        text.push_str(&[&head, "\n      ", &meaning, "\n"].concat());
    }
    text
}
