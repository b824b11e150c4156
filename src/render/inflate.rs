//! Charts that a kustomization renders by itself (`helmCharts`), where the operator lets it.
//!
//! Kustomize starts Helm for them. What lies in the repository is enough: a chart that does not is the author's fault, with
//! its line, because Kustomize would fetch it (<https://kubectl.docs.kubernetes.io/references/kustomize/builtins/>).

use crate::model::fault::Fault;
use crate::render::Limits;
use crate::render::chart;
use crate::render::closure::Closure;
use crate::render::sources::CHART;
use crate::render::tree::{Found, Tree, below, join, shown};
use crate::yaml::Node;

/// Where charts lie if the kustomization does not say.
const HOME: &str = "charts";

/// A kustomization that names charts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kustomization<'a> {
    /// The tree that it lies in.
    pub tree: &'a Tree,
    /// How much may be read.
    pub limits: &'a Limits,
    /// Its folder.
    pub folder: &'a str,
    /// Its file.
    pub file: &'a str,
    /// What it says.
    pub root: &'a Node,
}

impl Kustomization<'_> {
    /// Adds what its charts read to the closure, or what is wrong with them.
    pub(super) fn inflate(&self, closure: &mut Closure) {
        let globals = self.root.get("helmGlobals");
        if let Some(node) = globals.and_then(|globals| globals.get("configHome")) {
            let message = "`configHome` would give Helm settings and plugins of its own".to_owned();
            closure.faults.push(self.fault(node, message, "leave it out"));
        }
        let home = globals.and_then(|globals| globals.get("chartHome")).and_then(Node::text).unwrap_or(HOME);
        for entry in self.root.get("helmCharts").map(Node::items).unwrap_or_default() {
            match self.chart(entry, home) {
                Err(fault) => closure.faults.push(fault),
                Ok(chart) => {
                    let chart = chart::inspect(self.tree, &chart, self.limits);
                    closure.faults.extend(chart.faults);
                    closure.faults.extend(chart.elsewhere.into_iter().map(|one| one.fault));
                    if let Some((place, from)) = chart.places.first() {
                        let message = format!("the chart needs `{}` as its `{}`", shown(from), shown(place));
                        let hint = "run `helm dependency build` and commit the `charts/` folder, or name the chart as a source of its own";
                        closure.faults.push(self.fault(entry, message, hint));
                    }
                    closure.others.extend(chart.inputs.files);
                    closure.folders.extend(chart.inputs.folders);
                    closure.names.extend(chart.inputs.names);
                    closure.inflates = true;
                }
            }
            self.values(entry, closure);
        }
    }

    /// The folder of a chart, where Kustomize looks for it before it fetches it.
    fn chart(&self, entry: &Node, home: &str) -> Result<String, Fault> {
        let text = |key: &str| entry.get(key).and_then(Node::text).unwrap_or_default();
        let (name, version) = (text("name"), text("version"));
        let mut places = vec![format!("{home}/{name}")];
        if !version.is_empty() && !text("repo").is_empty() {
            places.insert(0, format!("{home}/{name}-{version}/{name}"));
        }
        let lies = |place: &String| join(self.folder, place).filter(|_| !place.starts_with('/'));
        let found = places.iter().filter_map(lies);
        let mut found = found.filter(|folder| self.tree.look(&below(folder, CHART)) == Found::File);
        let place = places.first().map_or(home, String::as_str);
        found.next().ok_or_else(|| {
            self.fault(
                entry,
                format!("there is no chart in `{}`, and rendering fetches none", shown(place)),
                "store it there (`helm pull --untar`), or name it as a source of its own",
            )
        })
    }

    /// The files with its values.
    fn values(&self, entry: &Node, closure: &mut Closure) {
        let further = entry.get("additionalValuesFiles").map(Node::items).unwrap_or_default();
        for node in entry.get("valuesFile").into_iter().chain(further) {
            let Some(path) = node.text().filter(|path| !path.is_empty()) else { continue };
            let file = join(self.folder, path).filter(|_| !path.starts_with('/'));
            match file.filter(|file| self.tree.look(file) == Found::File) {
                Some(file) => drop(closure.others.insert(file)),
                None => closure.faults.push(self.fault(
                    node,
                    format!("there is no file `{}` in the repository", shown(path)),
                    "paths are relative to the kustomization that names them",
                )),
            }
        }
    }

    fn fault(&self, node: &Node, message: String, hint: &str) -> Fault {
        Fault::new(message).hint(hint).file(self.file).at(node.line, node.column)
    }
}
