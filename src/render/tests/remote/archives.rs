//! Hostile archives: whatever they hold, nothing lands beside their folder and nothing grows without end.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::{Site, chart, fault, pack, page, remote};
use crate::model::fault::{Failure, Fault};
use crate::render::remote::{Chart, Fetched};

/// An entry of an archive: its kind, its name, where it leads, what it holds.
type Entry<'a> = (EntryType, &'a [u8], &'a [u8], &'a [u8]);

/// A tar.gz of entries of any kind, with names as they are.
fn raw(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (kind, name, link, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    zip(&tar)
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::best());
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap()
}

/// Fetches this archive as the chart `web` 1.0.0. The store holds nothing afterwards but what it should.
async fn fetch(archive: Vec<u8>) -> Result<Fetched, Failure> {
    let site = Site::start().await;
    site.put("/index.yaml", page("entries: {web: [{version: 1.0.0, urls: [web.tgz]}]}"));
    site.put("/web.tgz", page(archive));
    let (remote, store) = remote(vec![site.host()]);
    let url = site.url("");
    let wanted = Chart { repository: &url, name: "web", version: "1.0.0", digest: None };
    let result = remote.visit().chart(&wanted).await;
    let names = |path: &str| {
        let entries = std::fs::read_dir(store.path().join(path)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["store"], "nothing lies beside the store");
    assert_eq!(names("store").len(), 6);
    assert_eq!(names("store/new"), [""; 0], "what was not kept is gone");
    assert_eq!(names("store/charts").len(), usize::from(result.is_ok()));
    result
}

async fn refused(archive: Vec<u8>) -> Fault {
    fault(fetch(archive).await)
}

#[tokio::test]
async fn nothing_lands_outside() {
    let file = EntryType::Regular;
    let names: &[&[u8]] = &[
        b"../../evil",
        b"web/../../evil",
        b"/var/evil",
        b"web/..",
        b"..",
        b"./../evil",
        b"web\\..\\..\\evil",
        b"web/a\nb",
        b"web/\xff\xfe",
        b".",
    ];
    for name in names {
        let said = refused(raw(&[(file, name, b"", b"x")])).await;
        assert!(said.message.contains("would land outside"), "{said}");
        assert!(!said.message.contains('\n'), "{said:?}");
    }
}

#[tokio::test]
async fn only_files_and_folders_are_taken() {
    let file = EntryType::Regular;
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        for target in [&b"../../../../etc/passwd"[..], b"Chart.yaml", b"/etc/passwd"] {
            let said = refused(raw(&[(kind, b"web/a", target, b""), (file, b"web/a/b", b"", b"x")])).await;
            assert!(
                said.message.contains("`web/a`, which is neither a file nor a folder"),
                "{kind:?}: {said}"
            );
        }
    }
    let twice = [(file, &b"web/a"[..], &b""[..], &b"x"[..]), (file, b"web/./a", b"", b"y")];
    assert!(refused(raw(&twice)).await.message.contains("twice"));
    let both = [(file, &b"web/a"[..], &b""[..], &b"x"[..]), (file, b"web/a/b", b"", b"y")];
    assert!(refused(raw(&both)).await.message.contains("in two ways"));
    let both = [(EntryType::Directory, &b"web/a"[..], &b""[..], &b""[..]), (file, b"web/a", b"", b"y")];
    assert!(refused(raw(&both)).await.message.contains("in two ways"));
}

#[tokio::test]
async fn a_bomb_does_not_go_off() {
    let zeros = vec![0; 300 << 10];
    let said = refused(raw(&[(EntryType::Regular, b"web/a", b"", &zeros)])).await;
    assert!(said.message.contains("it unpacks to too much"), "{said}");
    // A name that never ends, and what hides behind a header that says less.
    let long = vec![b'a'; 900 << 10];
    let said = refused(raw(&[(EntryType::GNULongName, b"././@LongLink", b"", &long)])).await;
    assert!(said.message.contains("too much") || said.message.contains("no tar.gz"), "{said}");
    let pax = vec![b' '; 900 << 10];
    let said = refused(raw(&[(EntryType::XHeader, b"x", b"", &pax)])).await;
    assert!(said.message.contains("too much") || said.message.contains("no tar.gz"), "{said}");
    let names: Vec<String> = (0..60).map(|index| format!("web/{index}")).collect();
    let many: Vec<_> =
        names.iter().map(|name| (EntryType::Regular, name.as_bytes(), &b""[..], &b""[..])).collect();
    assert!(refused(raw(&many)).await.message.contains("more than 50 files"));
    let names: Vec<String> = (0..9).map(|index| format!("web/{index}/a/b/c/d/e/f")).collect();
    let many: Vec<_> =
        names.iter().map(|name| (EntryType::Regular, name.as_bytes(), &b""[..], &b""[..])).collect();
    assert!(refused(raw(&many)).await.message.contains("more than 50 files"));
    let deep = "a/".repeat(32) + "b";
    assert!(refused(pack(&[(&format!("{deep}/{deep}"), "")])).await.message.contains("too deep"));
    // Zeros after zeros: a thousand times smaller packed, and an archive in an archive.
    assert!(refused(zip(&vec![0; 8 << 20])).await.message.contains("empty"));
    let said = refused(zip(&zip(&vec![7; 8 << 20]))).await;
    assert!(said.message.contains("no tar.gz"), "{said}");
}

#[tokio::test]
async fn what_is_no_chart_is_said_to_be_none() {
    assert!(refused(b"hello".to_vec()).await.message.contains("no tar.gz"));
    assert!(refused(Vec::new()).await.message.contains("no tar.gz"));
    let whole = chart("web", "1.0.0");
    assert!(refused(whole[..whole.len() / 2].to_vec()).await.message.contains("no tar.gz"));
    let said = refused(pack(&[("web/values.yaml", "a: 1")])).await;
    assert!(said.message.contains("no folder of its name with a Chart.yaml"), "{said}");
    for other in [
        chart("shop", "1.0.0"),
        chart("web", "1.0.1"),
        pack(&[("web/Chart.yaml", "name: shop\nversion: 1.0.0")]),
    ] {
        let said = refused(other).await;
        assert!(said.message.contains("another chart") || said.message.contains("no folder"), "{said}");
    }
    let said = refused(pack(&[("web/Chart.yaml", "{")])).await;
    assert!(said.message.contains("no YAML"), "{said}");
    let kept = fetch(chart("web", "1.0.0")).await.unwrap();
    assert!(kept.digest.starts_with("sha256:"));
}
