//! Countersign: an auth engine for app backends.

pub mod crypto;
pub mod domain;
pub mod entropy;
