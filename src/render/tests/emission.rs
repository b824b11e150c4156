//! What we write, kubectl reads back as the same: random objects with texts that are hard to write.

use std::fs;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use serde_json::{Value, json};

use super::oracle::{asked, canonical};
use crate::yaml::random::{text, value};
use crate::yaml::write_all;

/// A value in a manifest, at times with a number of any size or at the bottom of many levels.
fn manifest() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has none", |double| double.is_finite()).prop_map(Value::from),
        any::<f32>().prop_filter("JSON has none", |float| float.is_finite()).prop_map(Value::from),
        (-400i32..400).prop_map(|exponent| json!(10f64.powi(exponent).clamp(0.0, 1e300))),
    ];
    let levels = (prop::collection::vec(prop_oneof![Just(None), text().prop_map(Some)], 0..40), value());
    let deep = levels.prop_map(|(levels, value)| {
        levels.into_iter().fold(value, |inner, key| match key {
            Some(key) => json!({ key: inner }),
            None => json!([inner]),
        })
    });
    (value(), number, prop_oneof![4 => Just(Value::Null), 1 => deep]).prop_map(|(value, number, deep)| {
        let metadata = json!({"name": "a"});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "spec": value, "n": number, "deep": deep})
    })
}

proptest! {
    // A process for each case, so each holds many manifests; a failing one shrinks to one of them.
    #![proptest_config(ProptestConfig {
        cases: 12,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn kubectl_reads_back_what_we_write(mut manifests in prop::collection::vec(manifest(), 40..80)) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.yaml"), write_all(&manifests)).unwrap();
        let (mut read, errors) = asked(folder.path());
        assert!(errors.is_empty(), "{errors}");
        manifests.iter_mut().chain(&mut read).for_each(canonical);
        assert_eq!(read.len(), manifests.len());
        for (read, written) in read.iter().zip(&manifests) {
            assert_eq!(read, written, "{}", crate::yaml::write(written));
        }
    }
}
