//! The three login workflows that app backends were drawn with, each of their numbered steps by a test of its own: the example apps as
//! they are, a recording proxy between them and the real binary, and a browser or a phone that asks them.

mod app;
mod browser;
mod differences;
mod document;
mod mobile;
mod newcomer;
mod phone;
mod scenes;
mod spy;
mod stage;
mod steps;
mod thefts;
mod visit;
mod visitor;
mod webapp_native;
mod webapp_sessions;

#[allow(dead_code, unused_imports, reason = "the tests of the server use the rest of it")]
#[path = "../server/support/mod.rs"]
mod support;
