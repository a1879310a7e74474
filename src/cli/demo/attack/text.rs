//! How a story is printed: plain lines of a hundred columns.

use super::play::Person;

/// Columns of a line at most.
const WIDTH: usize = 100;
/// Where in a line stands what a move means.
const MEANS: usize = 68;

/// A line of somebody who asks: who, from where, with what, what, what came, what it means.
pub fn moved(who: &Person, request: &str, status: u16, means: &str) -> String {
    let Person { name, address, agent } = who;
    let head = format!("  {name:<5} {address:<12} {agent:<9} {request:<32} {status} ");
    wrapped(&head, &" ".repeat(MEANS), means)
}

/// A line of something that is not asked of anybody.
pub fn aside(who: &str, what: &str) -> String {
    wrapped(&format!("  {who:<5} "), &" ".repeat(8), what)
}

/// Text between an edge at the left and the width, the first line behind `head`.
pub fn wrapped(head: &str, edge: &str, text: &str) -> String {
    let (mut out, mut line) = (String::new(), head.to_owned());
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            edge.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::super::play::OWNER;
    use super::*;

    #[test]
    fn what_a_move_means_stands_in_a_column_of_its_own() {
        let line = moved(&OWNER, "POST /oauth2/token password", 200, "one two");
        assert_eq!(line, "  owner 203.0.113.9  Store/1.0 POST /oauth2/token password      200 one two\n");
        let long = moved(&OWNER, "POST /oauth2/token password", 200, "a sentence that does not fit into its column");
        let lines: Vec<&str> = long.lines().collect();
        assert_eq!(lines[1], format!("{}into its column", " ".repeat(MEANS)));
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{long}");
    }

    #[test]
    fn nothing_is_lost_when_a_text_is_wrapped() {
        let text = "word ".repeat(60);
        let wrapped = wrapped("  => ", "     ", &text);
        assert_eq!(wrapped.matches("word").count(), 60);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH && !line.ends_with(' ')), "{wrapped}");
    }
}
