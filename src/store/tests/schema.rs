//! Migrations: applied once, whoever comes; and refused where going on would do harm.

use secrecy::ExposeSecret;

use crate::store::migrate::{ALL, Migration, run};
use crate::store::tests::{Place, at, on_both, preview};
use crate::store::{Error, Store};

on_both!(
    opening_again_changes_nothing,
    many_may_open_a_new_database_at_once,
    a_newer_schema_is_refused_in_clear_words,
    an_edited_migration_is_refused,
    a_step_that_fails_leaves_nothing_behind,
);

async fn opening_again_changes_nothing(place: Place) {
    let store = place.open().await;
    let key = *store.mask_key().expose_secret();
    assert_ne!(key, [0; 32]);
    store.push(&preview(1), at(0), at(0)).await.unwrap();
    store.close().await;
    let again = place.open().await;
    assert_eq!(*again.mask_key().expose_secret(), key, "masks stay comparable");
    assert_eq!(again.queued().await.unwrap(), 1);
    again.ping().await.unwrap();
}

async fn many_may_open_a_new_database_at_once(place: Place) {
    let (a, b, c) = tokio::join!(place.open(), place.open(), place.open());
    let keys = [&a, &b, &c].map(|store| *store.mask_key().expose_secret());
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[1], keys[2]);
}

async fn a_newer_schema_is_refused_in_clear_words(place: Place) {
    let store = place.open().await;
    sqlx::query("INSERT INTO migrations (version, checksum, applied) VALUES (7, 'x', 0)")
        .execute(&store.write)
        .await
        .unwrap();
    let error = Store::open(&place.url, at(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database has schema version 7, made by a newer Tidegate; this one knows versions up to 1: run that newer \
         version, or restore a backup from before the upgrade"
    );
}

async fn an_edited_migration_is_refused(place: Place) {
    let store = place.open().await;
    let edited = [Migration { version: 1, text: "SELECT 1" }];
    let error = run(&store, &edited, at(1)).await.unwrap_err();
    assert!(matches!(error, Error::Altered { version: 1 }), "{error}");
}

async fn a_step_that_fails_leaves_nothing_behind(place: Place) {
    let store = place.open().await;
    let first = Migration { version: 1, text: ALL[0].text };
    let broken =
        Migration { version: 2, text: "CREATE TABLE half (id BIGINT); CREATE TABLE half (id BIGINT);" };
    assert!(run(&store, &[first, broken], at(1)).await.is_err());
    assert!(sqlx::query("SELECT * FROM half").fetch_optional(&store.write).await.is_err(), "rolled back");
    let first = Migration { version: 1, text: ALL[0].text };
    let mended = Migration { version: 2, text: "CREATE TABLE half (id BIGINT, name TEXT, body BYTES);" };
    run(&store, &[first, mended], at(2)).await.unwrap();
    sqlx::query("SELECT * FROM half").fetch_optional(&store.write).await.unwrap();
}

#[tokio::test]
async fn a_database_in_memory_works_and_is_its_own() {
    let one = Store::open("sqlite::memory:", at(0)).await.unwrap();
    let two = Store::open("sqlite::memory:", at(0)).await.unwrap();
    one.push(&preview(1), at(0), at(0)).await.unwrap();
    assert_eq!((one.queued().await.unwrap(), two.queued().await.unwrap()), (1, 0));
}

#[tokio::test]
async fn a_database_file_is_for_its_owner_only_and_a_bad_place_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with blank.db");
    let url = format!("sqlite://{}", path.display());
    let store = Store::open(&url, at(0)).await.unwrap();
    store.push(&preview(1), at(0), at(0)).await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    let error = Store::open("sqlite:///nowhere/at/all.db", at(0)).await.unwrap_err();
    assert_eq!(error.to_string(), "the database file /nowhere/at/all.db cannot be opened");
}

#[tokio::test]
async fn an_address_with_a_password_is_never_told() {
    let place = Place::postgres().await;
    let url = place.url.replace("postgres@", "postgres:hunter2@");
    for bad in [
        url.replace("/postgres?", "/that-is-not-there?"),
        url.replace("127.0.0.1:", "127.0.0.1:x"),
        url.replace("://", ":/"),
    ] {
        let error = Store::open(&bad, at(0)).await.unwrap_err();
        let told = format!("{error:?} {}", crate::model::fault::chain(&error));
        assert!(!told.contains("hunter2"), "{told}");
        assert_eq!(error.kind(), crate::store::Kind::Ours, "{told}");
    }
    let printed = format!("{:?}", place.open().await);
    assert!(!printed.contains("postgres"), "{printed}");
}
