//! Secrets on their way in: from files and standard input, never from arguments, which every process of the machine may read.

use super::Failure;
use crate::config::Secret;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The greatest file that is read: any secret is smaller.
const MAX: u64 = 64 * 1024;

/// Reads the secret of a file, `-` for standard input, without the end of its line.
///
/// # Errors
/// It cannot be read, or others may read it, too.
pub fn secret_of(path: &Path, what: &str) -> Result<Secret, Failure> {
    let stdin = path.as_os_str() == "-";
    let shown = if stdin { "standard input".to_owned() } else { path.display().to_string() };
    let failed = |why: &str| Failure::new(format!("{what}: {shown}: {why}"));
    let mut text = Zeroizing::new(String::new());
    let read = if stdin {
        if io::stdin().is_terminal() {
            return Err(failed("it is a terminal, which would show what is typed: pipe the secret in, or name a file"));
        }
        io::stdin().lock().take(MAX + 1).read_to_string(&mut text)
    } else {
        let file = File::open(path).map_err(|error| failed(&error.to_string()))?;
        let metadata = file.metadata().map_err(|error| failed(&error.to_string()))?;
        if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
            return Err(failed(&format!("it holds a secret but others may use it: run `chmod 600 {shown}`")));
        }
        file.take(MAX + 1).read_to_string(&mut text)
    };
    read.map_err(|error| failed(&error.to_string()))?;
    if text.len() as u64 > MAX {
        return Err(failed("it has more than 64 KiB, which no secret needs"));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err(failed("it is empty")),
        line => Ok(Secret::new(line.to_owned())),
    }
}

/// A variable of the environment.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment comes in")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
