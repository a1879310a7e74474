//! The table of docs/FUSIONAUTH.md that says what the official clients' own suites assert, and where that is checked.

/// One row.
pub struct Row {
    /// `A1` is 1.
    pub number: u32,
    /// The repository and the test there.
    pub origin: String,
    /// What is asserted.
    pub asserted: String,
    /// The program of `tests/fusionauth` that checks it, or why none does.
    pub program: String,
}

impl Row {
    /// Whether it is not checked, and says why.
    pub fn is_left_out(&self) -> bool {
        self.program.strip_prefix("not: ").is_some_and(|why| why.len() > 10)
    }
}

/// All rows, in their order.
pub fn rows() -> Vec<Row> {
    let document = include_str!("../../../docs/FUSIONAUTH.md");
    document.lines().filter(|line| line.starts_with("| A")).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [number, origin, asserted, program] = cells[..] else { panic!("not four cells: {line}") };
    let number = number.strip_prefix('A').and_then(|digits| digits.parse().ok());
    Row {
        number: number.unwrap_or_else(|| panic!("no number: {line}")),
        origin: origin.to_owned(),
        asserted: asserted.to_owned(),
        program: program.to_owned(),
    }
}
