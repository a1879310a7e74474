//! Just enough of Rust's grammar to tell code from comments and literals, so that no finding comes from a text.

/// A word or a sign of the code, and the line it stands on. `::` is one sign, every other sign a single character.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// The code with every comment and every string or character literal blanked out; lines stay where they are.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = blank_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// The words and signs of the code.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(code(text).lines()) {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match rest.find(|c: char| !is_word(c)) {
                _ if rest.starts_with("::") => 2,
                Some(0) => first.len_utf8(),
                Some(length) => length,
                None => rest.len(),
            };
            tokens.push(Token { text: rest[..length].to_owned(), line: number });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the comment or literal that starts at `at` ends, or `at` where none starts.
fn blank_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => find(chars, at, |chars, at| chars[at] == '\n').unwrap_or(chars.len()),
        '/' if next == Some('*') => comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        '\'' => character_end(chars, at),
        'r' if at == 0 || !is_word(chars[at - 1]) || is_prefix(chars, at - 1) => raw_end(chars, at).unwrap_or(at),
        _ => at,
    }
}

/// Whether the character is a literal's prefix, as the b of `br"…"`, and not the end of a word.
fn is_prefix(chars: &[char], at: usize) -> bool {
    matches!(chars[at], 'b' | 'c') && (at == 0 || !is_word(chars[at - 1]))
}

fn find(chars: &[char], from: usize, wanted: impl Fn(&[char], usize) -> bool) -> Option<usize> {
    (from..chars.len()).find(|at| wanted(chars, *at))
}

fn comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (1, at + 2);
    while at < chars.len() && depth > 0 {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A lifetime is no literal: `'a` has no closing quote two characters on.
fn character_end(chars: &[char], at: usize) -> usize {
    if chars.get(at + 1) == Some(&'\\') {
        find(chars, at + 3, |chars, at| chars[at] == '\'').map_or(chars.len(), |end| end + 1)
    } else if chars.get(at + 2) == Some(&'\'') {
        at + 3
    } else {
        at
    }
}

fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes = |chars: &[char], at: usize| {
        chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    Some(find(chars, open + 1, closes).map_or(chars.len(), |end| end + 1 + hashes))
}
