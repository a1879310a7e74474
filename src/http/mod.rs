//! The doors: every way in over HTTP.

pub mod transport;
