//! Countersign: an auth engine for app backends.

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
