//! `render.hosts`: a name with or without a port, or a mapping that says more.

use std::net::Ipv6Addr;

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::server::Reader;
use crate::config::{address, secret};
use crate::model::host::{Credentials, Host};
use crate::yaml::Content;
use crate::yaml::fields::{Field, Fields};

impl Reader<'_> {
    /// The hosts of the section `render`.
    pub(super) fn hosts(&self, section: &Fields<'_>) -> Vec<Host> {
        let mut hosts: Vec<Host> = Vec::new();
        for field in section.get("hosts").map(|field| field.list()).unwrap_or_default() {
            let Some(host) = self.host(&field) else { continue };
            let same =
                |have: &Host| have.name == host.name && have.port.unwrap_or(443) == host.port.unwrap_or(443);
            if hosts.iter().any(same) {
                field.refuse(
                    format!("{} lists a host a second time", field.path()),
                    "keep one of the entries",
                );
                continue;
            }
            hosts.push(host);
        }
        hosts
    }

    fn host(&self, field: &Field<'_>) -> Option<Host> {
        if !matches!(field.node().content, Content::Map(_)) {
            let (name, port) = name(field)?;
            return Some(Host { name, port, credentials: None, private: false, tokens: None });
        }
        let fields = field.fields(&["host", "credentials_file", "private", "tokens"]);
        let named =
            fields.required("host", "its name, as in charts.example.com").and_then(|field| name(&field));
        let private = fields.get("private").and_then(|field| field.boolean()).unwrap_or(false);
        let file = fields.get("credentials_file");
        let credentials = file.and_then(|field| credentials(&field, &self.place(&field)?));
        let tokens = fields.get("tokens").and_then(|field| name(&field));
        let tokens = tokens.map(|(name, port)| (name, port.unwrap_or(443)));
        let (name, port) = named?;
        Some(Host { name, port, credentials, private, tokens })
    }
}

fn name(field: &Field<'_>) -> Option<(String, Option<u16>)> {
    let text = field.text()?;
    let host = if text.parse::<Ipv6Addr>().is_ok() { Some((text, None)) } else { address::split_port(text) };
    let host = host.filter(|(name, _)| address::is_host(name)).and_then(|(name, port)| {
        let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0));
        match port {
            Some(None) => None,
            Some(port) => Some((name.to_ascii_lowercase(), port)),
            None => Some((name.to_ascii_lowercase(), None)),
        }
    });
    if host.is_none() {
        let message = format!("{} must be a host's name, as in charts.example.com", field.path());
        field.refuse(message, "a port may follow, as in charts.example.com:8443; no scheme and no path");
    }
    host
}

fn credentials(field: &Field<'_>, path: &std::path::Path) -> Option<Credentials> {
    let secret = secret::from_file(field, path)?;
    let text = secret.expose_secret();
    if text.contains(char::is_control) {
        let message = format!("{}: the file must hold one line", field.path());
        field.refuse(message, "user:password, or a bearer token");
        return None;
    }
    Some(match text.split_once(':') {
        Some((user, password)) => {
            Credentials::Basic { user: user.to_owned(), password: SecretString::from(password) }
        }
        None => Credentials::Bearer(secret),
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use crate::config::Need;
    use crate::config::tests::Folder;
    use crate::model::host::Credentials;

    #[test]
    fn hosts_of_rendering_are_names_or_say_more() {
        let folder = Folder::new(
            "render:\n  hosts:\n  - Charts.example.com\n  - charts.example.com:8443\n  - '[fd00::1]:443'\n  - ::1\n  \
             - {host: '10.0.0.7:5000', private: yes, credentials_file: user, tokens: Auth.example.com}\n  - {host: tokens.example.com, credentials_file: token}\n",
        );
        std::fs::write(folder.0.path().join("user"), "ann:hunter2: and more\n").unwrap();
        std::fs::write(folder.0.path().join("token"), "hunter2\r\n").unwrap();
        let config = folder.load(&[], Need::Local).unwrap();
        let seen: Vec<String> = config
            .render
            .hosts
            .iter()
            .map(|host| {
                let proof = match &host.credentials {
                    None => String::new(),
                    Some(Credentials::Basic { user, password }) => {
                        format!(" {user}/{}", password.expose_secret())
                    }
                    Some(Credentials::Bearer(token)) => format!(" {}", token.expose_secret()),
                };
                let tokens = host.tokens.as_ref().map(|(name, port)| format!(" by {name}:{port}"));
                format!("{} {:?} {}{proof}{}", host.name, host.port, host.private, tokens.unwrap_or_default())
            })
            .collect();
        let expected = [
            "charts.example.com None false",
            "charts.example.com Some(8443) false",
            "fd00::1 Some(443) false",
            "::1 None false",
            "10.0.0.7 Some(5000) true ann/hunter2: and more by auth.example.com:443",
            "tokens.example.com None false hunter2",
        ];
        assert_eq!(seen, expected);
        let printed = format!("{config:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn hosts_that_are_none_are_told_together() {
        let folder = Folder::new(
            "render:\n  hosts:\n  - https://a.example.com\n  - a.example.com/b\n  - a.example.com:0\n  - 'a.example.com:'\n  \
             - b.example.com\n  - B.example.com:443\n  - {private: true}\n  - {host: c.example.com, secret: x}\n  \
             - {host: d.example.com, credentials_file: lines}\n  - {host: e.example.com, credentials_file: none}\n  - 7\n  - {host: f.example.com, tokens: https://g.example.com}\n",
        );
        std::fs::write(folder.0.path().join("lines"), "hunter2\nhunter2\n").unwrap();
        let told = folder.faults(&[]);
        for words in [
            "render.hosts[0] must be a host's name",
            "render.hosts[1] must be",
            "render.hosts[2] must be",
            "render.hosts[3] must be",
            "render.hosts[5] lists a host a second time",
            "host",
            "secret",
            "render.hosts[8].credentials_file: the file must hold one line",
            "render.hosts[9].credentials_file",
            "render.hosts[10]",
            "render.hosts[11].tokens must be a host's name",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }
}
