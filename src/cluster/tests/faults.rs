//! Every request of a deployment goes wrong once; the next deployment ends it properly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use http::{Request, Response};
use kube::client::Body;
use tokio::sync::{Mutex, Notify};

use super::{World, becomes, config, service};
use crate::cluster::Cluster;
use crate::cluster::kinds::Kinds;
use crate::cluster::wire::Wire;

/// What happens to the chosen request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// It never arrives.
    Lost,
    /// It takes effect and its answer is lost.
    Unanswered,
    /// It takes effect and the process is killed, which is the same as before the next one is sent.
    Killed,
}

/// A client whose request number `at` goes wrong; the count and the notice of its death.
fn unlucky(
    world: &World,
    inner: kube::Client,
    (at, mishap): (u64, Mishap),
) -> (Cluster, Arc<AtomicU64>, Arc<Notify>) {
    let (count, death) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counted, died) = (Arc::clone(&count), Arc::clone(&death));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, died) = (inner.clone(), Arc::clone(&died));
        let mine = counted.fetch_add(1, Ordering::Relaxed) == at;
        async move {
            if mine && mishap == Mishap::Lost {
                return Err(std::io::Error::other("lost"));
            }
            let answer: Result<Response<Body>, _> = inner.send(request).await.map_err(std::io::Error::other);
            if mine && mishap == Mishap::Killed {
                died.notify_one();
                std::future::pending::<()>().await;
            }
            if mine { Err(std::io::Error::other("no answer")) } else { answer }
        }
    });
    let mut cluster = world.cluster.clone();
    cluster.wire = Wire::new(kube::Client::new(service, "default"), "test".to_owned(), "Tidegate".to_owned());
    (cluster, count, death)
}

/// What all worlds share, so that a hundred of them are quick.
struct Luck {
    client: kube::Client,
    kinds: Arc<Mutex<Option<Arc<Kinds>>>>,
}

/// One deployment with one mishap, and the one after it; how many requests the first one made.
async fn survive(luck: &Luck, at: u64, mishap: Mishap) -> u64 {
    let name = format!(
        "faults-{}-{}",
        format!("{mishap:?}").to_lowercase(),
        if at == u64::MAX { 0 } else { at + 1 }
    );
    let mut world = World::settled(&name).await;
    world.cluster.kinds = Arc::clone(&luck.kinds);
    world
        .must_deploy(&world.bundle(&[config("same", "1"), config("change", "1"), config("gone", "1")]))
        .await;
    let wanted = world.bundle(&[config("same", "1"), config("change", "2"), config("new", "1"), service()]);

    let sound = world.cluster.clone();
    let (cluster, count, death) = unlucky(&world, luck.client.clone(), (at, mishap));
    world.cluster = cluster;
    tokio::select! {
        _ = world.try_deploy(&wanted) => {}
        () = death.notified() => {}
    }
    world.cluster = sound;
    world.must_deploy(&wanted).await;

    for seen in world.look(&wanted).await {
        assert_eq!(becomes(&seen), &seen.live.as_ref().unwrap().body, "{} after {mishap:?} of {at}", seen.id);
    }
    assert!(
        world.get(&format!("/api/v1/namespaces/{name}/configmaps/gone")).await.is_none(),
        "{mishap:?} of {at}"
    );
    let own = world.cluster.own(&world.scope).await.unwrap().unwrap();
    assert_eq!(own.entries.len(), 4, "{mishap:?} of {at}");
    assert!(
        own.entries.values().all(|owned| owned.uid.is_some() && owned.digest.is_some()),
        "{mishap:?} of {at}"
    );
    count.load(Ordering::Relaxed)
}

#[tokio::test]
async fn every_request_may_fail_once_and_the_end_is_the_same() {
    let world = World::new("faults").await;
    let luck = Luck { client: super::client().await, kinds: world.cluster.kinds };
    let requests = survive(&luck, u64::MAX, Mishap::Lost).await;
    assert!(requests > 15, "{requests}");
    // Each request meets one mishap, by turns; which of the parallel writes it is differs from run to run.
    let mishap = |at: u64| match at % 3 {
        0 => Mishap::Killed,
        1 => Mishap::Unanswered,
        _ => Mishap::Lost,
    };
    let tasks: Vec<_> = (0..requests).map(|at| survive(&luck, at, mishap(at))).collect();
    let survived: Vec<u64> = futures_util::stream::iter(tasks).buffer_unordered(12).collect().await;
    assert_eq!(survived.len() as u64, requests);
}
