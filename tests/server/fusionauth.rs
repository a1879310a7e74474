//! FusionAuth's API, as the clients that were written for it ask.

mod applications;
mod asking;
mod at_once;
mod importing;
mod keys;
mod logging_in;
mod logging_out;
mod managing;
mod official;
mod official_models;
mod official_programs;
mod official_table;
mod passwords;
mod people;
mod pinging;
mod reach;
mod refresh_tokens;
mod refreshing;
mod registrations;
mod token_doors;
