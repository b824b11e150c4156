//! Random objects and edits of them, for the tests of this room.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts that are often alike in part, and hostile ones.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{1,2}",
        1 => "([ab \t]{0,3}\r?\n){0,4}[ab]{0,2}",
        1 => Just("{\"a\": {\"b\": [1, 2]}, \"c\": \"x\"}".to_owned()),
        1 => Just("a: 1\nb:\n- c\n- d\n".to_owned()),
        1 => any::<String>(),
    ]
}

/// A value with few keys, so that two of them are often alike in part.
pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (0..3_u32).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-c/~]|name|port|list|set", inner.clone(), 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            items(inner),
        ]
    })
}

/// A list as the API server keys them; now and then a key is there twice.
fn items(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let item = ("[a-d]", 0..3_u32, inner)
        .prop_map(|(name, port, more)| json!({"name": name, "port": port, "more": more}));
    proptest::collection::vec(item, 0..5).prop_map(|items| json!({"list": items}))
}
