//! What a form sends, taken apart, and texts for addresses. Pure.

use std::collections::BTreeMap;

/// The fields of an `application/x-www-form-urlencoded` body; of two with one name the last counts. New lines as Unix has
/// them: browsers send both characters.
pub(super) fn fields(body: &str) -> BTreeMap<String, String> {
    body.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value).replace("\r\n", "\n")))
        .collect()
}

/// A text as part of an address.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = escaped.and_then(|digits| hex::decode(digits).ok()).and_then(|byte| byte.first().copied());
        if let Some(byte) = byte {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{encoded, fields};

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        let form = fields("user=bob&body=%2Fdeploy+staging%0D%0A%C3%A4&empty=&broken=%zz%2");
        assert_eq!(form["user"], "bob");
        assert_eq!(form["body"], "/deploy staging\nä");
        assert_eq!(form["empty"], "");
        assert_eq!(form["broken"], "%zz%2");
        assert!(fields("").is_empty());
        assert_eq!(encoded("a b/ä&c.yaml"), "a%20b/%C3%A4%26c.yaml");
    }
}
