//! Opening: addresses, session settings, migrations, the masking key.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Once};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretBox;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions, Row};

use crate::store::migrate::Dialect;
use crate::store::{Error, MaskKey, Store, Told, bounded, migrate};

/// How long a caller waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// `busy_timeout` first: switching to WAL may already meet another process. FULL makes a commit survive a power cut.
const SQLITE: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                      PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864;";
/// A statement that hangs must not hold its lock for ever, even if this process is stopped in the middle.
const POSTGRES: &str = "SET statement_timeout = '15s'; SET lock_timeout = '10s'; \
                        SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = 'warning';";

/// Which database, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    Memory,
    File(PathBuf),
    Postgres,
}

impl Store {
    /// Opens the database, makes it if it is absent (SQLite), and brings its schema up to date.
    ///
    /// `url` is `sqlite://PATH` (relative to the working directory unless it begins with `/`; `%20` and the like are
    /// decoded), `sqlite::memory:` or `postgres://…`. A schema of a newer Tidegate is refused.
    pub(crate) async fn open(url: &str, now: Timestamp) -> Result<Self, Error> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let store = match address(url)? {
            Address::Memory => {
                let only = pool("sqlite::memory:", SQLITE, 1).await?;
                Self::over(only.clone(), only, Dialect::Sqlite)
            }
            Address::File(path) => {
                make_private(&path)?;
                let url = file_url(&path);
                let write = pool(&url, SQLITE, 1).await?;
                Self::over(write, pool(&url, SQLITE, 4).await?, Dialect::Sqlite)
            }
            Address::Postgres => {
                let both = pool(url, POSTGRES, 8).await?;
                Self::over(both.clone(), both, Dialect::Postgres)
            }
        };
        bounded("bringing the schema up to date", migrate::run(&store, migrate::ALL, now)).await?;
        let mask = bounded("reading the masking key", mask_key(&store)).await?;
        Ok(Self { mask: Arc::new(mask), ..store })
    }

    fn over(write: AnyPool, read: AnyPool, dialect: Dialect) -> Self {
        let mask = Arc::new(SecretBox::new(Box::new([0; 32])));
        Self {
            write,
            read,
            dialect,
            last: Arc::new(AtomicI64::new(0)),
            arrivals: Arc::new(tokio::sync::watch::Sender::new(())),
            mask,
        }
    }
}

async fn pool(url: &str, settings: &'static str, connections: u32) -> Result<AnyPool, Error> {
    let options: AnyConnectOptions = url.parse().map_err(|_| Error::Address)?;
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        // A database in memory lives as long as its one connection.
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(drop) })
        })
        // Statements are constants, but their duration belongs to spans of ours, not to the driver's log.
        .connect_with(options.disable_statement_logging())
        .await
        .told("opening the database")
}

fn address(url: &str) -> Result<Address, Error> {
    if url == "sqlite::memory:" {
        return Ok(Address::Memory);
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Address::Postgres);
    }
    let path = url.strip_prefix("sqlite:").ok_or(Error::Address)?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = decoded(path).filter(|path| !path.is_empty()).ok_or(Error::Address)?;
    std::path::absolute(&path)
        .map(Address::File)
        .map_err(|source| Error::File { path: PathBuf::from(path), source })
}

/// The path without its percent signs; none where it has a query, which we know no use for, or is not well formed.
fn decoded(text: &str) -> Option<String> {
    if text.contains(['?', '#']) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let mut one = [0];
            hex::decode_to_slice(digits, &mut one).ok()?;
            bytes.extend(one);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

/// An absolute path as the driver's address, everything unusual as `%XX`.
fn file_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            url.push(char::from(*byte));
        } else {
            url.push('%');
            url.push_str(&hex::encode_upper([*byte]));
        }
    }
    url.push_str("?mode=rwc");
    url
}

/// Makes the file, if absent, readable for its owner only; SQLite gives its companions (-wal, -shm) the same mode.
fn make_private(path: &Path) -> Result<(), Error> {
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|source| Error::File { path: path.to_owned(), source })
}

/// The masking key; the first to open the database makes it.
async fn mask_key(store: &Store) -> Result<MaskKey, Error> {
    let doing = "reading the masking key";
    let mut fresh = SecretBox::new(Box::new([0_u8; 32]));
    let filled =
        aws_lc_rs::rand::fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut fresh).as_mut_slice());
    filled.map_err(|source| Error::unreadable("making the masking key", source))?;
    sqlx::query("INSERT INTO secrets (name, value) VALUES ('mask', $1) ON CONFLICT (name) DO NOTHING")
        .bind(secrecy::ExposeSecret::expose_secret(&fresh).as_slice())
        .execute(&store.write)
        .await
        .told(doing)?;
    let row = sqlx::query("SELECT value FROM secrets WHERE name = 'mask'")
        .fetch_one(&store.write)
        .await
        .told(doing)?;
    let kept: &[u8] = row.try_get(0).map_err(|source| Error::unreadable(doing, source))?;
    let kept: [u8; 32] = kept.try_into().map_err(|source| Error::unreadable(doing, source))?;
    Ok(SecretBox::new(Box::new(kept)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Address, address, file_url};

    #[test]
    fn addresses_are_read_as_an_operator_means_them() {
        assert_eq!(address("sqlite::memory:").unwrap(), Address::Memory);
        assert_eq!(address("postgres://u:p@h/d").unwrap(), Address::Postgres);
        let file = |url: &str| match address(url).unwrap() {
            Address::File(path) => path,
            other @ (Address::Memory | Address::Postgres) => panic!("{other:?}"),
        };
        assert_eq!(file("sqlite:///var/lib/Tide%20gate.db"), PathBuf::from("/var/lib/Tide gate.db"));
        assert_eq!(file("sqlite://tidegate.db"), std::path::absolute("tidegate.db").unwrap());
        for bad in
            ["mysql://x", "tidegate.db", "sqlite://", "sqlite://a?mode=ro", "sqlite://%zz", "sqlite://%00"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn any_path_makes_an_address() {
        assert_eq!(file_url(&PathBuf::from("/a b/ü?.db")), "sqlite:///a%20b/%C3%BC%3F.db?mode=rwc");
    }
}
