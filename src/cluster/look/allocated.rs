//! Values of a dry run that the server allocates, and that an apply therefore has anew.

use serde_json::Value;

/// JSON Pointers into `after` of what the server allocates to a Service that is there already; what the payload states or
/// what it had before is no guess.
pub(super) fn allocated(after: &Value, live: &Value, payload: &Value) -> Vec<String> {
    if after.get("kind").and_then(Value::as_str) != Some("Service") {
        return Vec::new();
    }
    let mut guesses = Vec::new();
    for place in ["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort"] {
        let Some(value) = after.pointer(place) else { continue };
        let known = [live, payload].iter().any(|body| body.pointer(place) == Some(value));
        let stated =
            payload.pointer(place).is_some() || value == "None" || *value == serde_json::json!(["None"]);
        if !known && !stated {
            guesses.push(place.to_owned());
        }
    }
    let ports = |body: &Value| -> Vec<Option<Value>> {
        let ports = body.pointer("/spec/ports").and_then(Value::as_array);
        ports.into_iter().flatten().map(|port| port.get("nodePort").cloned()).collect()
    };
    let known = [ports(live), ports(payload)].concat();
    for (index, port) in ports(after).into_iter().enumerate() {
        if port.is_some() && !known.contains(&port) {
            guesses.push(format!("/spec/ports/{index}/nodePort"));
        }
    }
    guesses
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::allocated;

    #[test]
    fn only_what_is_new_and_not_asked_for_is_allocated() {
        let live = json!({"kind": "Service", "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}});
        let after = json!({"kind": "Service", "spec": {"clusterIP": "10.0.0.1", "healthCheckNodePort": 32000,
            "ports": [{"port": 80, "nodePort": 32001}, {"port": 81, "nodePort": 31000}]}});
        let payload = json!({"spec": {"ports": [{"port": 80}, {"port": 81, "nodePort": 31000}]}});
        assert_eq!(
            allocated(&after, &live, &payload),
            ["/spec/healthCheckNodePort", "/spec/ports/0/nodePort"]
        );
        assert!(allocated(&after, &after, &payload).is_empty());
        let headless = json!({"kind": "Service", "spec": {"clusterIP": "None"}});
        assert!(allocated(&headless, &live, &json!({})).is_empty());
    }
}
