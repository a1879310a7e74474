//! Countersign: an auth engine for app backends.

// What ships does not panic on a whim, does not touch the world outside its ports and does not change a number by casting it.
// A test may. The list of bans is clippy.toml.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr))]
#![cfg_attr(not(test), warn(clippy::cast_possible_truncation, clippy::cast_possible_wrap))]
#![cfg_attr(not(test), warn(clippy::cast_precision_loss, clippy::cast_sign_loss))]

pub mod actors;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod entropy;
pub mod http;
pub mod journal;
pub mod metrics;
