//! The sample: repository `acme/shop`, its people, and the change that is proposed. The files lie in `sample/`.

use github_emulator::Role;

/// The organisation.
pub(super) const OWNER: &str = "acme";
/// The repository's name.
pub(super) const NAME: &str = "shop";
/// The environments, in the order in which they are deployed.
pub(super) const ENVIRONMENTS: [&str; 2] = ["staging", "production"];
/// Who is there, and what they may do.
pub(super) const PEOPLE: [(&str, Role, &str); 3] =
    [("ann", Role::Maintain, "maintain"), ("bob", Role::Write, "write"), ("rita", Role::Read, "read")];
/// The pull request's title.
pub(super) const TITLE: &str = "Open the new checkout";
/// The pull request's branch.
pub(super) const BRANCH: &str = "new-checkout";

/// The files as they lie in `sample/`: path and content.
const FILES: &[(&str, &str)] = &[
    (".tidegate.yaml", include_str!("sample/.tidegate.yaml")),
    ("README.md", include_str!("sample/README.md")),
    ("apps/api/base/deployment.yaml", include_str!("sample/apps/api/base/deployment.yaml")),
    ("apps/api/base/kustomization.yaml", include_str!("sample/apps/api/base/kustomization.yaml")),
    ("apps/api/base/service.yaml", include_str!("sample/apps/api/base/service.yaml")),
    (
        "apps/api/overlays/production/kustomization.yaml",
        include_str!("sample/apps/api/overlays/production/kustomization.yaml"),
    ),
    (
        "apps/api/overlays/staging/kustomization.yaml",
        include_str!("sample/apps/api/overlays/staging/kustomization.yaml"),
    ),
    ("apps/web/configmap.yaml", include_str!("sample/apps/web/configmap.yaml")),
    ("apps/web/deployment.yaml", include_str!("sample/apps/web/deployment.yaml")),
    ("apps/web/service-old.yaml", include_str!("sample/apps/web/service-old.yaml")),
    ("apps/web/service.yaml", include_str!("sample/apps/web/service.yaml")),
    ("charts/worker/Chart.yaml", include_str!("sample/charts/worker/Chart.yaml")),
    (
        "charts/worker/templates/deployment.yaml",
        include_str!("sample/charts/worker/templates/deployment.yaml"),
    ),
    ("charts/worker/values-production.yaml", include_str!("sample/charts/worker/values-production.yaml")),
    ("charts/worker/values-staging.yaml", include_str!("sample/charts/worker/values-staging.yaml")),
    ("charts/worker/values.yaml", include_str!("sample/charts/worker/values.yaml")),
    ("environments/production/namespace.yaml", include_str!("sample/environments/production/namespace.yaml")),
    ("environments/staging/namespace.yaml", include_str!("sample/environments/staging/namespace.yaml")),
];

/// The repository at first: path and content.
///
/// Each environment lives in a place of its own, with a namespace `shop`; in one cluster they need two.
pub(super) fn files(one_cluster: bool) -> Vec<(&'static str, String)> {
    let placed = |path: &str, text: &str| {
        if !one_cluster {
            return text.to_owned();
        }
        let [staging, production] = ENVIRONMENTS;
        match path {
            ".tidegate.yaml" => text
                .replacen("namespace: shop\n", &format!("namespace: shop-{staging}\n"), 1)
                .replacen("namespace: shop\n", &format!("namespace: shop-{production}\n"), 1),
            "environments/staging/namespace.yaml" => text.replace("shop", "shop-staging"),
            "environments/production/namespace.yaml" => text.replace("shop", "shop-production"),
            _ => text.to_owned(),
        }
    };
    FILES.iter().map(|(path, text)| (*path, placed(path, text))).collect()
}

/// One edit of the proposal: in this file, this text becomes that one; no text removes the file.
const EDITS: &[(&str, Option<(&str, &str)>)] = &[
    ("apps/web/deployment.yaml", Some(("nginx:1.27.4", "nginx:1.28.0"))),
    ("apps/web/configmap.yaml", Some(("CHECKOUT: classic", "CHECKOUT: express"))),
    ("apps/web/service-old.yaml", None),
    ("apps/api/overlays/production/kustomization.yaml", Some(("count: 2", "count: 3"))),
    ("charts/worker/values-production.yaml", Some(("concurrency: 8", "concurrency: 16"))),
];

/// What the pull request proposes: the files as they become; no content removes a file.
pub(super) fn proposal() -> Vec<(&'static str, Option<String>)> {
    let content = |path: &str| FILES.iter().find(|(name, _)| *name == path).map(|(_, content)| *content);
    EDITS
        .iter()
        .map(|(path, edit)| {
            (*path, edit.and_then(|(old, new)| content(path).map(|text| text.replace(old, new))))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{EDITS, FILES, files, proposal};

    #[test]
    fn one_cluster_has_a_namespace_for_each_environment() {
        let (apart, together) = (files(false), files(true));
        let text = |files: &[(&str, String)], wanted: &str| {
            files.iter().find(|(path, _)| *path == wanted).map(|(_, text)| text.clone()).unwrap()
        };
        assert_eq!(text(&apart, ".tidegate.yaml").matches("namespace: shop\n").count(), 2);
        for name in super::ENVIRONMENTS {
            let namespace = format!("shop-{name}");
            assert!(text(&together, ".tidegate.yaml").contains(&format!("namespace: {namespace}\n")));
            assert!(text(&together, &format!("environments/{name}/namespace.yaml")).contains(&namespace));
        }
    }

    #[test]
    fn each_edit_changes_a_file_that_is_there() {
        let proposal = proposal();
        assert_eq!(proposal.len(), EDITS.len());
        for (path, content) in proposal {
            let (_, before) = FILES.iter().find(|(name, _)| *name == path).unwrap();
            assert_ne!(content.as_deref(), Some(*before), "{path}");
        }
    }

    #[test]
    fn the_list_holds_every_file_of_the_folder() {
        fn walk(dir: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/sample");
        let mut found = Vec::new();
        walk(&root, &mut found);
        let mut found: Vec<String> =
            found.iter().map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect();
        found.sort();
        assert_eq!(found, FILES.iter().map(|(path, _)| (*path).to_owned()).collect::<Vec<_>>());
    }
}
