//! Real trees, real kustomize, real helm.

mod affected;
mod apps;
mod emission;
mod hostile;
mod inflate;
mod messages;
mod omitted;
mod oracle;
mod plain;
mod programs;
mod remote;
mod versions;

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;

use super::{Budget, Limits, Omitted, Rendered, Renderers, Wanted, render};
use crate::model::fault::Fault;
use crate::model::id::RepoId;
use crate::model::settings::{Source, Versions};
use crate::model::target::Capabilities;

/// The programs of `make tools`, or of PATH.
fn renderers() -> Renderers {
    // Shared, so that they are asked for their versions once.
    static FOUND: OnceLock<Renderers> = OnceLock::new();
    let find = || {
        #[expect(clippy::disallowed_methods, reason = "a test may look where its tools are")]
        let path = std::env::var_os("PATH");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools");
        let found = Renderers::find(Some(&folder), path.as_deref());
        assert!(found.tools.has("kustomize"), "kustomize is missing: run `make tools`");
        assert!(found.tools.has("helm"), "helm is missing: run `make tools`");
        found
    };
    FOUND.get_or_init(find).clone()
}

/// A repository's tree: path and content; `-> target` makes a symbolic link.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content.strip_prefix("-> ") {
            Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            None => fs::write(path, content).unwrap(),
        }
    }
    root
}

fn source(path: &str) -> Source {
    Source { path: path.to_owned(), renderer: None, helm: None, line: 7 }
}

async fn render_all(
    root: &TempDir,
    sources: &[Source],
    namespace: Option<&str>,
    capabilities: &Capabilities,
) -> Rendered {
    render_without(root, &Arc::default(), sources, namespace, capabilities).await
}

/// The same of a tree that lacks something.
async fn render_without(
    root: &TempDir,
    omitted: &Arc<Omitted>,
    sources: &[Source],
    namespace: Option<&str>,
    capabilities: &Capabilities,
) -> Rendered {
    let environment = "staging".parse().unwrap();
    let budget = Budget::new(&Limits::default());
    let root_path = root.path();
    let wanted = Wanted {
        root: root_path,
        owner: RepoId(1),
        omitted,
        versions: &Versions::default(),
        environment: &environment,
        sources,
        namespace,
        capabilities,
        budget: &budget,
    };
    let rendered = render(&renderers(), &wanted).await.unwrap();
    // Nothing that people see names a path of ours.
    let said = format!("{:?} {:?}", rendered.faults, rendered.bundle.warnings);
    assert!(!said.contains(root.path().to_str().unwrap()), "{said}");
    assert!(!said.contains("tidegate-render-"), "{said}");
    rendered
}

/// Renders one source without a target.
async fn one(files: &[(&str, &str)], path: &str) -> Rendered {
    render_all(&tree(files), &[source(path)], None, &Capabilities::default()).await
}

/// Renders one source that must give exactly one fault.
async fn fault(files: &[(&str, &str)], path: &str) -> Fault {
    let rendered = one(files, path).await;
    assert_eq!(rendered.faults.len(), 1, "{:#?}", rendered.faults);
    rendered.faults.into_iter().next().unwrap()
}

/// `Kind namespace/name` of all objects.
fn ids(rendered: &Rendered) -> Vec<String> {
    assert!(rendered.faults.is_empty(), "{:#?}", rendered.faults);
    rendered.bundle.objects.iter().map(|object| object.id.to_string()).collect()
}

/// A ConfigMap of this name.
fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}
