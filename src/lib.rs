//! Countersign: an auth engine for app backends.

pub mod domain;
pub mod journal;
