//! The repository's own files.

use std::fs;
use std::path::{Path, PathBuf};

/// What holds nothing of ours, and data directories as they were once written, which are no texts.
const NOT_OURS: &[&str] = &[".git", "target", "tests/golden/data-format-1/whole", "tests/golden/data-format-1/dropped"];

/// A text file: where it is, counted from the root of the repository, and what it says.
pub struct Text {
    pub path: String,
    pub text: String,
}

impl Text {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the repository, in the order of their paths.
pub fn texts() -> Vec<Text> {
    let mut found = Vec::new();
    gather(&root(), "", &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.iter().any(|file| file.path == "src/lib.rs"), "the tests run where the sources are");
    found
}

/// Those in Rust.
pub fn sources() -> Vec<Text> {
    texts().into_iter().filter(Text::is_rust).collect()
}

fn gather(dir: &Path, prefix: &str, found: &mut Vec<Text>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().unwrap();
        if NOT_OURS.contains(&path.as_str()) {
            continue;
        }
        if kind.is_dir() {
            gather(&entry.path(), &format!("{path}/"), found);
        } else if kind.is_file()
            && let Ok(text) = String::from_utf8(fs::read(entry.path()).unwrap())
        {
            found.push(Text { path, text });
        }
    }
}

/// Fails with all findings at once, one a line.
pub fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}
