//! Renderers by version: which program an environment gets, and what is told where it cannot have it.

use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::{ids, map, renderers, source, tree};
use crate::model::fault::Failure;
use crate::model::settings::{Asked, Helm, Renderer, Versions};
use crate::model::target::Capabilities;
use crate::process::{self, Program};
use crate::render::sources::Task;
use crate::render::tools::Tools;
use crate::render::{Budget, Rendered, Renderers, Wanted, render};

fn asked(version: &str) -> Asked {
    Asked { version: version.parse().unwrap(), line: 4 }
}

/// A program that says a version. Another process writes it: what this one holds open cannot be run by its neighbours.
async fn script(folder: &Path, name: &str, says: &str) {
    let text =
        format!("printf '%s\\n' '#!/bin/sh' 'echo \"{says}\"' > new && chmod 755 new && mv new {name}");
    let program = Program::new("/bin/sh", folder, ["-c", &text]).env("PATH", "/usr/bin:/bin");
    assert!(process::run(&program).await.unwrap().success());
}

/// What an environment with a chart gets.
async fn helm(tools: &Tools, version: Option<Asked>) -> Result<Result<String, String>, Failure> {
    let versions = Versions { helm: version, kustomize: Some(asked("99")) };
    let task =
        Task { path: "a".to_owned(), renderer: Renderer::Helm, said: false, helm: Helm::default(), line: 7 };
    let chosen = tools.choose(&versions, &[task], false).await?;
    if let Some((renderer, fault)) = chosen.faults.first() {
        assert_eq!(*renderer, Renderer::Helm);
        return Ok(Err(fault.to_string()));
    }
    let file = chosen.tool("helm").unwrap().path.file_name().unwrap().to_str().unwrap().to_owned();
    Ok(Ok(format!("{file} {:?}", chosen.versions().get("helm"))))
}

#[tokio::test]
async fn a_version_stands_for_the_newest_that_begins_with_it() {
    let folder = TempDir::new().unwrap();
    for (name, says) in [
        ("helm", "v4.3.1"),
        ("helm-3.9.0", "v3.9.0"),
        ("helm-3.18.1", "v3.18.1+g1"),
        ("helm-3.19.2", "v3.19.2"),
        ("helm-3.19.10", "v3.19.10"),
        ("helm-3.20.0-rc.1", "v3.20.0-rc.1"),
        ("helm-3", "v3.0.0"),
        ("helm-old", "v2.0.0"),
        ("helmfile-3.99.0", "v3.99.0"),
    ] {
        script(folder.path(), name, says).await;
    }
    std::fs::write(folder.path().join("helm-3.77.0"), "cannot be run").unwrap();
    let tools = Tools::new(Some(folder.path()), None);
    for (version, wanted) in [
        (None, "helm Some(\"4.3.1\")"),
        (Some(asked("4")), "helm Some(\"4.3.1\")"),
        (Some(asked("3")), "helm-3.19.10 Some(\"3.19.10\")"),
        (Some(asked("v3.19")), "helm-3.19.10 Some(\"3.19.10\")"),
        (Some(asked("3.19.2")), "helm-3.19.2 Some(\"3.19.2\")"),
        (Some(asked("3.18")), "helm-3.18.1 Some(\"3.18.1\")"),
        (Some(asked("3.20.0-rc.1")), "helm-3.20.0-rc.1 Some(\"3.20.0-rc.1\")"),
    ] {
        assert_eq!(helm(&tools, version.clone()).await.unwrap().unwrap(), wanted, "{version:?}");
    }
    for version in ["3.1", "3.20", "3.77.0", "2.0.0", "5"] {
        let fault = helm(&tools, Some(asked(version))).await.unwrap().unwrap_err();
        assert_eq!(
            fault,
            format!(
                ".tidegate.yaml:4:1: helm {version} is not provided here (provided are 3.9.0, 3.18.1, 3.19.2, 3.19.10, \
                 3.20.0-rc.1, 4.3.1; without `versions.helm` it is the usual one)"
            )
        );
    }
    let none = Tools::new(Some(&folder.path().join("gone")), None);
    let fault = helm(&none, Some(asked("3"))).await.unwrap().unwrap_err();
    assert!(fault.contains("whoever runs Tidegate provides no helm"), "{fault}");
}

#[tokio::test]
async fn a_program_is_asked_again_when_its_file_changes() {
    let folder = TempDir::new().unwrap();
    let tools = Tools::new(Some(folder.path()), None);
    script(folder.path(), "helm", "v3.9.0").await;
    assert_eq!(helm(&tools, None).await.unwrap().unwrap(), "helm Some(\"3.9.0\")");
    script(folder.path(), "helm", "v3.19.2").await;
    assert_eq!(helm(&tools.clone(), Some(asked("3"))).await.unwrap().unwrap(), "helm Some(\"3.19.2\")");
    // One that says nothing that can be understood renders what asks for no version.
    script(folder.path(), "helm", "(devel)").await;
    assert_eq!(helm(&tools, None).await.unwrap().unwrap(), "helm None");
    assert!(helm(&tools, Some(asked("3"))).await.unwrap().unwrap_err().contains("provides no helm"));
}

async fn kustomized(tools: Tools, version: &str) -> Result<Rendered, Failure> {
    let root = tree(&[("a/kustomization.yaml", "resources: [m.yaml]\n"), ("a/m.yaml", &map("m"))]);
    let versions = Versions { kustomize: Some(asked(version)), helm: Some(asked("0.0.1")) };
    let renderers = Renderers { tools, ..renderers() };
    let wanted = Wanted {
        root: root.path(),
        owner: crate::model::id::RepoId(1),
        omitted: &std::sync::Arc::default(),
        environment: &"staging".parse().unwrap(),
        sources: &[source("a")],
        versions: &versions,
        namespace: None,
        capabilities: &Capabilities::default(),
        budget: &Budget::new(&renderers.limits),
    };
    render(&renderers, &wanted).await
}

#[tokio::test]
async fn the_real_program_renders_under_the_name_of_its_version_and_under_no_other() {
    let real = renderers();
    let usual = kustomized(real.tools.clone(), "5").await.unwrap();
    let version = usual.renderers["kustomize"].clone();
    assert_eq!(usual.renderers.len(), 1, "{:?}", usual.renderers);

    let folder = TempDir::new().unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/kustomize");
    symlink(&program, folder.path().join(format!("kustomize-{version}"))).unwrap();
    symlink(&program, folder.path().join("kustomize-5.0.77")).unwrap();
    let tools = || Tools::new(Some(folder.path()), None);
    let rendered = kustomized(tools(), &version).await.unwrap();
    assert_eq!((ids(&rendered), rendered.renderers), (vec!["ConfigMap m".to_owned()], usual.renderers));

    let failure = kustomized(tools(), "5.0").await.unwrap_err();
    let wanted =
        format!("kustomize-5.0.77 in render.tools says that it is {version}: its name must say its version");
    assert!(matches!(&failure, Failure::Ours(cause) if cause.to_string() == wanted), "{failure}");

    let missing = kustomized(tools(), "4.5").await.unwrap();
    assert_eq!(missing.faults.len(), 1, "{:#?}", missing.faults);
    assert_eq!(
        (missing.faults[0].file.as_deref(), missing.faults[0].line),
        (Some(".tidegate.yaml"), Some(4))
    );
    assert!(missing.bundle.objects.is_empty() && missing.renderers.is_empty());
}
