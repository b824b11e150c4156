//! What several tests stand on: the program, the world around it, and what is seen of both.

pub(crate) mod checkout;
pub(crate) mod cluster;
pub(crate) mod controlplane;
pub(crate) mod fixture;
pub(crate) mod page;
pub(crate) mod program;
pub(crate) mod server;
pub(crate) mod world;
