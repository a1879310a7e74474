//! The real binary, asked over HTTP as its users ask it.

mod doors;
mod race;
mod support;
mod telltale;
