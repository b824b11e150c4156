//! The program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::run(std::env::args_os())
}
