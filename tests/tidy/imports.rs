//! Who imports whom: the paths of a source file that leave its room, and those that name a crate of others.

use super::lexer::{Token, is_word};
use super::tree::Text;

/// A path in the code: the room or crate that it names, and the line.
pub type Named = (String, usize);

/// The room that a source file belongs to: the first part of its path below `src`.
pub fn room(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or(path);
    below.split('/').next().unwrap_or(below).trim_end_matches(".rs")
}

/// How many modules deep a file's code stands: `src/lib.rs` 0, `src/clock.rs` and `src/http/mod.rs` 1.
fn depth(path: &str) -> usize {
    let parts = path.matches('/').count();
    if path.ends_with("/mod.rs") || path == "src/lib.rs" || path == "src/main.rs" { parts - 1 } else { parts }
}

/// Every room that the file names, in a `use` or anywhere else, through `crate::`, `super::` or the library's own name.
pub fn rooms(file: &Text, tokens: &[Token]) -> Vec<Named> {
    let mut named = Vec::new();
    let (mut braces, mut inline) = (0_usize, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        let starts = text(at + 1) == "::" && (at == 0 || text(at - 1) != "::");
        match token.text.as_str() {
            "mod" if text(at + 2) == "{" => inline.push(braces),
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
            }
            "crate" | "countersign" if starts => firsts(tokens, at + 2, &mut named),
            "super" if starts => {
                let supers = (0..).take_while(|n| text(at + 2 * n) == "super" && text(at + 2 * n + 1) == "::").count();
                if supers >= depth(&file.path) + inline.len() {
                    firsts(tokens, at + 2 * supers, &mut named);
                }
            }
            _ => {}
        }
    }
    named
}

/// The first names of the paths that start at `at`: one, or one for each branch of `{…}`.
fn firsts(tokens: &[Token], at: usize, named: &mut Vec<Named>) {
    let Some(first) = tokens.get(at) else { return };
    if first.text != "{" {
        named.push((first.text.clone(), first.line));
        return;
    }
    let (mut braces, mut fresh) = (0, false);
    for token in &tokens[at..] {
        match token.text.as_str() {
            "{" => (braces, fresh) = (braces + 1, braces == 0),
            "}" => braces -= 1,
            "," => fresh = braces == 1,
            _ if fresh => {
                named.push((token.text.clone(), token.line));
                fresh = false;
            }
            _ => {}
        }
        if braces == 0 {
            return;
        }
    }
}

/// Every place that names the crate at the start of a path or in a `use`.
pub fn crate_uses(tokens: &[Token], name: &str) -> Vec<usize> {
    let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.text.as_str());
    let is_use = |at: usize| {
        let before = text(at.checked_sub(1));
        let path = text(Some(at + 1)) == "::" && before != "::";
        path || before == "use" || (before == "crate" && text(at.checked_sub(2)) == "extern")
    };
    let named = tokens.iter().enumerate().filter(|(at, token)| token.text == name && is_use(*at));
    named.map(|(_, token)| token.line).collect()
}

/// Every place of the model that leads out of it: to the library, or to what stands beside the model in a test program.
pub fn ways_out_of_the_model(file: &Text, tokens: &[Token]) -> Vec<usize> {
    let own = usize::from(!file.path.ends_with("/mod.rs"));
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let supers = |at: usize| (0..).take_while(|n| text(at + 2 * n) == "super" && text(at + 2 * n + 1) == "::").count();
    let leads_out = |at: usize| matches!(text(at), "countersign" | "crate") || supers(at) > own;
    tokens.iter().enumerate().filter(|(at, _)| leads_out(*at)).map(|(_, token)| token.line).collect()
}

/// Functions of the code with more lines than allowed: name, first line, lines from `fn` to the closing brace.
pub fn long_functions(tokens: &[Token], most: usize) -> Vec<(String, usize, usize)> {
    let functions = tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "fn");
    functions
        .filter(|(_, pair)| pair[1].text.starts_with(is_word))
        .filter_map(|(at, pair)| body_end(&tokens[at..]).map(|end| (pair[1].text.clone(), pair[0].line, end)))
        .map(|(name, first, last)| (name, first, last - first + 1))
        .filter(|(_, _, lines)| *lines > most)
        .collect()
}

/// The line on which the function's body ends. A function of a trait may have none.
fn body_end(tokens: &[Token]) -> Option<usize> {
    let (mut nested, mut braces) = (0, 0);
    for token in tokens {
        match token.text.as_str() {
            "(" | "[" => nested += 1,
            ")" | "]" => nested -= 1,
            ";" if nested == 0 && braces == 0 => return None,
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if braces == 0 && nested == 0 {
                    return Some(token.line);
                }
            }
            _ => {}
        }
    }
    None
}
