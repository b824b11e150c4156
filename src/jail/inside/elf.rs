//! The head of an executable: is it one that the kernel starts itself, and which loader does it ask for?

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// `PT_INTERP`: the segment that holds the loader's path.
const INTERP: u32 = 3;
/// The most bytes that a loader's path may have.
const PATH: usize = 4_096;

/// What an executable is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is started as it is.
    Static,
    /// It is started by this loader, which reads libraries.
    Dynamic(PathBuf),
    /// Something that another program would have to read: a script.
    Foreign,
}

/// Looks at a file of 64 bits and little end, as all are that we run on.
pub(super) fn kind(file: &File) -> io::Result<Kind> {
    let mut head = [0_u8; 64];
    match file.read_exact_at(&mut head, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Kind::Foreign),
        other => other?,
    }
    if head.get(..6) != Some(&[0x7f, b'E', b'L', b'F', 2, 1][..]) {
        return Ok(Kind::Foreign);
    }
    let (offset, size, count) = (long(&head, 32), u64::from(short(&head, 54)), u64::from(short(&head, 56)));
    for index in 0..count {
        let mut segment = [0_u8; 56];
        file.read_exact_at(&mut segment, offset.saturating_add(index.saturating_mul(size)))?;
        let kind = u32::from(short(&segment, 0)) | (u32::from(short(&segment, 2)) << 16);
        if kind == INTERP {
            let length = usize::try_from(long(&segment, 32)).unwrap_or(PATH).min(PATH);
            let mut path = vec![0; length];
            file.read_exact_at(&mut path, long(&segment, 8))?;
            path.truncate(path.iter().position(|byte| *byte == 0).unwrap_or(path.len()));
            return Ok(Kind::Dynamic(PathBuf::from(std::ffi::OsString::from_vec(path))));
        }
    }
    Ok(Kind::Static)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_le_bytes)
}
