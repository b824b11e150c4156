//! Folders of ours that what runs in the jail may enter.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::{fs, io};

use crate::jail::error::Error;
use crate::jail::user;

/// Gives a folder to the jail's group, to be read, or to be written in too. Where we are not root, what runs in the jail is the
/// same user as we. In either case nobody else gets in, and what lies in it needs no thought.
pub(super) fn admit(folder: &Path, write: bool) -> Result<(), Error> {
    let group = user::group();
    let mode = match (group, write) {
        (None, _) => 0o700,
        (Some(_), false) => 0o750,
        (Some(_), true) => 0o770,
    };
    let give = || -> io::Result<()> {
        let now = fs::metadata(folder)?;
        if group.is_some_and(|group| now.gid() != group) {
            chown(folder, None, group)?;
        }
        if now.mode() & 0o7777 != mode {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    };
    give().map_err(|error| {
        Error::Jail(format!(
            "a temporary folder cannot be given to its user: {error}; as root it needs CAP_CHOWN"
        ))
    })
}
