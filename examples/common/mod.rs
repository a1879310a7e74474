//! What the three backends have in common. Where they differ is how they keep somebody logged in: see each one's `main.rs`.

pub mod countersign;
pub mod jwt;
pub mod lists;
pub mod options;
pub mod own_server;
pub mod pages;
pub mod person;
pub mod site;
pub mod told;
pub mod web;
pub mod web_app;

use std::error::Error;
use std::process::ExitCode;

/// Runs a backend until it is told to end, and says what is wrong where it cannot.
pub fn run(backend: impl AsyncFnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    if let Some(code) = own_server::is_the_server() {
        return code;
    }
    match actix_web::rt::System::new().block_on(backend()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
