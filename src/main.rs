//! The program: parse, dispatch, exit code.

#![cfg_attr(not(test), warn(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types))]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr))]
#![cfg_attr(not(test), warn(clippy::cast_possible_truncation))]

fn main() {}
