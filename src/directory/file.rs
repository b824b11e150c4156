//! Single files: read with a bound, put in place whole, removed with the folders that they leave empty.

use std::io::ErrorKind;
use std::path::Path;

use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use crate::directory::error::Error;
use crate::layout::record;

/// Where files are written before they are put in place: on the same file system, and swept at the start of each run.
const UNFINISHED: &str = ".tidegate/unfinished";

/// The bytes of a file, or none where no plain file is. A symbolic link is not followed: it is not ours.
pub(super) async fn read(folder: &Path, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let path = folder.join(path);
    let facts = match fs::symlink_metadata(&path).await {
        Ok(facts) => facts,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("cannot look at", path)(error)),
    };
    if !facts.is_file() {
        return Ok(None);
    }
    if facts.len() > record::LARGEST as u64 {
        let large = std::io::Error::new(ErrorKind::FileTooLarge, "it is larger than 64 MiB");
        return Err(Error::io("cannot read", path)(large));
    }
    fs::read(&path).await.map(Some).map_err(Error::io("cannot read", path))
}

/// Puts a file in place whole: whoever reads it sees the old or the new one.
pub(super) async fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), Error> {
    let unfinished = folder.join(UNFINISHED);
    let target = folder.join(path);
    for parent in [Some(unfinished.as_path()), target.parent()].into_iter().flatten() {
        fs::create_dir_all(parent).await.map_err(Error::io("cannot make", parent))?;
    }
    let temporary = unfinished.join("file");
    let written = async {
        let mut file = fs::File::create(&temporary).await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        if path == record::PATH {
            // The inventory must never be lost to a power cut; a lost object is seen as drift and written again.
            file.sync_all().await?;
        }
        fs::rename(&temporary, &target).await
    };
    written.await.map_err(Error::io("cannot write", &target))
}

/// Removes a file, and the folders above it that are then empty. One that is gone already is no error.
pub(super) async fn remove(folder: &Path, path: &str) -> Result<(), Error> {
    let target = folder.join(path);
    match fs::remove_file(&target).await {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Error::io("cannot remove", target)(error));
        }
        Ok(()) | Err(_) => {}
    }
    let above = target.ancestors().skip(1).take_while(|above| *above != folder);
    for above in above {
        if fs::remove_dir(above).await.is_err() {
            break; // not empty
        }
    }
    Ok(())
}

/// Sweeps what a run that was cut off left half written.
pub(super) async fn clear_unfinished(folder: &Path) -> Result<(), Error> {
    let unfinished = folder.join(UNFINISHED);
    match fs::remove_dir_all(&unfinished).await {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::io("cannot sweep", unfinished)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
