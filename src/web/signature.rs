//! Is a delivery from who knows the webhook secret? Pure.
//!
//! <https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries>

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Does `header` (`sha256=` and 64 hexadecimal digits) sign exactly these bytes under this secret? The comparison takes
/// the same time wherever the first difference lies. Nothing may read the body before this has said yes.
pub(crate) fn is_genuine(secret: &SecretString, body: &[u8], header: &str) -> bool {
    let mut tag = [0; 32];
    let well_formed =
        header.strip_prefix("sha256=").is_some_and(|digits| hex::decode_to_slice(digits, &mut tag).is_ok());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    // An empty secret signs for everybody, so it signs for nobody.
    well_formed && !secret.expose_secret().is_empty() && hmac::verify(&key, body, &tag).is_ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use secrecy::SecretString;

    use super::is_genuine;

    const BODY: &[u8] = b"Hello, World!";
    const TAG: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn githubs_own_example_is_genuine_and_every_change_to_it_is_not() {
        let secret = SecretString::from("It's a Secret to Everybody");
        assert!(is_genuine(&secret, BODY, TAG));
        assert!(!is_genuine(&SecretString::from("It's a Secret to everybody"), BODY, TAG));
        assert!(!is_genuine(&secret, b"Hello, World?", TAG));
        assert!(!is_genuine(&secret, b"", TAG));
        for position in TAG.len() - 64..TAG.len() {
            let mut forged = TAG.as_bytes().to_vec();
            forged[position] = if forged[position] == b'0' { b'1' } else { b'0' };
            assert!(!is_genuine(&secret, BODY, std::str::from_utf8(&forged).unwrap()), "digit {position}");
        }
        for odd in ["", "sha256=", "sha1=757107ea", &TAG[..70], &format!("{TAG}00"), &TAG[7..], "sha256=zz"] {
            assert!(!is_genuine(&secret, BODY, odd), "{odd}");
        }
    }

    #[test]
    fn an_empty_secret_lets_nobody_in() {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), BODY);
        assert!(!is_genuine(&SecretString::from(""), BODY, &format!("sha256={}", hex::encode(tag))));
    }
}
