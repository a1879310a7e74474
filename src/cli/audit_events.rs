//! `countersign audit events`: what each type of event means.

use super::Failure;
use super::diagnostics::print;
use crate::domain::session::RevokeReason;
use crate::journal::schema::{EVENTS, Meaning};
use clap::Args;
use std::fmt::Write as _;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Only types whose name begins so: `session`, `gate.disabled`
    #[arg(value_name = "TYPE")]
    of: Option<String>,
    /// Print one JSON array, for programs
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print docs/EVENTS.md
    #[arg(long, conflicts_with = "of")]
    markdown: bool,
}

const AFTER_HELP: &str = "\
Needs no data directory. Behind the name of a field, † says that it is sealed, and ? that it is absent where it does not apply.

Examples:
  countersign audit events session
  countersign audit events gate.password_set
  countersign audit events --json | jq -r '.[].type'

Exit codes: 0 printed; 1 there is no such type; 2 wrong command line.";

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.markdown {
        return print(&document());
    }
    let of = arguments.of.as_deref().unwrap_or_default();
    let events: Vec<&Meaning> = EVENTS.iter().filter(|event| event.name.starts_with(of)).collect();
    if events.is_empty() {
        return Err(Failure::new(format!("no type of event begins with {of}: `countersign audit events` shows all")));
    }
    if arguments.json {
        let events = events.iter().map(|event| {
            let fields = event.fields.iter().map(|(name, meaning)| {
                let bare = name.trim_end_matches(['?', '†']);
                let (sealed, optional) = (name.contains('†'), name.contains('?'));
                serde_json::json!({"name": bare, "sealed": sealed, "optional": optional, "meaning": meaning})
            });
            let fields: Vec<_> = fields.collect();
            serde_json::json!({"type": event.name, "since": event.since, "meaning": event.meaning, "fields": fields})
        });
        return print(&format!("{}\n", serde_json::Value::Array(events.collect())));
    }
    let mut text = String::new();
    for event in events {
        let _ = writeln!(text, "{}\n  {}", event.name, event.meaning);
        for (name, meaning) in event.fields {
            let _ = writeln!(text, "    {name:20} {meaning}");
        }
    }
    print(&text)
}

/// The kinds of streams, in the order of the table, with a heading each.
const STREAMS: [(&str, &str); 8] = [
    ("system.", "`system`, the server itself"),
    ("brakes.", "`brakes`, what ends more than one account's or client's sessions"),
    ("name.", "`name:H`, whose a login id is"),
    ("account.", "`account:ID`, what traffic writes about an account"),
    ("gate.", "`gate:ID`, what administration writes about an account"),
    ("client.", "`client:ID`, what administration writes about a client; `use:ID`, what it does"),
    ("session.", "`session:SID`, one login"),
    ("evidence.", "`evidence:SID`, what is shown of an archived session"),
];

const HEAD: &str = "\
# Events

Every type of event in the journal, what it means, and every field of its `data`. Made by `countersign audit events --markdown`, and compared
with the stored shapes by a test. What stands around `data` in each entry, and how entries are chained, is in
[JOURNAL.md](JOURNAL.md#entries); `countersign audit tail` prints events.

Behind the name of a field, † says that its value is sealed: a verifier or a private key under the seal key, which no view of ours opens, or something
personal under its owner's data key, which an erasure destroys. ? says that the field is absent where it does not apply. Instants are RFC 3339 in
UTC, durations are an integer and a unit.

A type is never renamed, and a field never changes its meaning. A shape that had to change has a higher `schema` in the entry, and older
ones are read for ever.
";

/// `docs/EVENTS.md`.
fn document() -> String {
    let mut text = HEAD.to_owned();
    for (prefix, heading) in STREAMS {
        let _ = write!(text, "\n## {heading}\n\n| type | since | meaning | `data` |\n|---|---|---|---|\n");
        for event in EVENTS.iter().filter(|event| event.name.starts_with(prefix)) {
            let fields = event.fields.iter().map(|(name, meaning)| {
                let bare = name.trim_end_matches(['?', '†']);
                format!("`{bare}`{}: {meaning}", &name[bare.len()..])
            });
            let fields: Vec<String> = fields.collect();
            let fields = if fields.is_empty() { "–".to_owned() } else { fields.join("; ") };
            let _ = writeln!(text, "| `{}` | {} | {} | {fields} |", event.name, event.since, event.meaning);
        }
    }
    text.push_str("\n## Why a session ended\n\nThe `reason` of `session.revoked`, and a label of `revocations_total`.\n\n| reason | meaning |\n|---|---|\n");
    for reason in RevokeReason::ALL {
        let _ = writeln!(text, "| `{}` | {} |", reason.code(), reason.meaning());
    }
    text.push_str("\n`scheme` of a password is its name with its cost: `{\"argon2id\":{\"m\":…,\"t\":…,\"p\":…}}`, or of an imported hash `{\"bcrypt\":{\"cost\":…}}`, `{\"pbkdf2-sha256\":{\"i\":…}}`, `{\"pbkdf2-sha512\":{\"i\":…}}` or `{\"scrypt\":{\"ln\":…,\"r\":…,\"p\":…}}`. `class` is a code of [API.md](API.md).\n");
    text
}
