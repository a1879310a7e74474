//! The terminal: which numbered step of the workflow just happened. The numbers are those of docs/WORKFLOWS.md.

use std::fmt::Display;
use std::io::{Write as _, stdout};

/// Tells a step, and at whose place it happened: `store`, `forums`, `mobile` or `phone`.
pub fn step(place: &str, number: usize, what: impl Display) {
    line(format_args!("{place:<7} {number:>3}  {what}"));
}

/// Tells of something that no step stands for.
pub fn aside(place: &str, what: impl Display) {
    line(format_args!("{place:<7}   -  {what}"));
}

/// Prints a line. Whoever closed the terminal does not want to know.
pub fn line(text: impl Display) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
