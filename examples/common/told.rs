//! The terminal: which numbered steps of the workflow just happened. The numbers are those of docs/WORKFLOWS.md.

use std::fmt::Display;
use std::io::{Write as _, stdout};

/// Steps that happened one after the other.
pub struct Told {
    /// The number of the first.
    pub first: usize,
    /// What happened, a line for each step.
    pub steps: Vec<String>,
}

impl Told {
    pub fn new<const N: usize>(first: usize, steps: [String; N]) -> Self {
        Self { first, steps: steps.into() }
    }

    /// Tells them, and at whose place they happened: `store`, `forums` or `mobile`.
    pub fn tell(&self, place: &str) {
        for (number, what) in (self.first..).zip(&self.steps) {
            step(place, number, what);
        }
    }
}

/// Tells one step.
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
