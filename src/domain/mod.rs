//! The rules. Pure: no clock, no randomness, no input or output; all of it arrives as arguments.

pub mod client;
pub mod context;
pub mod ids;
pub mod keys;
pub mod time;
