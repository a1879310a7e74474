//! A client: an application that asks for tokens.

mod settings;

pub use settings::*;
