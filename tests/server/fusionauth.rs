//! FusionAuth's API, as the clients that were written for it ask.

mod asking;
mod logging_in;
mod logging_out;
mod pinging;
mod refresh_tokens;
mod refreshing;
mod token_doors;
