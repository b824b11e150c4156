//! Charts that do not end, that give too much, or that reach for what is not theirs.

use serde_json::json;

use crate::hostile::Kind;
use crate::hostile::case::{CHART, Case, lines, map, refused, rendered};

/// A template in the place of a value of an object.
fn value(expression: &str) -> String {
    format!("{}data:\n  v: {{{{ {expression} }}}}\n", map("x"))
}

/// A chart that is ended for what it takes, with ten seconds.
fn ended(template: &str) -> Case {
    refused(&["h/Chart.yaml: ", "helm did not end within 4 s or helm crashed: "])
        .chart(template)
        .config(json!({"render": {"seconds": 4}}))
}

/// A chart with a schema.
fn schema(told: &str, text: &str) -> Case {
    refused(&["h/values.schema.json", told]).chart(&map("x")).file("h/values.schema.json", text)
}

/// A chart that depends on another one.
fn depends(told: &[&str], repository: &str) -> Case {
    let dependencies =
        format!("{CHART}dependencies:\n- {{name: d, version: '*', repository: {repository:?}}}\n");
    refused(told).chart(&map("x")).file("h/Chart.yaml", dependencies)
}

pub(super) const KINDS: &[Kind] = &[
    ("includes in a circle", |_| {
        ended(
            "{{ define \"a\" }}{{ include \"b\" . }}{{ end }}{{ define \"b\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}",
        ).only(&["h/", "error calling include or helm did not end within 4 s or helm crashed: "])
    }),
    ("templates in a circle", |_| {
        ended("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}")
            .only(&["h/", "exceeded maximum template depth or helm did not end within 4 s or helm crashed: "])
    }),
    ("tpl of itself", |_| {
        ended("{{ tpl .Values.s . }}")
            .file("h/values.yaml", "s: '{{ tpl .Values.s . }}{{ tpl .Values.s . }}'\n")
    }),
    ("repeat of repeat", |_| ended(&value("\"x\" | repeat 1000000 | repeat 1000000"))),
    ("ranges in ranges", |_| {
        let (range, end) = ("{{ range until 100 }}".repeat(6), "{{ end }}".repeat(6));
        ended(&format!("{range}a line of what is printed again and again\n{end}"))
    }),
    ("ranges that print nothing", |_| {
        let (range, end) = ("{{- range until 1000 -}}".repeat(5), "{{- end -}}".repeat(5));
        ended(&format!("{range}{end}"))
    }),
    ("a list of a thousand million", |_| ended("{{ until 1000000000 | len }}")),
    ("a text of a thousand million characters", |_| ended("{{ randAlphaNum 1000000000 | len }}")),
    ("a width of a thousand million", |_| {
        rendered(&["v: 25"]).chart(&value("printf \"%999999999d\" 1 | len"))
    }),
    ("an indent of a thousand million", |_| ended(&value("nindent 1000000000 \"a\" | len"))),
    ("a text that doubles", |_| {
        ended(
            "{{ $s := \"xxxxxxxx\" }}{{ range until 60 }}{{ $s = b64enc (cat $s $s) }}{{ end }}{{ len $s }}",
        )
    }),
    ("values that double", |_| {
        ended(
            "{{ $d := dict \"a\" \"b\" }}{{ range until 60 }}{{ $d = dict \"l\" (deepCopy $d) \"r\" (deepCopy $d) }}{{ end }}{{ toYaml $d | len }}",
        )
    }),
    ("certificates without end", |_| {
        ended(
            "{{ range until 100000 }}{{ $c := genCA \"x\" 365 }}{{ (genSignedCert \"x\" nil nil 365 $c).Cert | len }}{{ end }}",
        )
    }),
    ("keys without end", |_| ended("{{ range until 100000 }}{{ genPrivateKey \"rsa\" | len }}{{ end }}")),
    ("passwords without end", |_| {
        ended(
            "{{ range until 100000 }}{{ htpasswd \"a\" \"b\" | len }}{{ derivePassword 1 \"long\" \"a\" \"b\" \"c\" | len }}{{ end }}",
        )
    }),
    ("an expression that goes back and forth", |_| {
        rendered(&["v: false"])
            .chart(&value("regexMatch \"^(a*)*(a|aa)+$\" (cat (\"a\" | repeat 50000) \"b\")"))
    }),
    ("an expression that multiplies", |_| {
        refused(&["h/templates/x.yaml:5", "regexp"])
            .chart(&value("mustRegexMatch \"((x{1000}){1000}){1000}\" \"x\""))
    }),
    ("many expressions on much text", |_| {
        ended(
            "{{ $t := \"ab\" | repeat 1000000 }}{{ range until 100000 }}{{ regexReplaceAll \"(a|b)*(a|b){300}c\" $t \"x\" | len }}{{ end }}",
        )
    }),
    ("a look into the cluster", |_| {
        rendered(&["v: \"{}\""])
            .chart(&value("lookup \"v1\" \"Secret\" \"kube-system\" \"\" | toJson | quote"))
    }),
    ("a name of the network", |_| {
        rendered(&["v: \"\""]).chart(&value("getHostByName \"localhost\" | quote"))
    }),
    ("the environment", |_| {
        refused(&["h/templates/x.yaml:5", "env"]).chart(&value("env \"DATABASE_PASSWORD\""))
    }),
    ("the environment in a text", |_| {
        refused(&["h/templates/x.yaml:5", "expandenv"])
            .chart(&value("expandenv \"$DATABASE_PASSWORD $HOME\""))
    }),
    ("files outside the chart", |place| {
        let secret = place.secret().display().to_string();
        let expression = format!(
            "cat (.Files.Get \"{secret}\") (.Files.Get \"/proc/self/environ\") (.Files.Get \"../.tidegate.yaml\") (.Files.Lines \"../../secret/secret.yaml\" | len) | quote"
        );
        rendered(&["v: \"   0\""]).chart(&value(&expression)).untold("environments")
    }),
    ("all files by a pattern", |_| {
        rendered(&["own: mine"])
            .chart(&format!("{}data:\n{{{{ (.Files.Glob \"**\").AsConfig | indent 2 }}}}\n{{{{ (.Files.Glob \"../../**\").AsConfig | replace \"{{}}\" \"\" }}}}", map("x")))
            .file("h/own", "mine")
            .untold("environments")
    }),
    ("all that a chart knows", |_| {
        rendered(&["Service: Helm"]).chart(&format!(
            "{}data:\n  all: |\n{{{{ omit . \"Files\" \"Subcharts\" | toYaml | indent 4 }}}}\n",
            map("x")
        ))
    }),
    ("a version of Kubernetes that nobody has", |_| {
        refused(&["h/Chart.yaml", "kubeVersion"])
            .chart(&map("x"))
            .file("h/Chart.yaml", format!("{CHART}kubeVersion: '>=99'\n"))
    }),
    ("a version of Kubernetes of many conditions", |_| {
        refused(&["h/Chart.yaml"])
            .chart(&map("x"))
            .file("h/Chart.yaml", format!("{CHART}kubeVersion: '{}'\n", ">=1 <2 || ".repeat(100_000)))
    }),
    ("a chart that depends on itself", |_| depends(&["h/Chart.yaml:5", "is called"], "file://.")),
    ("a chart that depends on itself by its name", |_| {
        let text = "apiVersion: v2\nname: d\nversion: 1.0.0\ndependencies:\n- {name: d, version: '*', repository: 'file://.'}\n";
        refused(&["h/Chart.yaml:5", "8 deep"]).chart(&map("x")).file("h/Chart.yaml", text)
    }),
    ("charts that depend twice on each other", |_| {
        let both = |name: &str, of: &str| {
            let one = |alias: &str| {
                format!("- {{name: {of}, alias: {alias}, version: '*', repository: 'file://../{of}'}}\n")
            };
            format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\ndependencies:\n{}{}", one("p"), one("q"))
        };
        let mut case = refused(&["Chart.yaml"]);
        for at in 0..12 {
            case = case.file(format!("c{at}/Chart.yaml"), both(&format!("c{at}"), &format!("c{}", at + 1)));
        }
        case.file("c12/Chart.yaml", CHART.replace("name: h", "name: c12")).sources("[{path: c0}]")
    }),
    ("charts that depend many times on each other", |_| {
        let many = |of: usize| {
            format!("- {{name: c{of}, version: '*', repository: 'file://../c{of}'}}\n").repeat(30)
        };
        let mut case = refused(&["Chart.yaml", "more than 1000 dependencies"]);
        for at in 0..8 {
            let text = format!(
                "{}dependencies:\n{}",
                CHART.replace("name: h", &format!("name: c{at}")),
                many(at + 1)
            );
            case = case.file(format!("c{at}/Chart.yaml"), text);
        }
        case.file("c8/Chart.yaml", CHART.replace("name: h", "name: c8")).sources("[{path: c0}]")
    }),
    ("many dependencies and many charts that are none of them", |_| {
        let many = lines(30_000, |at| format!("- {{name: d{at}, version: '*'}}\n"));
        let mut case =
            refused(&["h/Chart.yaml:5:3", "the chart depends on `d0`, which is not in its `charts/`"])
                .chart(&map("x"));
        case = case.file("h/Chart.yaml", format!("{CHART}dependencies:\n{many}"));
        for at in 0..3_000 {
            case = case.file(format!("h/charts/{at}/Chart.yaml"), CHART);
        }
        case
    }),
    ("a dependency of another host", |_| {
        depends(&["h/Chart.yaml:5", "does not fetch"], "https://169.254.169.254/charts")
    }),
    ("a dependency by oci://", |_| depends(&["h/Chart.yaml:5", "does not fetch"], "oci://10.0.0.1/charts")),
    ("a dependency outside the repository", |_| {
        depends(&["h/Chart.yaml:5", "out of the repository"], "file://../../secret")
    }),
    ("a schema of another host", |_| {
        schema(
            "`$ref` leads to `http://169.254.169.254/latest/`",
            "{\"$ref\": \"http://169.254.169.254/latest/\"}",
        )
    }),
    ("a schema of this machine", |_| {
        schema("`$ref` leads to `file:///etc/passwd`", "{\"$ref\": \"file:///etc/passwd\"}")
    }),
    ("a schema of zeros", |_| {
        schema(
            "`$ref` leads to `file:///dev/zero`",
            "{\"properties\": {\"a\": {\"$ref\": \"file:///dev/zero\"}}}",
        )
    }),
    ("a schema that refers to itself", |_| {
        refused(&["h"])
            .chart(&map("x"))
            .file("h/values.schema.json", "{\"$ref\": \"#\"}")
            .file("h/values.yaml", "a: b\n")
            .config(json!({"render": {"seconds": 4}}))
    }),
    ("a release that is an option", |_| {
        refused(&[".tidegate.yaml:4:41", "must be a release's name"])
            .chart(&map("x"))
            .sources("[{path: h, helm: {release: '--post-renderer=/bin/sh'}}]")
            .all()
    }),
    ("a namespace that is an option", |_| {
        let text = "version: 1\nenvironments:\n  hostile:\n    namespace: --kubeconfig=/etc/passwd\n    sources: [{path: h}]\n";
        refused(&[".tidegate.yaml:4", "namespace"]).chart(&map("x")).settings(text)
    }),
    ("files of values that are options", |_| {
        let list = "[--set, '--post-renderer=sh', 'a,b.yaml', 'http://169.254.169.254/latest']";
        rendered(&["v: four"])
            .chart(&value(".Values.v"))
            .file("h/--set", "v: one\n")
            .file("h/--post-renderer=sh", "v: two\n")
            .file("h/a,b.yaml", "v: three\n")
            .file("h/http:/169.254.169.254/latest", "v: four\n")
            .sources(&format!("[{{path: h, helm: {{values: {list}}}}}]"))
    }),
    ("a file of values that is a device", |_| {
        refused(&[".tidegate.yaml:4:1", "dev/zero"])
            .chart(&map("x"))
            .sources("[{path: h, helm: {values: [/dev/zero]}}]")
    }),
    ("a failure that says much", |_| {
        refused(&["h/templates/x.yaml"])
            .chart("{{ fail (cat \"\\u001b[2J\\n::error::\" (repeat 1000000 \"x\")) }}")
    }),
    ("a chart of 20,001 files", |_| {
        let mut case = refused(&["h", "more than 20000 files"]).chart(&map("x"));
        for at in 0..20_001 {
            case = case.file(format!("h/f/{at}"), "");
        }
        case
    }),
    ("patterns of what a chart ignores", |_| {
        rendered(&["name: x"])
            .chart(&map("x"))
            .file("h/.helmignore", format!("{}\n", "*a".repeat(50)).repeat(20_000))
            .file(format!("h/{}", "a".repeat(200)), "")
            .config(json!({"render": {"seconds": 4}}))
    }),
    ("objects of another name at each render", |_| {
        refused(&["h/templates/x.yaml", "another name at each render"])
            .chart(&map("{{ randAlphaNum 8 | lower }}"))
    }),
    ("objects in another number at each render", |_| {
        refused(&["h/templates/x.yaml"]).chart("{{ range $i := until (randInt 1 1000) }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x{{ $i }}}\n{{ end }}")
    }),
];
