//! One thousand objects as files: 400 `ConfigMap`s, 300 Services, 300 Deployments without replicas.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Done;

/// How many objects there are.
pub(crate) const OBJECTS: usize = 1000;

/// Objects of one file.
const FILE: usize = 25;

/// The objects, each with the number of its last change.
#[derive(Debug, Clone)]
pub(crate) struct Manifests {
    changes: Vec<usize>,
}

impl Manifests {
    /// All as they are at first.
    pub(crate) fn new() -> Self {
        Self { changes: vec![0; OBJECTS] }
    }

    /// Changes every `step`th.
    pub(crate) fn change(&mut self, step: usize) {
        for change in self.changes.iter_mut().step_by(step) {
            *change += 1;
        }
    }

    /// Writes all files.
    pub(crate) fn write(&self, folder: &Path) -> Done<()> {
        fs::create_dir_all(folder)?;
        for (number, changes) in self.changes.chunks(FILE).enumerate() {
            let mut text = String::new();
            for (place, change) in changes.iter().enumerate() {
                text.push_str("---\n");
                object(number * FILE + place, *change, &mut text)?;
            }
            fs::write(folder.join(format!("{number:02}.yaml")), text)?;
        }
        Ok(())
    }

    /// All objects with the path of each beneath `namespaces/NAMESPACE`, and their collection's before it.
    pub(crate) fn requests(&self, namespace: &str) -> Done<Vec<(String, Vec<u8>)>> {
        let mut all = Vec::with_capacity(OBJECTS);
        for (number, change) in self.changes.iter().enumerate() {
            let mut text = String::new();
            object(number, *change, &mut text)?;
            let body: Value = serde_saphyr::from_str(&text)?;
            let collection = match kind(number) {
                Kind::Settings => "/api/v1/namespaces/{}/configmaps",
                Kind::Service => "/api/v1/namespaces/{}/services",
                Kind::Deployment => "/apis/apps/v1/namespaces/{}/deployments",
            };
            let path = format!("{}/object-{number}", collection.replace("{}", namespace));
            all.push((path, serde_json::to_vec(&body)?));
        }
        Ok(all)
    }
}

enum Kind {
    Settings,
    Service,
    Deployment,
}

fn kind(number: usize) -> Kind {
    match number % 10 {
        0..4 => Kind::Settings,
        4..7 => Kind::Service,
        _ => Kind::Deployment,
    }
}

fn object(number: usize, change: usize, text: &mut String) -> Done<()> {
    let labels = format!("{{app: object-{number}, part-of: shop}}");
    let head = format!("metadata:\n  name: object-{number}\n  labels: {labels}\n");
    match kind(number) {
        Kind::Settings => {
            write!(text, "apiVersion: v1\nkind: ConfigMap\n{head}data:\n  CHANGE: \"{change}\"\n")?;
            for key in 0..8 {
                writeln!(text, "  SETTING_{key}: \"value {key} of object {number}\"")?;
            }
        }
        Kind::Service => write!(
            text,
            "apiVersion: v1\nkind: Service\n{head}spec:\n  selector: {{app: object-{number}}}\n  ports:\n    \
             - {{name: http, port: {}, targetPort: 8080, protocol: TCP}}\n",
            8000 + change
        )?,
        Kind::Deployment => write!(
            text,
            "apiVersion: apps/v1\nkind: Deployment\n{head}spec:\n  replicas: 0\n  selector:\n    \
             matchLabels: {{app: object-{number}}}\n  template:\n    metadata:\n      labels: {labels}\n    spec:\n      \
             containers:\n        - name: web\n          image: registry.example.com/web:{change}\n          \
             env:\n            - {{name: MODE, value: production}}\n            - {{name: NUMBER, value: \"{number}\"}}\n          \
             ports: [{{containerPort: 8080, protocol: TCP}}]\n          resources:\n            \
             requests: {{cpu: 100m, memory: 128Mi}}\n            limits: {{memory: 256Mi}}\n          \
             readinessProbe: {{httpGet: {{path: /ready, port: 8080}}}}\n"
        )?,
    }
    Ok(())
}
