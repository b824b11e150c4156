//! One app by a program, unless what it gives is kept from before.
//!
//! What a program gives depends on its inputs alone, and on nothing else if it is right: it is run once for the same inputs,
//! whichever pull request, branch or environment they belong to, and what it gave is kept. An app is *affected* by a change
//! exactly if its inputs' digest is another one.

use std::sync::Arc;

use crate::model::fault::{Failure, Fault};
use crate::model::settings::Renderer;
use crate::render::document::Part;
use crate::render::inputs::{self, Inputs};
use crate::render::sources::Task;
use crate::render::{Context, compute, helm, kustomize};

/// What was made ready for a program.
#[derive(Debug, Clone)]
enum Ready {
    Kustomize(Arc<kustomize::Ready>),
    Helm(Arc<helm::Ready>),
}

/// Renders one app, or takes what was kept.
pub(super) async fn render(context: Arc<Context>, task: Task) -> Result<Part, Failure> {
    let task = Arc::new(task);
    let (shared, order) = (Arc::clone(&context), Arc::clone(&task));
    let found = compute(move || look(&shared, &order)).await?;
    let (ready, key) = match found {
        Look::Kept(part) => return Ok(part),
        Look::Wrong(faults) => return Ok(Part { faults, ..Part::default() }),
        Look::Ready(ready, key) => (ready, key),
    };
    let part = ready.run(&context, &task).await?;
    if let (Some(cache), Some(key), true) = (context.renderers.cache.clone(), key, part.faults.is_empty()) {
        return compute(move || {
            cache.put(&key, &part);
            part
        })
        .await;
    }
    Ok(part)
}

/// What is found before a program runs.
enum Look {
    /// It was rendered before.
    Kept(Part),
    /// It cannot be rendered.
    Wrong(Vec<Fault>),
    /// It is to be rendered, and kept under this key.
    Ready(Ready, Option<crate::model::id::Digest>),
}

fn look(context: &Context, task: &Task) -> Look {
    let ready = match Ready::prepare(context, task) {
        Ok(ready) => ready,
        Err(faults) => return Look::Wrong(faults),
    };
    let Some(cache) = &context.renderers.cache else { return Look::Ready(ready, None) };
    match inputs::key(context, task, ready.inputs(), "") {
        Err(fault) => Look::Wrong(vec![fault]),
        Ok(key) => cache.get(&key).map_or_else(|| Look::Ready(ready, Some(key)), Look::Kept),
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
