//! Countersign: an auth engine for app backends.

pub mod config;
pub mod domain;
pub mod http;
