//! What can stop work on a cluster, and who must act.

use crate::model::fault::{Cause, Failure};

/// Why a cluster could not be looked at or changed. What one object did wrong is no error but a fact about that object.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The kubeconfig, its context or its credentials cannot be used.
    #[error("target {target} has no usable Kubernetes configuration")]
    Settings {
        /// The operator's name of the target.
        target: String,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server cannot be reached, or broke off.
    #[error("target {target} could not be reached to {doing}")]
    Away {
        /// The operator's name of the target.
        target: String,
        /// Verb and object.
        doing: String,
        /// What the connection said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server answered that it cannot answer now.
    #[error("target {target} could not {doing}: {message} ({code})")]
    Unwell {
        /// The operator's name of the target.
        target: String,
        /// Verb and object.
        doing: String,
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The user that we act as lacks a right.
    #[error("target {target} does not let {user} {doing}: {message}")]
    Denied {
        /// The operator's name of the target.
        target: String,
        /// Who asked: the impersonated user, or Tidegate itself.
        user: String,
        /// Verb and object.
        doing: String,
        /// The server's words.
        message: String,
    },
    /// The API server would not do something that it should.
    #[error("target {target} refused to {doing}: {message} ({code})")]
    Refused {
        /// The operator's name of the target.
        target: String,
        /// Verb and object.
        doing: String,
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// Another deployment wrote the inventory meanwhile.
    #[error("the inventory of {environment} in target {target} was written by another deployment meanwhile")]
    Moved {
        /// The operator's name of the target.
        target: String,
        /// The environment.
        environment: String,
    },
    /// The record of what the environment owns cannot be read.
    #[error("the inventory of {environment} in target {target} is damaged: {why}")]
    Damaged {
        /// The operator's name of the target.
        target: String,
        /// The environment.
        environment: String,
        /// What does not fit.
        why: String,
    },
    /// The place is not a Kubernetes cluster.
    #[error("target {target} is no Kubernetes cluster")]
    Place {
        /// The operator's name of the target.
        target: String,
    },
}

/// Who must act. Never the author: what one object did wrong is a fact in what was seen or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody: later it may go.
    Weather,
    /// The operator, or us.
    Ours,
}

impl Error {
    /// Who must act on it.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Away { .. } | Self::Unwell { .. } | Self::Moved { .. } => Kind::Weather,
            Self::Settings { .. }
            | Self::Denied { .. }
            | Self::Damaged { .. }
            | Self::Place { .. }
            | Self::Refused { .. } => Kind::Ours,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Weather => Self::Weather(Cause::new("working on a cluster", error)),
            Kind::Ours => Self::Ours(Cause::new("working on a cluster", error)),
        }
    }
}
