//! Deliveries taken in a second, their latency, and the CPU of each, beside Probot under the same load.
//!
//! Tidegate has stored a delivery durably before it answers; Probot stores nothing.

use std::time::Duration;

use github_emulator::MergeMethod;
use serde_json::json;

use crate::Done;
use crate::Extent;
use crate::load::Letter;
use crate::load::Load;
use crate::load::load;
use crate::probot::Probot;
use crate::process::calm;
use crate::process::cpu;
use crate::process::memory;
use crate::server::Server;
use crate::stats::Sample;
use crate::stats::float;
use crate::stats::heading;
use crate::stats::line;
use crate::stats::number;
use crate::world::SECRET;
use crate::world::World;

/// Connections that post at the same time.
const CONNECTIONS: u32 = 32;

/// After a load, everything that follows from it is over within this time.
const AFTER: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
struct Figures {
    rate: Sample,
    middle: Sample,
    last: Sample,
    cpu: Sample,
    after: Sample,
    peak: f64,
}

/// Measures and prints.
pub(crate) async fn measure(extent: Extent) -> Done<()> {
    let world = World::new(&json!({}))?;
    let probot = Probot::install()?;
    let letter = letter(&world).await?;
    heading(&format!(
        "deliveries of {} bytes over {CONNECTIONS} connections, beside Probot {}",
        letter.1,
        probot.version()
    ));
    let time = Duration::from_secs(extent.of(3, 8) as u64);
    let (mut ours, mut its) = (Figures::default(), Figures::default());
    let (server, other) = (world.serve().await?, probot.serve(&world.app).await?);
    for (server, run) in [(&server, 1), (&other, 2)] {
        load(&letter.0, server.port, (CONNECTIONS, run), Duration::from_secs(2)).await?;
        calm(server.id(), AFTER).await?;
    }
    for run in 0..u32::try_from(extent.of(3, 7))? {
        one(&letter.0, &server, (10 + run, time), &mut ours).await?;
        one(&letter.0, &other, (1000 + run, time), &mut its).await?;
    }
    tell(&ours, &its);
    let alone = load(&letter.0, server.port, (1, 5000), Duration::from_secs(2)).await?;
    line(
        "one connection alone: stored and answered, p50, p99",
        &format!(
            "{} ms, {} ms",
            number(alone.latency.median() * 1e3),
            number(alone.latency.percentile(99) * 1e3)
        ),
    );
    Ok(())
}

/// A comment that is no command, as GitHub sends it, and its length.
async fn letter(world: &World) -> Done<(Letter, usize)> {
    let repository = world.repository("acme", &[("README.md", Some("A shop.\n"))])?;
    repository.commit("work", "Work", "ann", &[("README.md", Some("The shop.\n"))])?;
    let pull = repository.open_pull("ann", "Work", "work", "main")?;
    pull.comment("ann", "Looks good to me, thank you.")?;
    pull.merge("ann", MergeMethod::Squash)?;
    // Nobody listens yet: each delivery ends at once.
    world.hub.hooks().settle().await;
    let all = world.hub.hooks().deliveries();
    let comment = all.iter().find(|one| one.event == "issue_comment").ok_or("no comment was delivered")?;
    Ok((Letter::new("issue_comment", world.app.id, SECRET, &comment.payload), comment.payload.len()))
}

async fn one(
    letter: &Letter,
    server: &Server,
    (run, time): (u32, Duration),
    figures: &mut Figures,
) -> Done<()> {
    let before = cpu(server.id())?;
    let Load { latency, wall } = load(letter, server.port, (CONNECTIONS, run), time).await?;
    let at_end = cpu(server.id())?;
    calm(server.id(), AFTER).await?;
    let (all, count) = (cpu(server.id())?, float(latency.len() as u64));
    figures.rate.add(Load { latency: latency.clone(), wall }.rate());
    figures.middle.add(latency.median());
    figures.last.add(latency.percentile(99));
    figures.cpu.add((at_end - before) / count);
    figures.after.add((all - before) / count);
    figures.peak = memory(server.id())?.1;
    Ok(())
}

fn tell(ours: &Figures, its: &Figures) {
    let rows: [(&str, &Sample, &Sample, f64, &str); 5] = [
        ("answered in a second", &ours.rate, &its.rate, 1.0, "/s"),
        ("latency p50", &ours.middle, &its.middle, 1e3, "ms"),
        ("latency p99", &ours.last, &its.last, 1e3, "ms"),
        ("CPU of each, until the load ended", &ours.cpu, &its.cpu, 1e3, "ms"),
        ("CPU of each, with the work that followed", &ours.after, &its.after, 1e3, "ms"),
    ];
    for (what, ours, its, scale, unit) in rows {
        line(&format!("{what}: Tidegate"), &ours.show(scale, unit));
        line(&format!("{what}: Probot"), &its.show(scale, unit));
        line("  Tidegate / Probot", &ours.over(its).show(1.0, "times"));
    }
    line("most memory: Tidegate, Probot", &format!("{} MiB, {} MiB", number(ours.peak), number(its.peak)));
}
