//! The journal: the one record of everything that was decided.

pub mod schema;
