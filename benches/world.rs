//! An emulated GitHub in this process, with Tidegate's App registered by the manifest that the project ships.

use std::path::Path;

use github_emulator::App;
use github_emulator::AppOptions;
use github_emulator::Emulator;
use github_emulator::Options;
use github_emulator::Repository;
use github_emulator::Role;
use github_emulator::Visibility;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::Done;
use crate::process::port;
use crate::process::tidegate;
use crate::server::Server;
use crate::server::private;

/// What webhooks are signed with.
pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// GitHub, the App, and the files and the port that a server has.
pub(crate) struct World {
    /// The emulated GitHub.
    pub(crate) hub: Emulator,
    /// The App as it is registered there.
    pub(crate) app: App,
    /// The server's files.
    pub(crate) folder: TempDir,
    /// The server's port.
    pub(crate) port: u16,
}

impl World {
    /// GitHub with an App whose webhooks go to a port that is free, and a configuration with these targets.
    pub(crate) fn new(targets: &Value) -> Done<Self> {
        let hub = Emulator::start(Options::default())?;
        let port = port()?;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("app-manifest.yml");
        let manifest: Value = serde_saphyr::from_str(&std::fs::read_to_string(file)?)?;
        let mut options = AppOptions::from_manifest(&manifest, SECRET);
        // The opt-in of targets that are branches.
        options.permissions.insert("contents".to_owned(), "write".to_owned());
        options.webhook_url = Some(format!("http://127.0.0.1:{port}/github/webhook"));
        let app = hub.app(options)?;
        let world = Self { hub, app, folder: TempDir::with_prefix("tidegate-bench-")?, port };
        world.configure(targets)?;
        Ok(world)
    }

    fn configure(&self, targets: &Value) -> Done<()> {
        let folder = self.folder.path();
        let config = json!({
            "listen": format!("127.0.0.1:{}", self.port),
            "url": format!("http://127.0.0.1:{}", self.port),
            "database": format!("sqlite://{}", folder.join("tidegate.db").display()),
            "github": {
                "app_id": self.app.id,
                "private_key_file": private(folder, "key.pem", &self.app.private_key_pem)?,
                "webhook_secret_file": private(folder, "secret", SECRET)?,
                "api": self.hub.api_url(),
            },
            "targets": targets,
        });
        // JSON is YAML.
        private(folder, "server.yaml", &format!("{config:#}\n")).map(drop)
    }

    /// Starts `tidegate serve`.
    pub(crate) async fn serve(&self) -> Done<Server> {
        let mut command = tidegate()?;
        command.args(["serve", "--config", "server.yaml"]).current_dir(self.folder.path());
        Server::start(&mut command, self.port, &self.folder.path().join("server.log")).await
    }

    /// Forgets all that servers stored.
    pub(crate) fn forget(&self) -> Done<()> {
        for entry in std::fs::read_dir(self.folder.path())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("tidegate.db") {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// A private repository with these files on `main` and the App installed. Ann may write.
    pub(crate) fn repository(&self, owner: &str, files: &[(&str, Option<&str>)]) -> Done<Repository> {
        let repository = self.hub.repository(owner, "shop", Visibility::Private)?;
        repository.collaborator("ann", Role::Write)?;
        repository.commit("main", "Begin", "ann", files)?;
        repository.install(&self.app)?;
        Ok(repository)
    }
}
