//! Repositories to render: Kustomize apps over shared bases, and charts.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Done;

/// Bases that the apps share.
const BASES: usize = 5;

/// Objects of one Kustomize app: those of its base and what is generated.
pub(crate) const OBJECTS: usize = 5;

/// Writes so many Kustomize apps: each a base with a prefix, a patch, an image and a generator of its own.
pub(crate) fn kustomize(root: &Path, apps: usize) -> Done<()> {
    settings(root)?;
    for number in 0..BASES {
        base(&root.join(format!("bases/{number}")), number)?;
    }
    for number in 0..apps {
        let folder = root.join("apps").join(app(number));
        fs::create_dir_all(&folder)?;
        let kustomization = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamePrefix: {}-\n\
             resources: [../../bases/{}]\npatches: [{{path: patch.yaml}}]\n\
             images: [{{name: registry.example.com/web, newTag: \"{number}\"}}]\n\
             configMapGenerator:\n  - {{name: flags, files: [flags.properties]}}\n",
            app(number),
            number % BASES,
        );
        fs::write(folder.join("kustomization.yaml"), kustomization)?;
        let patch = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {}\n",
            number % 7 + 1
        );
        fs::write(folder.join("patch.yaml"), patch)?;
        change(root, number, 0)?;
    }
    Ok(())
}

/// Changes what an app generates.
pub(crate) fn change(root: &Path, number: usize, change: usize) -> Done<()> {
    let file = root.join("apps").join(app(number)).join("flags.properties");
    Ok(fs::write(file, format!("number={number}\nchange={change}\n"))?)
}

/// The folder of an app beneath `apps`.
pub(crate) fn app(number: usize) -> String {
    format!("app-{number:03}")
}

fn base(folder: &Path, number: usize) -> Done<()> {
    fs::create_dir_all(folder)?;
    let resources = ["deployment", "service", "config", "account"];
    let mut kustomization =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n".to_owned();
    for name in resources {
        writeln!(kustomization, "  - {name}.yaml")?;
        fs::write(folder.join(format!("{name}.yaml")), object(name, number)?)?;
    }
    Ok(fs::write(folder.join("kustomization.yaml"), kustomization)?)
}

fn object(name: &str, number: usize) -> Done<String> {
    let mut text = String::new();
    match name {
        "deployment" => write!(
            text,
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  \
             template:\n    metadata: {{labels: {{app: web, base: \"{number}\"}}}}\n    spec:\n      serviceAccountName: web\n      \
             containers:\n        - name: web\n          image: registry.example.com/web:1.0\n          envFrom:\n            \
             - configMapRef: {{name: settings}}\n            - configMapRef: {{name: flags}}\n          \
             ports: [{{containerPort: 8080}}]\n          resources: {{requests: {{cpu: 100m, memory: 128Mi}}}}\n"
        )?,
        "service" => text.push_str(
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports: [{name: http, port: 80, targetPort: 8080}]\n",
        ),
        "config" => {
            text.push_str("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n");
            for key in 0..8 {
                writeln!(text, "  SETTING_{key}: \"value {key} of base {number}\"")?;
            }
        }
        _ => text.push_str("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n"),
    }
    Ok(text)
}

/// Objects of one chart.
pub(crate) const CHART: usize = 3;

/// Writes so many charts.
pub(crate) fn charts(root: &Path, count: usize) -> Done<()> {
    settings(root)?;
    for number in 0..count {
        let name = app(number);
        let folder = root.join("apps").join(&name);
        fs::create_dir_all(folder.join("templates"))?;
        fs::write(folder.join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n"))?;
        let values = format!(
            "replicas: {}\nimage: {{repository: registry.example.com/web, tag: \"{number}\"}}\nsettings:\n  COLOUR: green\n  MODE: production\n",
            number % 7 + 1
        );
        fs::write(folder.join("values.yaml"), values)?;
        for (file, text) in TEMPLATES {
            fs::write(folder.join("templates").join(file), text)?;
        }
    }
    Ok(())
}

const TEMPLATES: [(&str, &str); 4] = [
    (
        "_names.tpl",
        "{{- define \"name\" -}}{{ .Release.Name | trunc 63 | trimSuffix \"-\" }}{{- end -}}\n\
         {{- define \"labels\" -}}\napp.kubernetes.io/name: {{ .Chart.Name }}\napp.kubernetes.io/instance: {{ .Release.Name }}\n{{- end -}}\n",
    ),
    (
        "config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ include \"name\" . }}\n  labels: {{- include \"labels\" . | nindent 4 }}\n\
         data:\n{{- range $key, $value := .Values.settings }}\n  {{ $key }}: {{ $value | quote }}\n{{- end }}\n",
    ),
    (
        "deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ include \"name\" . }}\n  labels: {{- include \"labels\" . | nindent 4 }}\n\
         spec:\n  replicas: {{ .Values.replicas }}\n  selector:\n    matchLabels: {{- include \"labels\" . | nindent 6 }}\n  template:\n    \
         metadata:\n      labels: {{- include \"labels\" . | nindent 8 }}\n      annotations:\n        \
         checksum/config: {{ include (print .Template.BasePath \"/config.yaml\") . | sha256sum }}\n    spec:\n      containers:\n        \
         - name: web\n          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n          \
         envFrom: [{configMapRef: {name: {{ include \"name\" . }}}}]\n",
    ),
    (
        "service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ include \"name\" . }}\n  labels: {{- include \"labels\" . | nindent 4 }}\n\
         spec:\n  selector: {{- include \"labels\" . | nindent 4 }}\n  ports: [{name: http, port: 80, targetPort: 8080}]\n",
    ),
];

/// One environment that holds them all.
fn settings(root: &Path) -> Done<()> {
    fs::create_dir_all(root)?;
    let text =
        "version: 1\nenvironments:\n  all: {target: nowhere, namespace: shop, sources: [{path: apps/*}]}\n";
    Ok(fs::write(root.join(".tidegate.yaml"), text)?)
}
