//! Links and file names in documents.

use super::tree::{Text, root};

/// Where files of ours are. A path that starts so, in a document or a settings file, names a file that exists.
const FOLDERS: &[&str] =
    &["src/", "tests/", "docs/", "scripts/", "benches/", "examples/", "load/", "ops/", ".ci/", ".config/", ".cargo/"];

/// One finding a link or file name that leads nowhere.
pub fn dead_ends(file: &Text) -> Vec<String> {
    let is_document = file.path.ends_with(".md");
    let is_setting = file.path.ends_with(".toml");
    let mut findings = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(file.text.lines()) {
        let fence = is_document && line.trim_start().starts_with("```");
        fenced ^= fence;
        if is_document && !fenced && !fence {
            let dead = links(line).into_iter().filter(|target| !leads_somewhere(&file.path, target));
            findings.extend(dead.map(|target| format!("{}:{number}: the link to {target}", file.path)));
        }
        if is_document || is_setting {
            let dead = named_files(line).into_iter().filter(|name| !root().join(name).exists());
            findings.extend(dead.map(|name| format!("{}:{number}: {name}", file.path)));
        }
    }
    findings
}

/// The targets of the links of a line, also those given apart, as `[name]: target`.
pub fn links(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (at, c) in line.char_indices() {
        in_code ^= c == '`';
        if !in_code && line[at..].starts_with("](") {
            let target = &line[at + 2..];
            let target = target.split([')', ' ']).next().unwrap_or(target);
            found.push(target.trim_matches(['<', '>']).to_owned());
        }
    }
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        found.push(target.trim().to_owned());
    }
    found
}

/// A link to a place in the same document is one to a heading; one to another host is not looked at.
fn leads_somewhere(from: &str, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let document = if path.is_empty() { root().join(from) } else { root().join(folder).join(path) };
    document.exists() && (heading.is_empty() || has_heading(&document, heading))
}

fn has_heading(document: &std::path::Path, wanted: &str) -> bool {
    let text = std::fs::read_to_string(document).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let mut slugs = headings.map(|line| slug(line.trim_start_matches('#').trim()));
    slugs.any(|slug| slug == wanted)
}

/// A heading as it is written in links.
pub fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Files of ours that a line names. A pattern (`src/**`, `scripts/long/NAME`) is none.
pub fn named_files(line: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || "_-./*{}<>".contains(c);
    let words = line.split(|c: char| !is_path(c)).map(|word| word.trim_end_matches(['.', '/', '-']));
    let ours = words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)));
    let is_pattern = |word: &str| word.contains(['*', '{', '<']) || word.contains("NAME");
    ours.filter(|word| !is_pattern(word)).map(str::to_owned).collect()
}

/// The crates that a manifest depends on, those for tests included.
pub fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if let Some((name, _)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) {
            names.push(name.trim().to_owned());
        }
    }
    names
}
