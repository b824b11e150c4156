//! Secrets: by value or by file, never printed, and kept out of the snippets of other faults.

use std::path::{Path, PathBuf};

use aws_lc_rs::rsa::KeyPair;
use base64::Engine;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroize};

use crate::yaml::fields::{Field, Fields};
use crate::yaml::{Content, Node};

/// The largest secret file that is read.
const LARGEST: u64 = 64 << 10;

/// The secret under `key`, or in the file under `key_file`; exactly one must be given.
pub(super) fn read(
    fields: &Fields<'_>,
    (key, file_key): (&'static str, &'static str),
    place: &dyn Fn(&Field<'_>) -> Option<PathBuf>,
) -> Option<SecretString> {
    match (fields.get(key), fields.get(file_key)) {
        (Some(value), Some(_)) => {
            value.refuse(format!("both {key} and {file_key} are given"), "keep one of them");
            None
        }
        (Some(value), None) => value.text().map(|text| SecretString::from(trimmed(text))),
        (None, Some(file)) => from_file(&file, &place(&file)?),
        (None, None) => {
            fields.required(file_key, &format!("or give {key}"));
            None
        }
    }
}

/// The secret in a file, without its final newline.
pub(super) fn from_file(field: &Field<'_>, path: &Path) -> Option<SecretString> {
    let read = std::fs::metadata(path).and_then(|facts| {
        if facts.len() > LARGEST {
            return Err(std::io::Error::other(format!("it is larger than {LARGEST} bytes")));
        }
        std::fs::read_to_string(path)
    });
    match read {
        Ok(mut text) if trimmed(&text).is_empty() => {
            text.zeroize();
            field.refuse(format!("{}: {} is empty", field.path(), path.display()), "");
            None
        }
        Ok(mut text) => {
            let secret = SecretString::from(trimmed(&text));
            text.zeroize();
            Some(secret)
        }
        Err(error) => {
            let hint = "the file must be there and readable for the user that runs Tidegate";
            field.refuse(format!("{}: {} cannot be read: {error}", field.path(), path.display()), hint);
            None
        }
    }
}

/// Without the newline that editors add.
fn trimmed(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Is it an RSA private key in PEM, as GitHub gives it (PKCS#1) or as tools convert it (PKCS#8)?
pub(super) fn is_rsa_key(pem: &SecretString) -> bool {
    let text = pem.expose_secret().trim();
    let body = |kind: &str| {
        let rest = text.strip_prefix(&format!("-----BEGIN {kind}-----"))?;
        let mut digits: String =
            rest.strip_suffix(&format!("-----END {kind}-----"))?.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(&digits);
        digits.zeroize();
        bytes.ok()
    };
    let pkcs1 = body("RSA PRIVATE KEY").map(|mut bytes| {
        let good = KeyPair::from_der(&bytes).is_ok();
        bytes.zeroize();
        good
    });
    let pkcs8 = || {
        body("PRIVATE KEY").map(|mut bytes| {
            let good = KeyPair::from_pkcs8(&bytes).is_ok();
            bytes.zeroize();
            good
        })
    };
    pkcs1.or_else(pkcs8).unwrap_or(false)
}

/// The text of a file with every value starred out whose key sounds secret, so that a snippet around some other fault
/// cannot show it. Stars keep the columns.
pub(super) fn hidden(text: &str, root: &Node) -> String {
    let mut secrets = Vec::new();
    collect(root, false, &mut secrets);
    // Longest first, so that a secret that is part of another one does not leave its rest.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| {
        text.replace(secret.as_str(), &"*".repeat(secret.chars().count()))
    })
}

fn collect(node: &Node, secret: bool, into: &mut Vec<String>) {
    match &node.content {
        // Line by line, because a snippet shows one.
        Content::Text(text) if secret => {
            into.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
        }
        Content::Number(number) if secret => into.push(number.to_string()),
        Content::List(items) => items.iter().for_each(|item| collect(item, secret, into)),
        Content::Map(entries) => {
            for (key, node) in entries {
                collect(node, secret || sounds_secret(&key.text), into);
            }
        }
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {}
    }
}

/// `database` may hold a password; mistyped keys are meant too.
fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let sounds = ["secret", "key", "token", "passw", "database", "pem"].iter().any(|word| key.contains(word));
    sounds && !key.ends_with("_file")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use base64::Engine;
    use secrecy::SecretString;

    use super::is_rsa_key;

    fn pem(kind: &str, der: &[u8]) -> SecretString {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let body = lines.join("\r\n");
        SecretString::from(format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"))
    }

    #[test]
    fn keys_are_known_in_both_of_their_forms_and_other_things_are_not() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let der = der.as_ref();
        // PKCS#8 of an RSA key is 26 bytes of frame around PKCS#1, which is what GitHub gives.
        let inner = &der[26..];
        assert!(is_rsa_key(&pem("PRIVATE KEY", der)));
        assert!(is_rsa_key(&pem("RSA PRIVATE KEY", inner)));
        assert!(!is_rsa_key(&pem("RSA PRIVATE KEY", der)), "the words and the key differ");
        assert!(!is_rsa_key(&pem("RSA PRIVATE KEY", &inner[..inner.len() - 9])), "cut short");
        assert!(!is_rsa_key(&pem("PUBLIC KEY", der)));
        assert!(!is_rsa_key(&SecretString::from("hunter2")));
        assert!(!is_rsa_key(&SecretString::from("")));
    }
}
