//! Trials of the journal: what becomes of it when its store, its keys or its segments are hurt, or the power goes.

#[path = "../support/mod.rs"]
mod support;

mod copies;
mod crash;
mod cut;
mod follow;
mod full;
mod keys;
mod repair;
mod rewrap;
mod sealing;
mod store;
