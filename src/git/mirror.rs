//! A bare partial clone of one repository: commits and trees, and of files only those that were needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secrecy::SecretString;
use tokio::fs;
use tokio::sync::Mutex;

use crate::git::call::{Answer, Call, Origin, Place, Reach};
use crate::git::error::{Error, Lost};
use crate::git::objects::{Held, Objects, sha};
use crate::git::{Inner, protocol};
use crate::model::id::{Branch, Digest, PullNumber, Repo, Sha};

/// Packs beyond which a mirror is packed anew: each fetch adds one, and each makes looking up slower.
const PACKS: usize = 64;
/// How often another program's lock on a mirror is asked for, and how long in all.
const LOCK_EVERY: std::time::Duration = std::time::Duration::from_millis(50);
const LOCK_TRIES: usize = 6_000;

/// How the names of folders begin in which commits are prepared.
pub(super) const SCRATCH: &str = "commit-";

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Want {
    /// A branch's tip.
    Branch(Branch),
    /// A pull request's head; there also when it comes from a fork.
    Pull(PullNumber),
    /// A commit by its id. That it exists proves nothing: forks share objects. Compare it with a tip.
    Commit(Sha),
}

impl Want {
    /// Where it is kept. A branch's name is hashed: `a` and `a/b` could not both be references.
    fn kept(&self) -> String {
        match self {
            Self::Branch(branch) => {
                format!("refs/tidegate/branch/{}", Digest::of(branch.as_str().as_bytes()).hex())
            }
            Self::Pull(number) => format!("refs/tidegate/pull/{number}"),
            Self::Commit(sha) => format!("refs/tidegate/commit/{sha}"),
        }
    }

    fn source(&self) -> String {
        match self {
            Self::Branch(branch) => format!("refs/heads/{branch}"),
            Self::Pull(number) => format!("refs/pull/{number}/head"),
            Self::Commit(sha) => sha.to_string(),
        }
    }
}

/// What all users of one mirror share within this program.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Held while something is fetched.
    fetching: Mutex<()>,
    /// How often the mirror was made anew: what a reader finds is about the one that it began with.
    incarnation: AtomicU64,
    /// The last incarnation whose objects turned out to be damaged, and one more; 0: none.
    suspect: AtomicU64,
}

impl Slot {
    /// The mirror as it is now, for a reader.
    pub(super) fn incarnation(&self) -> u64 {
        self.incarnation.load(Ordering::Acquire)
    }

    /// The next fetch makes the mirror anew, if it is still that one: a reader under whom it was replaced finds objects
    /// missing that the new one has.
    pub(super) fn suspect(&self, incarnation: u64) {
        self.suspect.fetch_max(incarnation + 1, Ordering::AcqRel);
    }

    fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Acquire) == self.incarnation() + 1
    }
}

/// A bare partial clone of one repository. Cheap to clone; while one exists the mirror is not swept.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    inner: Arc<Inner>,
    slot: Arc<Slot>,
    dir: PathBuf,
    url: String,
}

impl Mirror {
    pub(super) fn new(inner: Arc<Inner>, slot: Arc<Slot>, repo: &Repo) -> Self {
        let dir = inner.cache.join(format!("{}.git", repo.id));
        let url = format!("{}/{}.git", inner.host, repo.name);
        Self { inner, slot, dir, url }
    }

    /// Fetches what is wanted, one fetch at a time; commits that are here already are not asked for again. A mirror that
    /// is damaged is deleted and fetched anew, once.
    pub(crate) async fn fetch(&self, token: &SecretString, wants: &[Want]) -> Result<(), Error> {
        let _turn = self.slot.fetching.lock().await;
        let _lock = self.lock().await?;
        if self.slot.is_suspect() {
            self.discard().await?;
        }
        self.ensure().await?;
        match self.attempt(token, wants).await {
            Err(Error::Corrupt { .. }) => {
                self.discard().await?;
                self.ensure().await?;
                self.attempt(token, wants).await?;
            }
            result => result?,
        }
        self.tidy(token).await;
        Ok(())
    }

    async fn attempt(&self, token: &SecretString, wants: &[Want]) -> Result<(), Error> {
        let mut lines = Vec::new();
        for want in wants {
            if matches!(want, Want::Commit(_)) && self.kept(want).await?.is_some() {
                continue;
            }
            lines.push(format!("+{}:{}\n", want.source(), want.kept()));
        }
        if lines.is_empty() {
            return Ok(());
        }
        let doing = "fetch from the repository";
        let args = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-show-forced-updates",
            "--recurse-submodules=no",
            "--filter=blob:none",
            "--stdin",
            "origin",
        ];
        let call = Call::new(doing, args).stdin(lines.concat()).reaching(Reach::Origin);
        let answer = self.run(token, &call).await?;
        if answer.status == 0 {
            return Ok(());
        }
        let error = Error::of(doing, answer.said);
        if let Error::Gone { lost: Lost::Reference, said, .. } = &error {
            // What we kept of it must not be taken for its tip.
            for want in wants.iter().filter(|want| said.lines().any(|line| line.ends_with(&want.source()))) {
                let call = Call::new("forget a reference", ["update-ref", "-d"]).arg(want.kept());
                call.succeed(&self.inner.program, &self.here()).await?;
            }
        }
        Err(error)
    }

    /// The commit of a branch as of its last fetch; none: never fetched, or gone then.
    pub(crate) async fn tip(&self, branch: &Branch) -> Result<Option<Sha>, Error> {
        self.kept(&Want::Branch(branch.clone())).await
    }

    /// The head of a pull request as of its last fetch.
    #[allow(dead_code, reason = "tests ask for it")]
    pub(crate) async fn head(&self, pull: PullNumber) -> Result<Option<Sha>, Error> {
        self.kept(&Want::Pull(pull)).await
    }

    async fn kept(&self, want: &Want) -> Result<Option<Sha>, Error> {
        if !self.dir.join("HEAD").exists() {
            return Ok(None);
        }
        let doing = "look for a reference";
        let call = Call::new(doing, ["rev-parse", "--verify", "--quiet"]).arg(want.kept());
        let answer = call.run(&self.inner.program, &self.here()).await?;
        if answer.status == 0 { sha(doing, &answer.stdout).map(Some) } else { Ok(None) }
    }

    /// The objects of this mirror; with a token, what is missing is fetched as it is needed.
    pub(crate) fn objects(&self, token: Option<&SecretString>) -> Objects {
        let place = token.map_or_else(|| self.here(), |token| self.there(token));
        Objects {
            program: Arc::new(self.inner.program.clone()),
            place,
            held: Held::Slot { slot: Arc::clone(&self.slot), incarnation: self.slot.incarnation() },
        }
    }

    /// Where mirrors lie: private, and on a disk with room.
    pub(super) fn cache(&self) -> &Path {
        &self.inner.cache
    }

    pub(super) async fn run(&self, token: &SecretString, call: &Call) -> Result<Answer, Error> {
        call.run(&self.inner.program, &self.there(token)).await
    }

    fn here(&self) -> Place {
        Place::at(self.dir.clone())
    }

    fn there(&self, token: &SecretString) -> Place {
        let host = self.inner.host.clone();
        let protocol = protocol(&host).unwrap_or("https");
        let origin = Origin { host, protocol, url: self.url.clone(), token: Some(token.clone()) };
        Place { origin: Some(origin), ..self.here() }
    }

    /// Keeps other programs with the same cache away; released when dropped.
    async fn lock(&self) -> Result<std::fs::File, Error> {
        let path = self.dir.with_extension("lock");
        let file = std::fs::File::create(&path).map_err(Error::io("cannot make", &path))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => {
                    // Its time of change says when the mirror was last used.
                    file.set_len(1).map_err(Error::io("cannot write", &path))?;
                    return Ok(file);
                }
                Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(LOCK_EVERY).await,
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(Error::io("cannot lock", path)(error));
                }
            }
        }
        Err(Error::Late { doing: "lock the mirror", limit: LOCK_EVERY * 6_000 })
    }

    /// Makes the mirror if there is none: aside and then put in place, so that there is never half of one.
    async fn ensure(&self) -> Result<(), Error> {
        if self.dir.join("HEAD").exists() {
            return Ok(());
        }
        let aside = self.dir.with_extension("new");
        remove(&aside).await?;
        remove(&self.dir).await?;
        let call =
            Call::new("make a mirror", ["init", "--quiet", "--bare", "--template=", "--initial-branch=none"])
                .arg(aside.as_os_str());
        call.succeed(&self.inner.program, &Place::nowhere()).await?;
        fs::rename(&aside, &self.dir).await.map_err(Error::io("cannot make", &self.dir))
    }

    /// Deletes the mirror: aside first, so that nobody sees half of it.
    async fn discard(&self) -> Result<(), Error> {
        let aside = self.dir.with_extension("old");
        remove(&aside).await?;
        if self.dir.exists() {
            fs::rename(&self.dir, &aside).await.map_err(Error::io("cannot discard", &self.dir))?;
        }
        self.slot.incarnation.fetch_add(1, Ordering::AcqRel);
        remove(&aside).await
    }

    /// Packs the mirror anew when there are many packs, and forgets single commits: their objects stay. Whoever reads
    /// meanwhile finds the objects in the new pack. Where that does not succeed (it may take too long) the mirror stays as
    /// it is, slower and no worse, and the next fetch tries again.
    async fn tidy(&self, token: &SecretString) {
        let packs = std::fs::read_dir(self.dir.join("objects/pack")).map_or(0, |files| {
            files.flatten().filter(|file| file.path().extension().is_some_and(|end| end == "pack")).count()
        });
        if packs > PACKS
            && let Err(error) = self.pack(token).await
        {
            tracing::warn!(%error, packs, "a mirror could not be packed anew");
        }
    }

    async fn pack(&self, token: &SecretString) -> Result<(), Error> {
        let program = &self.inner.program;
        let list = ["for-each-ref", "--format=delete %(refname)", "refs/tidegate/commit"];
        let commits = Call::new("list references", list).succeed(program, &self.here()).await?;
        let forget = Call::new("forget references", ["update-ref", "--stdin"]).stdin(commits);
        forget.succeed(program, &self.here()).await?;
        let repack = Call::new("pack the mirror", ["repack", "-a", "-d", "-q"]).reaching(Reach::Origin);
        repack.succeed(program, &self.there(token)).await.map(drop)
    }
}

async fn remove(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("cannot remove", dir)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
