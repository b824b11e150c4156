//! The forms that programs give a text, for tests that look for a secret in all of them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A text as it may lie in other text, each with the name of the form.
#[allow(clippy::format_collect, reason = "short texts of tests")]
pub(crate) fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let quoted = |text: &str| Value::from(text).to_string();
    let bytes = secret.as_bytes();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let some_percent: String = secret
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { percent_of(c) })
        .collect();
    let unicode: String = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let entities =
        secret.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;");
    let docker =
        json!({"auths": {"registry.example.com": {"auth": STANDARD.encode(format!("joe:{secret}"))}}});
    let wrapped = STANDARD
        .encode(secret.repeat(3))
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>()
        .join("\n  ");
    vec![
        ("plain", secret.to_owned()),
        ("in a sentence", format!("the password is {secret}, is it not?")),
        ("in an address", format!("postgres://joe:{secret}@db/x")),
        ("with a newline", format!("{secret}\n")),
        ("with CRLF", format!("{}\r\n", secret.replace('\n', "\r\n"))),
        ("indented", format!("key: |\n    {}\n", secret.replace('\n', "\n    "))),
        ("JSON", format!("{{\"password\":{}}}", quoted(secret))),
        ("JSON in JSON", quoted(&format!("{{\"password\":{}}}", quoted(secret)))),
        ("JSON three deep", quoted(&quoted(&quoted(secret)))),
        ("\\u escapes", unicode),
        ("percent", some_percent),
        ("all percent", percent),
        ("entities", format!("<a b=\"{entities}\"/>")),
        ("hex", hex::encode(bytes)),
        ("HEX", hex::encode_upper(bytes)),
        ("hex in a longer one", hex::encode(format!("x{secret}y"))),
        ("base64", STANDARD.encode(bytes)),
        ("base64 without padding", STANDARD_NO_PAD.encode(bytes)),
        ("base64 for addresses", URL_SAFE.encode(bytes)),
        ("base64 for addresses without padding", URL_SAFE_NO_PAD.encode(bytes)),
        ("base64 with a newline", STANDARD.encode(format!("{secret}\n"))),
        ("base64 of more, 1", STANDARD.encode(format!("a{secret}z"))),
        ("base64 of more, 2", URL_SAFE.encode(format!("ab{secret}yz"))),
        ("base64 of more, 3", STANDARD_NO_PAD.encode(format!("abc{secret}xyz"))),
        ("base64 behind a path", format!("/data/{}", STANDARD.encode(bytes))),
        ("base64 of base64", STANDARD.encode(STANDARD.encode(bytes))),
        ("base64 of JSON", STANDARD.encode(json!({"a": [secret]}).to_string())),
        ("base64 in JSON", json!({"data": {"x": STANDARD.encode(bytes)}}).to_string()),
        ("a registry's login", docker.to_string()),
        ("a registry's login as base64", STANDARD.encode(docker.to_string())),
        ("wrapped base64", wrapped),
        (
            "basic authentication",
            format!("Authorization: Basic {}", STANDARD.encode(format!("joe:{secret}"))),
        ),
    ]
}

#[allow(clippy::format_collect, reason = "short texts of tests")]
fn percent_of(c: char) -> String {
    let mut buffer = [0; 4];
    c.encode_utf8(&mut buffer).bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// What of a secret lies open in a text: any form of it, or of one of its long lines.
pub(crate) fn leak(text: &str, secret: &str) -> Option<String> {
    let lines = secret.lines().map(str::trim).filter(|line| line.len() >= 16 && !line.starts_with("-----"));
    let own = std::iter::once(secret.trim()).chain(lines).filter(|part| part.len() >= 8);
    for part in own {
        // What stands around it says nothing: of the forms with more, what is left without that.
        let bare = ["plain", "\\u escapes", "percent", "all percent", "hex", "HEX"];
        for (name, form) in forms(part) {
            let core = if bare.contains(&name) || name.starts_with("base64") { form } else { continue };
            let core = core.trim_end_matches('=').to_owned();
            // The outermost characters may hold bits of what stands beside.
            let inner =
                if name.contains("more") { core.get(4..core.len() - 4).unwrap_or(&core) } else { &core };
            if inner.len() >= 8 && text.contains(inner) {
                return Some(format!("{name}: {inner}"));
            }
        }
    }
    None
}
