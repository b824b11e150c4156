//! The page on which a person goes on by hand: the pull request as GitHub would show it, and what lies in each environment.
//!
//! On 127.0.0.1 only, its own files only, no framework. What it shows of comments goes through [`markdown`]; what may be
//! asked of it is decided in [`guard`].

mod act;
mod form;
mod guard;
mod markdown;
mod view;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use minijinja::{Environment, Value};
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::app::signal;
use crate::demo::Halt;
use crate::demo::stage::{Stage, random};
use crate::demo::tell::Tell;

/// The largest form that is read, in bytes: an edited file of the sample.
const FORM: usize = 256 << 10;
/// How long requests that are under way may take after Ctrl-C.
const LEAVE: Duration = Duration::from_secs(2);

const TEMPLATES: [(&str, &str); 5] = [
    ("demo.html", include_str!("../../../templates/demo.html")),
    ("demo-pull.html", include_str!("../../../templates/demo-pull.html")),
    ("demo-live.html", include_str!("../../../templates/demo-live.html")),
    ("demo-edit.html", include_str!("../../../templates/demo-edit.html")),
    ("demo-environment.html", include_str!("../../../templates/demo-environment.html")),
];
const STYLE: &str = include_str!("../../../templates/demo.css");
const SCRIPT: &str = include_str!("../../../templates/demo.js");

/// What the handlers share.
struct Page {
    stage: Arc<Stage>,
    templates: Environment<'static>,
    /// What a form must bring along as its cookie.
    token: String,
    address: SocketAddr,
}

type Shared = Arc<Page>;

/// Serves the page until Ctrl-C.
pub(super) async fn serve(stage: &Arc<Stage>, tell: &Tell, port: u16) -> Result<(), Halt> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        Halt::new(format!("the page cannot listen on port {port}: {error}; choose another by --port"))
    })?;
    let address = listener.local_addr()?;
    let page = Page { stage: Arc::clone(stage), templates: templates()?, token: random()?, address };
    tell.line(&format!("\nGo on by hand:  http://{address}/   (Ctrl-C ends it and takes everything down)"));
    let ended = async {
        // Where signals cannot be heard, the page must not stay for ever either.
        drop(signal().await);
    };
    let leave = async {
        drop(signal().await);
        tokio::time::sleep(LEAVE).await;
    };
    let serving = axum::serve(listener, routes(Arc::new(page))).with_graceful_shutdown(ended);
    tokio::select! {
        served = async { serving.await } => Ok(served?),
        () = leave => Ok(()),
    }
}

fn templates() -> Result<Environment<'static>, Halt> {
    let mut templates = Environment::new();
    for (name, text) in TEMPLATES {
        templates.add_template(name, text)?;
    }
    Ok(templates)
}

fn routes(page: Shared) -> Router {
    Router::new()
        .route("/", get(newest))
        .route("/style.css", get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE) }))
        .route(
            "/script.js",
            get(|| async { ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT) }),
        )
        .route("/pull/{number}", get(pull))
        .route("/pull/{number}/live", get(live))
        .route("/pull/{number}/comment", post(act::comment))
        .route("/pull/{number}/review", post(act::review))
        .route("/pull/{number}/merge", post(act::merge))
        .route("/edit", get(edit).post(act::edit))
        .route("/environment/{name}", get(environment))
        .layer(DefaultBodyLimit::max(FORM))
        .layer(from_fn_with_state(Arc::clone(&page), guard::guard))
        .with_state(page)
}

impl Page {
    fn render(&self, template: &str, values: Value) -> Response {
        let rendered = self.templates.get_template(template).and_then(|template| template.render(values));
        match rendered {
            Ok(text) => Html(text).into_response(),
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("the page is broken: {error}")),
        }
    }
}

/// An answer without a page, in plain words.
fn refuse(status: StatusCode, words: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{words}\n")).into_response()
}

fn broke(halt: &Halt) -> Response {
    refuse(StatusCode::UNPROCESSABLE_ENTITY, &halt.0)
}

async fn newest(State(page): State<Shared>) -> Response {
    let number = view::pulls(&page.stage).last().map_or(1, |pull| pull.number);
    Redirect::to(&format!("/pull/{number}")).into_response()
}

async fn pull(State(page): State<Shared>, Path(number): Path<u64>) -> Response {
    match view::pull(&page.stage, number) {
        Ok(values) => page.render("demo-pull.html", values),
        Err(halt) => refuse(StatusCode::NOT_FOUND, &halt.0),
    }
}

async fn live(State(page): State<Shared>, Path(number): Path<u64>) -> Response {
    match view::pull(&page.stage, number) {
        Ok(values) => page.render("demo-live.html", values),
        Err(halt) => refuse(StatusCode::NOT_FOUND, &halt.0),
    }
}

async fn environment(State(page): State<Shared>, Path(name): Path<String>) -> Response {
    match view::environment(&page.stage, &name).await {
        Ok(values) => page.render("demo-environment.html", values),
        Err(halt) => refuse(StatusCode::NOT_FOUND, &halt.0),
    }
}

/// Which file is edited, and on which pull request; none: a new one.
#[derive(Debug, Deserialize)]
struct Edited {
    path: Option<String>,
    pull: Option<u64>,
}

async fn edit(State(page): State<Shared>, Query(edited): Query<Edited>) -> Response {
    match view::edit(&page.stage, edited.path.as_deref(), edited.pull).await {
        Ok(values) => page.render("demo-edit.html", values),
        Err(halt) => broke(&halt),
    }
}

#[cfg(test)]
mod tests {
    use minijinja::{Value, context};

    use super::{TEMPLATES, templates};
    use crate::demo::page::markdown::html;

    #[test]
    fn every_template_renders_and_escapes() {
        let hostile = "<script>x</script>";
        let comment = context! {
            author => hostile, at => "now", reactions => ["👀"], body => Value::from_safe_string(html(hostile)),
        };
        let values = context! {
            repository => hostile, title => hostile, name => hostile, number => 1, open => true, author => "ann",
            path => hostile, text => hostile, pull => 1, history => hostile, state => "open",
            environments => [hostile], comments => [comment],
            people => [context! { login => "bob", role => "write", writes => true }],
            files => [context! { path => hostile, link => "x" }],
            items => [context! { name => hostile, text => hostile }],
            checks => [context! { name => hostile, title => hostile }],
            deployments => [context! { environment => hostile, words => hostile }],
            pulls => [context! { number => 1, title => hostile }],
        };
        let templates = templates().unwrap();
        for (name, _) in TEMPLATES {
            let page = templates.get_template(name).unwrap().render(&values).unwrap();
            assert!(!page.contains(hostile), "{name}: {page}");
        }
    }
}
