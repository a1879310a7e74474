//! The real binary, asked over HTTP as its users ask it.

mod bad_input;
mod bad_start;
mod doors;
mod race;
mod stopping;
mod support;
mod telltale;
