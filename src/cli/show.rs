//! What doors answer, as people read it: lists as tables, one thing as lines of a name and a value. Programs take `--json`.

use super::Failure;
use super::diagnostics::{announce, print};
use super::reach::{Answer, Doors};
use clap::Args;
use serde_json::Value;
use std::fmt::Write as _;

/// Items of one page of a list.
const PAGE: usize = 200;

/// How a list is wanted.
#[derive(Args)]
pub struct Listing {
    /// Items at most [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON array, for programs
    #[arg(long)]
    json: bool,
}

/// How one thing is wanted.
#[derive(Args, Clone, Copy)]
pub struct Shape {
    /// Print the JSON of the door, for programs
    #[arg(long)]
    pub json: bool,
}

/// A column of a table.
#[derive(Clone, Copy)]
pub struct Column {
    /// What stands on top.
    pub title: &'static str,
    /// Where in an item (RFC 6901).
    pub pointer: &'static str,
    /// What stands there for `null`.
    pub none: &'static str,
}

/// A column that shows `-` where there is nothing.
pub const fn column(title: &'static str, pointer: &'static str) -> Column {
    Column { title, pointer, none: "-" }
}

/// Rows of cells under titles, wide enough for what was shown so far.
pub struct Table<'a> {
    columns: &'a [Column],
    widths: Vec<usize>,
    begun: bool,
}

impl<'a> Table<'a> {
    /// A table without rows.
    pub fn new(columns: &'a [Column]) -> Self {
        let widths = columns.iter().map(|column| column.title.chars().count()).collect();
        Self { columns, widths, begun: false }
    }

    /// The text of further rows; the first time with the titles above them.
    pub fn rows(&mut self, items: &[Value]) -> String {
        let cells: Vec<Vec<String>> = items.iter().map(|item| self.cells(item)).collect();
        for row in &cells {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        let top = (!std::mem::replace(&mut self.begun, true)).then_some(titles);
        top.into_iter().chain(cells).map(|row| self.line(&row)).collect()
    }

    fn cells(&self, item: &Value) -> Vec<String> {
        self.columns.iter().map(|column| text_of(item.pointer(column.pointer), column.none)).collect()
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for (cell, &width) in cells.iter().zip(&self.widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        format!("{}\n", line.trim_end())
    }
}

/// A value in one line. What a person or an app has sent may hold anything, and must not steer a terminal.
fn text_of(value: Option<&Value>, none: &str) -> String {
    let text = match value {
        None | Some(Value::Null) => none.to_owned(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => items.iter().map(|item| text_of(Some(item), "-")).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    };
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Whether a character changes how what follows is shown.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What `null` means in lines, where it does not mean nothing.
const MEANT: &[(&str, &str)] = &[("clients", "all"), ("audience", "issuer")];

/// Lines of a name and a value: `first` in that order, then the rest by name.
pub fn lines(value: &Value, first: &[&str]) -> String {
    let mut all = Vec::new();
    flatten("", value, &mut all);
    let place = |name: &str| first.iter().position(|known| *known == name).unwrap_or(first.len());
    all.sort_by_key(|(name, _)| place(name));
    let width = all.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    all.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:width$}  {value}");
        text
    })
}

fn flatten(name: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let Value::Object(fields) = value else {
        let none = MEANT.iter().find(|(known, _)| *known == name).map_or("-", |(_, none)| none);
        into.push((name.to_owned(), text_of(Some(value), none)));
        return;
    };
    for (field, value) in fields {
        let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
        flatten(&name, value, into);
    }
}

/// Prints one thing as it was answered. Whoever asked must read it: it may hold a secret that is shown once.
///
/// # Errors
/// Standard output cannot be written.
pub fn one(answer: &Answer, shape: Shape, first: &[&str]) -> Result<(), Failure> {
    if shape.json {
        return announce(&format!("{}\n", answer.text.trim_end()));
    }
    announce(&lines(&answer.json, first))
}

/// Prints a list, page by page: whoever has seen enough of it ends it.
///
/// # Errors
/// A page was refused, or standard output cannot be written.
pub async fn list(
    doors: &Doors,
    path: &str,
    query: &[(&str, Option<String>)],
    how: &Listing,
    columns: &[Column],
) -> Result<(), Failure> {
    let mut table = Table::new(columns);
    let (mut left, mut begun) = (how.limit.unwrap_or(usize::MAX), false);
    let mut pages = Pages::new(path, query);
    while let Some(mut items) = pages.next(doors, left).await? {
        items.truncate(left);
        left -= items.len();
        if how.json {
            print(&json_of(&items, &mut begun))?;
        } else {
            print(&table.rows(&items))?;
        }
        if left == 0 {
            break;
        }
    }
    if how.json { print(if begun { "\n]\n" } else { "[]\n" }) } else { print(&table.rows(&[])) }
}

/// Prints a list that a door answers whole.
///
/// # Errors
/// It was refused, or standard output cannot be written.
pub async fn whole(doors: &Doors, path: &str, how: &Listing, columns: &[Column]) -> Result<(), Failure> {
    let mut items = items_of(&mut doors.get(path).await?.json)?;
    items.truncate(how.limit.unwrap_or(usize::MAX));
    if how.json {
        let text = json_of(&items, &mut false);
        return print(&if items.is_empty() { "[]\n".to_owned() } else { format!("{text}\n]\n") });
    }
    print(&Table::new(columns).rows(&items))
}

fn items_of(page: &mut Value) -> Result<Vec<Value>, Failure> {
    match page["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Err(Failure::new("the server answered no list: is it a Countersign of this version?")),
    }
}

fn json_of(items: &[Value], begun: &mut bool) -> String {
    let mut text = String::new();
    for item in items {
        text += if std::mem::replace(begun, true) { ",\n" } else { "[\n" };
        text += &item.to_string();
    }
    text
}

/// The pages of a list.
pub struct Pages {
    path: String,
    after: Option<String>,
    over: bool,
}

impl Pages {
    /// All of them, of a path with some filters.
    pub fn new(path: &str, query: &[(&str, Option<String>)]) -> Self {
        let given = query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let query =
            given.fold(String::new(), |text, (name, value)| format!("{text}&{name}={}", super::reach::segment(value)));
        Self { path: format!("{path}?{}", query.trim_start_matches('&')), after: None, over: false }
    }

    /// The next page; `None`: there is none.
    ///
    /// # Errors
    /// It was refused.
    pub async fn next(&mut self, doors: &Doors, wanted: usize) -> Result<Option<Vec<Value>>, Failure> {
        if self.over {
            return Ok(None);
        }
        let limit = wanted.clamp(1, PAGE);
        let after =
            self.after.take().map_or(String::new(), |after| format!("&after={}", super::reach::segment(&after)));
        let path = format!("{}&limit={limit}{after}", self.path).replace("?&", "?");
        let mut page = doors.get(&path).await?.json;
        self.after = page["next"].as_str().map(str::to_owned);
        self.over = self.after.is_none();
        items_of(&mut page).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_line_up_and_nothing_steers_the_terminal() {
        let columns = [column("A", "/a"), Column { title: "B", pointer: "/b/c", none: "all" }, column("C", "/d")];
        let mut table = Table::new(&columns);
        let text = table.rows(&[
            json!({"a": "x\u{1b}[31my", "b": {"c": ["p", "q"]}, "d": true}),
            json!({"a": null, "b": {"c": null}, "d": []}),
            json!({"a": "\u{202e}äö", "b": {}, "d": 7}),
        ]);
        assert_eq!(text, "A        B    C\nx\u{fffd}[31my  p,q  yes\n-        all  -\n\u{fffd}äö      all  7\n");
        assert_eq!(table.rows(&[]), "");
    }

    #[test]
    fn one_thing_is_lines_with_what_matters_first() {
        let text = lines(&json!({"a": 1, "b": {"c": null, "d": ["x"]}, "id": "i"}), &["id", "b.d"]);
        assert_eq!(text, "id   i\nb.d  x\na    1\nb.c  -\n");
    }
}
