//! Edge cases, each a test of its name: a state and a change as in `fidelity`, played alone.

mod clusters;

use std::path::Path;

use crate::fidelity::play;

/// Plays the case of this name.
async fn edge(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/edges/cases.yaml");
    play("edge", &std::fs::read_to_string(file).unwrap(), &name.replace('_', "-")).await;
}

macro_rules! edges {
    ($($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            edge(stringify!($name)).await;
        })*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

edges! {
    empty_render
    object_terminating
    api_version_bump
    definition_scope_change
    stored_version_removal
    same_name_in_two_apps
    namespace_on_a_cluster_object
    namespace_missing
    null_values
    int_or_string
    config_map_of_a_mebibyte
    config_map_near_a_mebibyte
    binary_data
    crlf
    crlf_alone
    yaml_1_1_booleans
    yaml_1_1_boolean_as_text
    very_long_lines
    ten_managers
    managed_fields_wiped
    list_map_duplicates
    list_map_same_port_twice
    hpa_owned_replicas
    vpa_owned_resources
    aggregated_cluster_role_rules
    ca_bundle_injected
    service_address_and_node_port
    claim_volume_name
    account_token_secret
    webhook_denies
    webhook_down
}

#[test]
fn every_case_is_a_test() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/edges/cases.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  - name: "))
        .map(|name| name.replace('-', "_"))
        .collect();
    assert_eq!(names, NAMES);
}
