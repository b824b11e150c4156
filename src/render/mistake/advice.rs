//! What to do about what renderers say.

/// One message and its remedy.
pub(super) struct Advice {
    /// What the message holds.
    pub says: &'static str,
    /// What to do.
    pub hint: &'static str,
    /// The keys of which the first that is there is meant.
    pub keys: &'static [&'static str],
}

/// The remedy of the first message that is held.
pub(super) fn advice(table: &'static [Advice], message: &str) -> Option<&'static Advice> {
    table.iter().find(|advice| message.contains(advice.says))
}

const fn say(says: &'static str, hint: &'static str, keys: &'static [&'static str]) -> Advice {
    Advice { says, hint, keys }
}

const PATCHES: &[&str] = &["patches", "patchesStrategicMerge", "patchesJson6902"];
const GENERATORS: &[&str] = &["configMapGenerator", "secretGenerator"];
const RESOURCES: &[&str] = &["resources", "bases"];

/// Kustomize's.
pub(super) const KUSTOMIZE: &[Advice] = &[
    say(
        "no matches for Id",
        "nothing of that kind, name and namespace is there to be patched: correct the patch, or add the resource",
        PATCHES,
    ),
    say("must specify a target for JSON patch", "give the patch a `target`", PATCHES),
    say("doc is missing", "the path is not there: use `op: add`, or correct the path", PATCHES),
    say("there twice", "keep one of them; what is to differ belongs in a patch", RESOURCES),
    say("expected key=value", "write it as `key=value`", &["literals"]),
    say("illegally repeats the key", "give each key once", GENERATORS),
    say(
        "merges into one that is not there",
        "leave `behavior` out, or add the one that it merges into",
        GENERATORS,
    ),
    say("apiVersion for", "write that apiVersion, or leave it out", &["apiVersion"]),
    say("kind should be", "write `kind: Kustomization` or `kind: Component`, or leave it out", &["kind"]),
    say("cycle detected", "a base leads back to the folder that names it: remove one of the two", RESOURCES),
    say("unknown field", "remove it, or correct its spelling", &[]),
    say(
        "unable to load builtin",
        "kustomize has no plugin of that kind: correct `kind`",
        &["transformers", "generators", "validators"],
    ),
    say(
        "external plugin",
        "only kustomize's own plugins run: give it `apiVersion: builtin` and the kind of one of them",
        &["transformers", "generators", "validators"],
    ),
    say("missing metadata.name", "give it a name", &[]),
    say("missing kind", "every manifest says its apiVersion and kind", &[]),
    say(
        "missing Resource metadata",
        "every resource is a manifest with apiVersion, kind and metadata.name; another kustomization is named by its folder",
        &[],
    ),
    say("nothing selected by", "correct the replacement's `source`", &["replacements"]),
    say("unable to find field", "correct `fieldPaths`, or say `options: {create: true}`", &["replacements"]),
    say(
        "expected kind 'Component'",
        "name it under `resources`, or give it `kind: Component`",
        &["components"],
    ),
    say("kustomization.yaml is empty", "name something in it, or remove it", &[]),
    say("Found multiple kustomization files", "keep one of them", &[]),
    say("must be", "correct the value", &[]),
];

/// Helm's.
pub(super) const HELM: &[Advice] = &[
    say(
        "missing in charts/ directory",
        "rendering fetches nothing: run `helm dependency build` and commit the `charts/` folder",
        &["dependencies"],
    ),
    say("not defined", "Helm has no such function: correct its spelling", &[]),
    say(
        "error unpacking",
        "the packed chart is broken: run `helm dependency build`, and commit what it packs",
        &[],
    ),
    say("unexpected EOF", "close every `if`, `range`, `with` and `define` by `{{ end }}`", &[]),
    say("unexpected {{end}}", "it ends nothing: remove it, or begin what it ends", &[]),
    say("parse error at", "correct the template's syntax", &[]),
    say("no template ", "define it in a file below `templates/`, or correct its name", &[]),
    say(
        "nil pointer evaluating",
        "what stands before that name is not set: set it in the values, or guard it by `if` or `default`",
        &[],
    ),
    say(
        "can't evaluate field",
        "the value has another shape than the template takes: correct the values or the template",
        &[],
    ),
    say(
        "range can't iterate",
        "the value has another shape than the template takes: make it a list or a mapping",
        &[],
    ),
    say(
        "wrong type for value",
        "the value has another type than the template takes: correct the values or the template",
        &[],
    ),
    say("execution error at", "the chart asks for other values: set what it names", &[]),
    say(
        "YAML parse error",
        "correct what the template gives there: look at indentation (`nindent`) and quotes (`quote`)",
        &[],
    ),
    say("specifications of the schema", "correct the values, or the chart's values.schema.json", &[]),
    say("chart.metadata.version", "give Chart.yaml a `version` such as 1.0.0", &["version"]),
    say("chart.metadata", "complete Chart.yaml", &[]),
    say(
        "library charts are not installable",
        "a library chart gives nothing itself: name a chart that uses it",
        &["type"],
    ),
    say(
        "requires kubeVersion",
        "correct the chart's `kubeVersion`, or deploy it where that version runs",
        &["kubeVersion"],
    ),
    say("cannot load values.yaml", "values are a mapping", &[]),
    say("error calling", "correct the template, or the values that it is given", &[]),
];
