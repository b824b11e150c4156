//! One app by a program, unless what it gives is kept from before.
//!
//! What a program gives depends on its inputs alone, and on nothing else if it is right: it is run once for the same inputs,
//! whichever pull request, branch or environment they belong to, and what it gave is kept. An app is *affected* by a change
//! exactly if its inputs' digest is another one.

use std::sync::Arc;
use std::time::Duration;

use crate::model::fault::{Failure, Fault};
use crate::model::id::Digest;
use crate::model::settings::Renderer;
use crate::render::document::Part;
use crate::render::inputs::{self, Inputs};
use crate::render::sources::Task;
use crate::render::tools::Tool;
use crate::render::{Context, compute, helm, kustomize, probe};

/// Just longer than a second.
const SECOND: Duration = Duration::from_millis(1_010);

/// What was made ready for a program.
#[derive(Debug, Clone)]
enum Ready {
    Kustomize(Arc<kustomize::Ready>),
    Helm(Arc<helm::Ready>),
}

/// Renders one app, or takes what was kept.
pub(super) async fn render(context: Arc<Context>, task: Task) -> Result<Part, Failure> {
    // Only now: whoever waits for another host keeps nobody's turn.
    let mut turn = Some((context.renderers.turns.take(context.owner).await, context.clock.run()));
    let task = Arc::new(task);
    let (shared, order) = (Arc::clone(&context), Arc::clone(&task));
    let found = compute(move || look(&shared, &order)).await?;
    let (ready, keys) = match found {
        Look::Kept(part) => return Ok(part),
        Look::Wrong(faults) => return Ok(Part { faults, ..Part::default() }),
        Look::Ready(ready, keys) => (ready, keys),
    };
    let mut part = ready.run(&context, &task).await?;
    // Nothing that Kustomize itself can be told draws a value or reads a clock; templates can do both.
    if ready.draws() && part.faults.is_empty() {
        if ready.reads_clock() {
            // Most clocks of charts tell seconds: the second look is one later, and nobody waits for it.
            drop(turn.take());
            tokio::time::sleep(SECOND).await;
            turn = Some((context.renderers.turns.take(context.owner).await, context.clock.run()));
        }
        let again = ready.run(&context, &task).await?;
        part = compute(move || {
            probe::compare(&mut part, again);
            part
        })
        .await?;
    }
    drop(turn);
    if let (Some(cache), Some(keys), true) = (context.renderers.cache.clone(), keys, part.faults.is_empty()) {
        return compute(move || {
            let drawn = part.pieces.iter().any(|piece| !piece.volatile.is_empty());
            cache.put(if drawn { &keys.own } else { &keys.shared }, &part);
            part
        })
        .await;
    }
    Ok(part)
}

/// Where what an app gives is kept.
#[derive(Debug, Clone, Copy)]
struct Keys {
    /// For every environment whose app has the same inputs.
    shared: Digest,
    /// For this environment alone: two of them must not be given the same drawn password.
    own: Digest,
}

impl Keys {
    fn of(context: &Context, task: &Task, inputs: &Inputs) -> Result<Self, Fault> {
        // Kustomize may start Helm.
        let programs: &[&str] = match task.renderer {
            Renderer::Helm => &["helm"],
            Renderer::Kustomize | Renderer::Plain => &["kustomize", "helm"],
        };
        let tool = |name: &&str| context.chosen.tool(name).map(Tool::identity).unwrap_or_default();
        let tools: Vec<String> = programs.iter().map(tool).collect();
        let shared = inputs::key(context, task, inputs, &tools.join(", "))?;
        let own = Digest::of(format!("{} {}", shared.hex(), context.environment).as_bytes());
        Ok(Self { shared, own })
    }
}

/// What is found before a program runs.
enum Look {
    /// It was rendered before.
    Kept(Part),
    /// It cannot be rendered.
    Wrong(Vec<Fault>),
    /// It is to be rendered, and kept under one of these keys.
    Ready(Ready, Option<Keys>),
}

fn look(context: &Context, task: &Task) -> Look {
    let ready = match Ready::prepare(context, task) {
        Ok(ready) => ready,
        Err(faults) => return Look::Wrong(faults),
    };
    let Some(cache) = &context.renderers.cache else { return Look::Ready(ready, None) };
    match Keys::of(context, task, ready.inputs()) {
        Err(fault) => Look::Wrong(vec![fault]),
        Ok(keys) => {
            let kept = cache.get(&keys.shared).or_else(|| cache.get(&keys.own));
            kept.map_or_else(|| Look::Ready(ready, Some(keys)), Look::Kept)
        }
    }
}

impl Ready {
    fn prepare(context: &Context, task: &Task) -> Result<Self, Vec<Fault>> {
        match task.renderer {
            Renderer::Helm => helm::prepare(context, task).map(|ready| Self::Helm(Arc::new(ready))),
            Renderer::Kustomize | Renderer::Plain => {
                kustomize::prepare(context, task).map(|ready| Self::Kustomize(Arc::new(ready)))
            }
        }
    }

    /// Can what it gives differ from one time to the next?
    fn draws(&self) -> bool {
        match self {
            Self::Kustomize(ready) => ready.inflates(),
            Self::Helm(_) => true,
        }
    }

    /// May it depend on the time?
    fn reads_clock(&self) -> bool {
        match self {
            Self::Kustomize(ready) => ready.inflates(),
            Self::Helm(ready) => ready.reads_clock(),
        }
    }

    fn inputs(&self) -> &Inputs {
        match self {
            Self::Kustomize(ready) => &ready.inputs,
            Self::Helm(ready) => &ready.inputs,
        }
    }

    async fn run(&self, context: &Arc<Context>, task: &Arc<Task>) -> Result<Part, Failure> {
        let (context, task) = (Arc::clone(context), Arc::clone(task));
        match self {
            Self::Kustomize(ready) => kustomize::run(context, task, Arc::clone(ready)).await,
            Self::Helm(ready) => helm::run(context, task, Arc::clone(ready)).await,
        }
    }
}
