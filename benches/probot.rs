//! Probot beside us: installed by npm into target/, with an empty handler.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use github_emulator::App;

use crate::Done;
use crate::process::command;
use crate::process::port;
use crate::process::run;
use crate::process::variable;
use crate::server::Server;
use crate::world::SECRET;

const PACKAGE: &str = include_str!("probot/package.json");
const SERVER: &str = include_str!("probot/server.js");

/// An installed Probot.
#[derive(Debug)]
pub(crate) struct Probot {
    folder: PathBuf,
}

impl Probot {
    /// Installs it, unless this very version is there already.
    pub(crate) fn install() -> Done<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/probot");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("server.js"), SERVER)?;
        let (package, stamp) = (folder.join("package.json"), folder.join(".installed"));
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == PACKAGE) {
            return Ok(Self { folder });
        }
        fs::write(&package, PACKAGE)?;
        let mut npm = command("npm")?;
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]);
        for name in ["HOME", "NPM_CONFIG_REGISTRY", "npm_config_registry", "HTTPS_PROXY", "https_proxy"] {
            if let Some(value) = variable(name) {
                npm.env(name, value);
            }
        }
        run(npm.current_dir(&folder), &folder.join("npm.log"), &[0])
            .map_err(|error| format!("npm could not install Probot: {error}"))?;
        fs::write(&stamp, PACKAGE)?;
        Ok(Self { folder })
    }

    /// Its version.
    pub(crate) fn version(&self) -> String {
        let read =
            fs::read_to_string(self.folder.join("node_modules/probot/package.json")).unwrap_or_default();
        let package: serde_json::Value = serde_json::from_str(&read).unwrap_or_default();
        package["version"].as_str().unwrap_or("unknown").to_owned()
    }

    /// Starts it as the same App.
    pub(crate) async fn serve(&self, app: &App) -> Done<Server> {
        let port = port()?;
        let mut node = command("node")?;
        node.arg("server.js").current_dir(&self.folder);
        node.env("PORT", port.to_string()).env("APP_ID", app.id.to_string()).env("WEBHOOK_SECRET", SECRET);
        node.env("PRIVATE_KEY", &app.private_key_pem).env("NODE_ENV", "production");
        Server::start(&mut node, port, &self.folder.join("probot.log")).await
    }
}
