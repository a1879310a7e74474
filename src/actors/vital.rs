//! Parts without which nothing can be answered rightly: when one of them panics, the process ends and recovers by replay.

/// The exit code after a panic in a vital part (`EX_SOFTWARE`).
pub const EXIT_VITAL: i32 = 70;

/// Ends the process when it is dropped by a panic.
pub struct Vital(pub &'static str);

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(part = self.0, "a vital part panicked: ending the process, the next start recovers");
            #[expect(
                clippy::disallowed_methods,
                reason = "what the vital part held is in doubt; answering on would be a guess"
            )]
            std::process::exit(EXIT_VITAL);
        }
    }
}
