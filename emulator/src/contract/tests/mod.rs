//! The checker against GitHub's own examples, and against wrong exchanges of many kinds.

mod examples;
mod sample;
mod wrong;

use std::sync::LazyLock;

use super::Contract;

/// One contract for all tests; loading it is most of their time.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::load().unwrap());
