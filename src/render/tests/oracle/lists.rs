//! Lists that kubectl takes apart: whatever has `items` at its top, and nothing else.

/// Whole files, `§` in front.
pub(super) const SAME: &[&str] = &[
    "§apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n- {apiVersion: v1, kind: B, metadata: {name: b}}\n",
    "§apiVersion: v1\nkind: List\nmetadata: {resourceVersion: \"\"}\nitems: []\n",
    "§apiVersion: v1\nkind: List\nitems: null\n",
    "§apiVersion: v1\nkind: List\nitems:\n",
    "§apiVersion: v1\nkind: ConfigMapList\nitems:\n- {metadata: {name: a}, data: {k: y1}}\n- {metadata: {name: b}}\n",
    "§apiVersion: v1\nkind: ConfigMapList\nitems:\n- {apiVersion: v2, kind: Other, metadata: {name: b}}\n",
    "§apiVersion: apps/v1\nkind: DeploymentList\nmetadata: {name: x}\nitems:\n- {metadata: {name: a}}\n",
    "§apiVersion: x.io/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {items: [1, 2]}\n",
    "§apiVersion: x.io/v1\nkind: AllowList\nmetadata: {name: a}\n",
    "§apiVersion: x.io/v1\nkind: AllowList\nmetadata: {name: a}\nItems: [1]\n",
    "§apiVersion: x.io/v1\nkind: AllowList\nmetadata: {name: a}\nitems: [{metadata: {name: b}}]\n",
    "§apiVersion: x.io/v1\nkind: Basket\nmetadata: {name: a}\nitems: [{metadata: {name: b}}]\n",
    "§apiVersion: x.io/v1\nkind: Basket\nmetadata: {name: a}\nitems: ~\n",
    "§apiVersion: x.io/v1\nkind: Basket\nmetadata: {name: a}\nitems: []\n",
    "§apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\nitems:\n- {apiVersion: v1, kind: B, metadata: {name: b}}\n",
    "§{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{\"apiVersion\": \"v1\", \"kind\": \"A\", \"metadata\": {\"name\": \"a\"}, \"n\": 9007199254740993}]}",
    "§apiVersion: v1\nkind: List\nitems:\n- &a {apiVersion: v1, kind: A, metadata: {name: a}}\n- {<<: *a, kind: B}\n",
    "§apiVersion: v1\r\nkind: List\r\nitems:\r\n- apiVersion: v1\r\n  kind: A\r\n  metadata: {name: a}\r\n  t: |\r\n    x\r\n    y\r\n---\r\napiVersion: v1\r\nkind: B\r\nmetadata: {name: b}\r\n",
    "§apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {generateName: a-}}\n- {apiVersion: v1, kind: A, metadata: {name: b}, spec: {items: [1]}}\n",
];

/// Lists in lists, which kubectl refuses and we take apart: it has no reason beyond its own bug, and nothing is read
/// otherwise than written.
pub(super) const NESTED: &[(&str, &[&str])] = &[
    (
        "§apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: A, metadata: {name: a}}\n- {apiVersion: v1, kind: B, metadata: {name: b}}\n",
        &["a", "b"],
    ),
    (
        "§apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: A, metadata: {name: a}}]}\n",
        &["a"],
    ),
    ("§apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: []}\n", &[]),
];
