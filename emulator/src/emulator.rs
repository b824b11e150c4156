//! Starting and stopping, and the questions a test asks of the whole.

use crate::acts::NewRepository;
use crate::clock::Clock;
use crate::contract::Contract;
use crate::contract::Violation;
use crate::core::Core;
use crate::core::locked;
use crate::error::Error;
use crate::error::StartError;
use crate::fault::Fault;
use crate::handle::App;
use crate::handle::AppOptions;
use crate::handle::HookControl;
use crate::handle::Repository;
use crate::handle::User;
use crate::hooks::Hooks;
use crate::record::RequestRecord;
use crate::state::State;
use crate::state::repository::Visibility;
use crate::state::user::Kind;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How an emulator is started; the default will do for nearly all tests.
#[derive(Clone)]
pub struct Options {
    /// The loaded description, to be shared by many emulators; none loads it.
    pub contract: Option<Arc<Contract>>,
    /// The time it lives by.
    pub clock: Clock,
    /// Where the bare repositories lie; none takes a temporary folder that goes with the emulator.
    pub root: Option<PathBuf>,
    /// All ids are greater: 1000. Give emulators that share something keyed by ids (a cluster, a database) ranges of
    /// their own, as the repositories of one GitHub never share an id.
    pub ids_after: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { contract: None, clock: Clock::default(), root: None, ids_after: 1000 }
    }
}

/// What installation tokens look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenStyle {
    /// `ghs_` and 36 characters.
    Classic,
    /// `ghs_APPID_` and a JWT: about 520 characters, with dots.
    Stateless520,
}

/// A running GitHub. Copies are handles to the same one; it ends with the last of them.
#[derive(Clone)]
pub struct Emulator {
    pub(crate) core: Arc<Core>,
    life: Arc<Life>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("url", &self.core.base).finish_non_exhaustive()
    }
}

/// What must be let go of at the end. The emulator has its own threads, so that a caller that blocks one
/// thread for its test cannot stop it from answering.
struct Life {
    runtime: Mutex<Option<Runtime>>,
    hooks: Hooks,
    _folder: Option<TempDir>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Life {
    /// Does not wait for tasks: a runtime must not be waited for where another one may be running.
    fn stop(&self) {
        if let Some(runtime) = locked(&self.runtime).take() {
            runtime.shutdown_background();
        }
        self.hooks.stop();
    }
}

impl Emulator {
    /// Opens a free port on 127.0.0.1 and begins to answer; an empty GitHub, nobody there yet.
    pub fn start(options: Options) -> Result<Emulator, StartError> {
        let fault = |step| move |source| StartError::Io { step, source };
        let load = || Contract::load().map(Arc::new).map_err(StartError::Contract);
        let contract = options.contract.map_or_else(load, Ok)?;
        // Fails only when a provider is installed already, and then that one serves as well.
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(StartError::Client)?;
        let temporary = || TempDir::with_prefix("github-emulator-").map_err(fault("make a folder"));
        let folder = if options.root.is_none() { Some(temporary()?) } else { None };
        let root = options.root.or_else(|| folder.as_ref().map(|folder| folder.path().to_owned()));
        let root = root.unwrap_or_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("github-emulator")
            .enable_all()
            .build()
            .map_err(fault("start threads"))?;
        let listener = runtime
            .block_on_apart(tokio::net::TcpListener::bind(("127.0.0.1", 0)))
            .map_err(fault("open a port"))?;
        let port = listener.local_addr().map_err(fault("open a port"))?.port();
        let core = Arc::new(Core {
            state: Mutex::new(State::new(options.ids_after)),
            contract,
            hooks: Hooks::new(client, options.clock.clone()),
            clock: options.clock,
            faults: Mutex::default(),
            records: Mutex::default(),
            base: format!("http://127.0.0.1:{port}"),
            root,
        });
        runtime.spawn(core.hooks.clone().work());
        runtime.spawn(crate::server::serve(Arc::clone(&core), listener));
        let life = Life { runtime: Mutex::new(Some(runtime)), hooks: core.hooks.clone(), _folder: folder };
        Ok(Emulator { core, life: Arc::new(life) })
    }

    /// Stops answering and sending at once; the values can still be asked for.
    pub fn shutdown(&self) {
        self.life.stop();
    }

    /// `http://127.0.0.1:PORT`, where web pages would be.
    pub fn url(&self) -> String {
        self.core.base.clone()
    }

    /// The root of the REST interface.
    pub fn api_url(&self) -> String {
        format!("{}/api/v3", self.core.base)
    }

    /// The GraphQL interface.
    pub fn graphql_url(&self) -> String {
        format!("{}/api/graphql", self.core.base)
    }

    /// The root of the Git addresses: `{git_url}/{owner}/{name}.git`.
    pub fn git_url(&self) -> String {
        self.core.base.clone()
    }

    /// The person of that login, made if there is none.
    pub fn user(&self, login: &str) -> User {
        self.account(login, Kind::User)
    }

    /// The organisation of that login, made if there is none.
    pub fn organization(&self, login: &str) -> User {
        self.account(login, Kind::Organization)
    }

    fn account(&self, login: &str, kind: Kind) -> User {
        let id = self.core.world().make_user(login, kind);
        User { core: Arc::clone(&self.core), id }
    }

    /// Registers an app, with a new private key.
    pub fn app(&self, options: AppOptions) -> Result<App, Error> {
        App::register(&self.core, options)
    }

    /// Registers an app and gives the temporary code by which its secrets can be had once, as at the end of
    /// the manifest flow.
    pub fn manifest_code(&self, options: AppOptions) -> Result<(App, String), Error> {
        let app = self.app(options)?;
        let code = crate::acts::random_hex(20);
        self.core.world().state.manifest_codes.insert(code.clone(), app.id);
        Ok((app, code))
    }

    /// Makes an empty repository; its default branch is `main`.
    pub fn repository(&self, owner: &str, name: &str, visibility: Visibility) -> Result<Repository, Error> {
        let mut world = self.core.world();
        let owner = world.make_user(owner, Kind::User);
        if world.state.repositories.values().any(|one| one.owner == owner && one.name == name) {
            let message = format!("{name} already exists on this account");
            return Err(Error::Refused { status: 422, message });
        }
        let id = world.create_repository(NewRepository { owner, name, visibility, fork_of: None })?;
        Ok(Repository { core: Arc::clone(&self.core), id })
    }

    /// The webhooks: disorder, the record, waiting for them.
    pub fn hooks(&self) -> HookControl {
        HookControl { core: Arc::clone(&self.core) }
    }

    /// Adds a fault to those in force.
    pub fn fault(&self, fault: Fault) {
        locked(&self.core.faults).add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        locked(&self.core.faults).clear();
    }

    /// Faults that were set and have not struck as often as they should, as `METHOD path`: a test whose fault never
    /// struck has tested nothing.
    pub fn unspent_faults(&self) -> Vec<String> {
        locked(&self.core.faults).unspent()
    }

    /// What new installation tokens look like.
    pub fn set_token_style(&self, style: TokenStyle) {
        self.core.world().state.long_tokens = style == TokenStyle::Stateless520;
    }

    /// Spoils matching answers (path as in [`Fault`]), so that a test can prove that the checker is awake.
    pub fn corrupt(&self, method: &str, path: &str, change: impl FnMut(&mut Value) + Send + 'static) {
        locked(&self.core.records).corrupt(method, path, Box::new(change));
    }

    /// All breaches of the contract so far, by callers and by the emulator itself.
    pub fn violations(&self) -> Vec<Violation> {
        locked(&self.core.records).violations.clone()
    }

    /// How many requests with their answers were held to the contract.
    pub fn exchanges(&self) -> u64 {
        locked(&self.core.records).exchanges
    }

    /// How many webhooks were held to the contract.
    pub fn webhooks_validated(&self) -> u64 {
        locked(&self.core.records).webhooks
    }

    /// Requests that nothing describes, as `METHOD path`.
    pub fn unknown_requests(&self) -> Vec<String> {
        locked(&self.core.records).unknown.clone()
    }

    /// All requests so far, refused ones too.
    pub fn requests(&self) -> Vec<RequestRecord> {
        locked(&self.core.records).requests.clone()
    }

    /// The time tokens expire by and objects are stamped with.
    pub fn clock(&self) -> Clock {
        self.core.clock.clone()
    }

    /// The ids of the REST operations that are emulated, as GitHub's description names them.
    pub fn operations() -> Vec<&'static str> {
        crate::routes::emulated().collect()
    }
}

/// Waiting for a future without being inside the runtime's own context.
trait Apart {
    fn block_on_apart<F: Future<Output: Send> + Send>(&self, future: F) -> F::Output;
}

impl Apart for Runtime {
    /// On a thread of its own: the caller may itself be a task of some runtime, where blocking is refused.
    fn block_on_apart<F: Future<Output: Send> + Send>(&self, future: F) -> F::Output {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| self.block_on(future));
            match waiting.join() {
                Ok(output) => output,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
