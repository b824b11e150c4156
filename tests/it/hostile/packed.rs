//! Packed charts inside a chart: entries that lead out, links, and bytes that unpack to far more.

use std::path::PathBuf;

use serde_json::json;

use crate::hostile::Kind;
use crate::hostile::case::{CHART, Case, map, refused, rendered};
use crate::hostile::place::{Place, fed};
use crate::support::program::command;

/// What a shell script packs to `sub.tgz` in a new folder.
fn packed(place: &Place, script: &str) -> Vec<u8> {
    let folder: PathBuf = place.at("packing");
    std::fs::create_dir_all(folder.join("sub/templates")).unwrap();
    std::fs::write(folder.join("sub/Chart.yaml"), CHART.replace("name: h", "name: sub")).unwrap();
    std::fs::write(folder.join("sub/templates/s.yaml"), map("sub")).unwrap();
    fed(command("/bin/sh").current_dir(&folder).args(["-ec", script]), b"");
    std::fs::read(folder.join("sub.tgz")).unwrap()
}

/// A chart that holds the packed one.
fn holds(case: Case, packed: Vec<u8>) -> Case {
    case.chart(&map("x")).file("h/charts/sub-1.0.0.tgz", packed).config(json!({"render": {"seconds": 20}}))
}

pub(super) const KINDS: &[Kind] = &[
    ("a packed chart with an entry that leads upwards", |place| {
        let script = "tar -czPf sub.tgz --transform='s,sub/templates/s.yaml,sub/../../../../x.yaml,' sub";
        holds(refused(&["h/Chart.yaml", "illegally references parent directory"]), packed(place, script))
    }),
    ("a packed chart with an entry from the root", |place| {
        let script = "tar -czPf sub.tgz --transform='s,sub/templates/s.yaml,/etc/x.yaml,' sub";
        holds(rendered(&["name: x"]).untold("name: sub"), packed(place, script))
    }),
    ("a packed chart with a link", |place| {
        let script = "ln -s ../../../secret/secret.yaml sub/templates/l.yaml; ln -s /proc/self/environ sub/e; tar -czf sub.tgz sub";
        holds(rendered(&["name: sub"]), packed(place, script))
    }),
    ("a packed chart of many zeros", |place| {
        let script = "head -c 300000000 /dev/zero | tr '\\0' x > sub/templates/big.yaml; tar -cf - sub | gzip -1 > sub.tgz";
        holds(refused(&["h/Chart.yaml", "larger than the maximum size"]), packed(place, script))
    }),
    ("a packed chart of many files", |place| {
        let script = "cd sub; seq 1 30000 | xargs touch; cd ..; tar -czf sub.tgz sub";
        holds(rendered(&["name: sub"]), packed(place, script))
    }),
    ("a packed chart that is cut off", |place| {
        let mut bytes = packed(place, "tar -czf sub.tgz sub");
        bytes.truncate(bytes.len() / 2);
        holds(refused(&["h/Chart.yaml", "unexpected EOF"]), bytes)
    }),
    ("a packed chart that holds itself many times", |place| {
        let script = "mkdir sub/charts; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do tar -czf sub.tgz sub; cp sub.tgz sub/charts/a.tgz; cp sub.tgz sub/charts/b.tgz; done; tar -czf sub.tgz sub";
        holds(refused(&["h/Chart.yaml", "is there twice"]), packed(place, script))
    }),
];
