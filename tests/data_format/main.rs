//! A data directory of the first format, as it was written then: whatever this program becomes, it opens it and knows the same.

mod engine;
mod expected;
mod facts;
mod history;
#[path = "../golden/samples.rs"]
mod samples;
mod states;
mod upgrade;
mod whole;
