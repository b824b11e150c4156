//! The HTTP side: one loopback port with the address layout of GitHub Enterprise Server.

mod body;
mod connection;
mod gate;
mod rest;

pub(crate) use body::Pieces;
pub(crate) use body::Unread;
pub(crate) use body::whole;

use crate::core::Core;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use axum::routing::post;
use connection::Connection;
use connection::Loopback;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves until the task is dropped.
pub(crate) async fn serve(core: Arc<Core>, listener: TcpListener) -> std::io::Result<()> {
    let router = Router::new()
        .route("/api/graphql", post(graphql))
        .route("/api/v3/{*path}", any(rest))
        .fallback(git)
        .with_state(core);
    let service = router.into_make_service_with_connect_info::<Connection>();
    axum::serve(Loopback(listener), service).await
}

type Info = ConnectInfo<Connection>;

async fn rest(State(core): State<Arc<Core>>, ConnectInfo(connection): Info, request: Request) -> Response {
    rest::answer(core, connection, request).await
}

async fn graphql(State(core): State<Arc<Core>>, ConnectInfo(connection): Info, request: Request) -> Response {
    rest::answer(core, connection, request).await
}

async fn git(State(core): State<Arc<Core>>, ConnectInfo(connection): Info, request: Request) -> Response {
    crate::git::http::answer(core, connection, request).await
}

pub(crate) use connection::Connection as Peer;
