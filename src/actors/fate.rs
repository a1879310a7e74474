//! What becomes of the process once nothing more can be recorded.

/// The exit code when the journal cannot be written (`EX_IOERR`).
const EXIT_JOURNAL: i32 = 74;

/// How an engine ends whose journal cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fate {
    /// The process ends before anybody is told anything: nothing is acknowledged by guess, and the next start recovers.
    #[default]
    Exit,
    /// The writer ends, and whoever waits for it is told that it has stopped. For trials that let engines die in a process that
    /// goes on.
    FallSilent,
}

impl Fate {
    /// Ends the process, where that is its fate.
    #[expect(clippy::disallowed_methods, reason = "after a failed sync nobody knows what is on the disk")]
    pub fn meet(self) {
        if self == Self::Exit {
            std::process::exit(EXIT_JOURNAL);
        }
    }
}
