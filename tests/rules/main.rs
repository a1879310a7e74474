//! The rules, told as stories: given what happened, when this is asked, then exactly these events and this answer.

mod given;
mod refresh_lifetimes;
mod refresh_retry;
mod refresh_table;
