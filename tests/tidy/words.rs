//! Words and characters that do not belong in the repository.

use super::lexer::is_word;
use super::tree::Text;

/// What stands here is put together from halves, so that this file does not contain what it forbids.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("db", "g!("),
];

/// Paths of one machine, and of a folder that stands beside the repository in one place only.
const MACHINES: &[&str] = &[concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
const BESIDE: &str = concat!("../sha", "red");
/// The one file that may look for that folder.
const MAY_LOOK_BESIDE: &str = ".ci/run";

/// Names of writing aids, in any case. The text says what the project is, not what it was written with.
const AIDS: &[&str] = &[
    concat!("clau", "de"),
    concat!("anthro", "pic"),
    concat!("open", "ai"),
    concat!("chat", "gpt"),
    concat!("copi", "lot"),
    concat!("l", "lm"),
    concat!("sub", "agent"),
    concat!("language", " model"),
];

/// One finding a line and word.
pub fn banned(file: &Text) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let lower = line.to_lowercase();
        let unfinished = UNFINISHED.iter().filter(|word| contains_word(line, word));
        let machines = MACHINES.iter().filter(|path| line.contains(**path));
        let beside = (line.contains(BESIDE) && file.path != MAY_LOOK_BESIDE).then_some(&BESIDE);
        let aids = AIDS.iter().filter(|word| contains_word(&lower, word));
        findings.extend(
            unfinished.chain(machines).chain(beside).chain(aids).map(|word| format!("{}:{number}: {word}", file.path)),
        );
    }
    findings
}

/// Whether the text contains the word and not only a longer one.
fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// White space at the end of lines, tabs, carriage returns, a last line without an end, and characters that nobody sees.
pub fn unclean(file: &Text) -> Vec<String> {
    let mut findings = Vec::new();
    // Both are indented so, by their own tools.
    let tabs_are_fine = file.path.ends_with("Makefile") || file.path.ends_with(".go");
    for (number, line) in (1..).zip(file.text.split('\n')) {
        let mut complain = |what: &str| findings.push(format!("{}:{number}: {what}", file.path));
        if line.ends_with([' ', '\t', '\r']) {
            complain("white space at the end");
        }
        if line.contains('\t') && !tabs_are_fine {
            complain("a tab");
        }
        if line.contains(invisible) {
            complain("an invisible character");
        }
    }
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        findings.push(format!("{}: does not end with exactly one newline", file.path));
    }
    findings
}

/// Characters with which a text can look like another one: zero width, direction, byte order mark, other controls.
fn invisible(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\r' | '\n'))
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
