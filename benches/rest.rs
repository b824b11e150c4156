//! Memory at rest, and how soon a server is ready: a new one, and one that restarts on its database.

use std::time::Duration;

use serde_json::json;

use crate::Done;
use crate::Extent;
use crate::probot::Probot;
use crate::process::memory;
use crate::server::Server;
use crate::stats::Sample;
use crate::stats::heading;
use crate::stats::line;
use crate::world::World;

/// After this long without work a server is at rest.
const REST: Duration = Duration::from_secs(2);

/// Measures and prints.
pub(crate) async fn measure(extent: Extent) -> Done<()> {
    heading("at rest: memory, and start to ready");
    let world = World::new(&json!({}))?;
    let probot = Probot::install()?;
    let (mut first, mut again, mut beside) = (Sample::default(), Sample::default(), Sample::default());
    let (mut resident, mut its) = (Sample::default(), Sample::default());
    // The first round warms the page cache and is not counted.
    for round in 0..=extent.of(5, 15) {
        world.forget()?;
        let fresh = world.serve().await?.start;
        let restarted = world.serve().await?;
        let other = probot.serve(&world.app).await?;
        if round > 0 {
            first.time(fresh);
            again.time(restarted.start);
            beside.time(other.start);
        }
        if (1..=3).contains(&round) {
            tokio::time::sleep(REST).await;
            resident.add(rss(&restarted)?);
            its.add(rss(&other)?);
        }
    }
    line("start to ready, on its database", &again.show(1e3, "ms"));
    line("start to ready, the database made first", &first.show(1e3, "ms"));
    line("start to ready, Probot", &beside.show(1e3, "ms"));
    line("  Tidegate / Probot", &again.over(&beside).show(1.0, "times"));
    line("memory at rest (resident)", &resident.show(1.0, "MiB"));
    line("memory at rest, Probot", &its.show(1.0, "MiB"));
    line("  Tidegate / Probot", &resident.over(&its).show(1.0, "times"));
    Ok(())
}

fn rss(server: &Server) -> Done<f64> {
    Ok(memory(server.id())?.0)
}
