//! The bytes of the journal's entries. What once was written stays readable for ever, so golden files pin every shape.
//!
//! `UPDATE_GOLDEN=1` writes golden files that are missing. It never overwrites one: a golden file that no longer fits is a
//! journal that can no longer be read. (Run the tests again afterwards: the others read the files at the same time.)

#[path = "golden/samples.rs"]
mod samples;
#[path = "golden/strategies.rs"]
mod strategies;

use countersign::domain::time::Timestamp;
use countersign::journal::schema::{EVENT_TYPES, Envelope, MAX_EVENT_BYTES, SchemaError, decode, encode, type_name};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn golden_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Name and bytes, without the newline, of every golden file.
fn goldens() -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(golden_dir()).unwrap().map(|file| file.unwrap().path());
    let mut goldens: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let mut bytes = fs::read(&path).unwrap();
            assert_eq!(bytes.pop(), Some(b'\n'), "{} ends with a newline", path.display());
            (path.file_name().unwrap().to_str().unwrap().to_owned(), bytes)
        })
        .collect();
    goldens.sort();
    goldens
}

/// The entry of `session.refreshed`, with one piece of its text replaced.
fn refreshed_with(from: &str, to: &str) -> Result<Envelope, SchemaError> {
    altered("session.refreshed", from, to)
}

fn altered(name: &str, from: &str, to: &str) -> Result<Envelope, SchemaError> {
    let golden = fs::read_to_string(golden_dir().join(format!("{name}.v1.json"))).unwrap();
    assert!(golden.contains(from), "{name} contains {from}");
    decode(golden.trim_end().replacen(from, to, 1).as_bytes())
}

fn sample(name: &str) -> Envelope {
    samples::all().into_iter().find(|(sample, _)| *sample == name).unwrap().1
}

/// The name of a sample's file, which ends with the version of the shape it is written in.
fn file_of(name: &str, bytes: &[u8]) -> String {
    let entry: Value = serde_json::from_slice(bytes).unwrap();
    format!("{name}.v{}.json", entry["schema"])
}

#[test]
fn every_sample_is_written_as_its_golden_file_says() {
    for (name, envelope) in samples::all() {
        let mut bytes = encode(&envelope).unwrap();
        let path = golden_dir().join(file_of(name, &bytes));
        bytes.push(b'\n');
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") && !path.exists() {
            fs::write(&path, &bytes).unwrap();
        }
        let golden = fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}; see UPDATE_GOLDEN", path.display()));
        assert_eq!(String::from_utf8(bytes), String::from_utf8(golden), "{name}");
    }
}

#[test]
fn every_golden_file_reads_as_its_sample_whatever_version_wrote_it() {
    let samples = samples::all();
    for (file, bytes) in goldens() {
        let (name, _) = file.rsplit_once(".v").expect("goldens are named type.v1.json");
        let (_, envelope) = samples.iter().find(|(sample, _)| *sample == name).expect("a sample for each golden");
        let read = decode(&bytes).unwrap_or_else(|why| panic!("{file}: {why}"));
        assert_eq!(read, *envelope, "{file}");
        assert_eq!(name.split('-').next(), Some(type_name(&read.recorded.event)), "{file}");
        let written = encode(&read).unwrap();
        if file == file_of(name, &written) {
            assert_eq!(written, bytes, "{file}");
        }
    }
}

#[test]
fn every_type_has_a_golden_file_of_its_name() {
    let files: BTreeSet<String> = goldens().into_iter().map(|(file, _)| file).collect();
    for event_type in EVENT_TYPES {
        assert!(files.contains(&format!("{event_type}.v1.json")), "{event_type}");
    }
    assert_eq!(EVENT_TYPES.iter().collect::<BTreeSet<_>>().len(), EVENT_TYPES.len());
}

#[test]
fn every_command_stands_in_a_golden_file() {
    let words: BTreeSet<String> = goldens()
        .iter()
        .filter_map(|(_, bytes)| {
            let entry: Value = serde_json::from_slice(bytes).unwrap();
            entry["cmd"]["do"].as_str().map(str::to_owned)
        })
        .collect();
    let gate = ["set_password", "disable", "enable", "add_registration", "withdraw_registration", "set_roles"];
    let more = ["revoke_sessions", "erase", "set_registrations", "lift_registrations", "set_must_change", "register"];
    let more = more.into_iter().chain(["set_registration_roles"]);
    let gate = gate.into_iter().chain(more).map(|word| format!("gate.{word}"));
    let client =
        ["change", "set_secret", "disable", "enable", "remove", "revoke_sessions"].map(|word| format!("client.{word}"));
    let brakes = ["revoke_all", "revoke_network", "refuse_logins", "allow_logins"].map(|word| format!("brakes.{word}"));
    let session = ["login", "refresh", "revoke", "expire", "show", "wrong_door", "evidence"].map(str::to_owned);
    let rest = ["issue_token", "refuse_client", "server"].map(str::to_owned);
    assert_eq!(words, gate.chain(client).chain(brakes).chain(session).chain(rest).collect());
}

#[test]
fn the_fields_of_an_entry_stand_in_the_order_of_the_design() {
    let bytes = encode(&sample("session.refreshed")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let order = [
        "{\"position\":42",
        "commit",
        "number",
        "stream",
        "version",
        "type",
        "at",
        "node",
        "context",
        "schema",
        "cmd",
        "data",
        "prev",
    ];
    let mut rest = text.as_str();
    for (i, field) in order.iter().enumerate() {
        let key = if i == 0 { (*field).to_owned() } else { format!(",\"{field}\":") };
        let at = rest.find(&key).unwrap_or_else(|| panic!("{field} after those before it in {text}"));
        rest = &rest[at + key.len()..];
    }
}

#[test]
fn sealed_values_are_not_said_twice() {
    for (name, secret) in [
        ("gate.password_set", "dmVyaWZpZXI"),
        ("client.secret_set", "ZGlnZXN0"),
        ("brakes.network_revoked", "MTkyLjAuMi4wLzI0"),
    ] {
        let text = String::from_utf8(encode(&sample(name)).unwrap()).unwrap();
        assert_eq!(text.matches(secret).count(), 1, "{text}");
    }
}

#[test]
fn a_command_that_its_event_does_not_tell_is_not_written() {
    let mut entry = sample("gate.password_set");
    entry.recorded.command = sample("client.secret_set").recorded.command;
    assert!(matches!(encode(&entry), Err(SchemaError::Unwritable { event_type: "gate.password_set", .. })));
    entry.recorded.event = sample("gate.password_set-bcrypt").recorded.event;
    entry.recorded.command = sample("gate.password_set").recorded.command;
    assert!(matches!(encode(&entry), Err(SchemaError::Unwritable { .. })));
    let mut entry = sample("evidence.refresh_refused");
    entry.recorded.command = sample("evidence.refresh_refused-redeemed").recorded.command;
    let unwritable = encode(&entry).unwrap_err();
    assert!(unwritable.to_string().contains("the command is not the one that its event tells"), "{unwritable}");
}

#[test]
fn an_event_has_at_most_four_kibibytes() {
    let mut entry = sample("session.expired");
    entry.node = String::new();
    let room = MAX_EVENT_BYTES - encode(&entry).unwrap().len();
    entry.node = "n".repeat(room);
    let bytes = encode(&entry).unwrap();
    assert_eq!(bytes.len(), MAX_EVENT_BYTES);
    assert_eq!(decode(&bytes).as_ref(), Ok(&entry));
    entry.node.push('n');
    let error = SchemaError::EventTooLong { event_type: "session.expired", bytes: MAX_EVENT_BYTES + 1 };
    assert_eq!(encode(&entry), Err(error.clone()));
    assert_eq!(error.to_string(), "session.expired would take 4097 bytes; an event has at most 4096");
    assert!(matches!(decode(&[b' '; MAX_EVENT_BYTES + 1]), Err(SchemaError::Envelope { position: None, .. })));
}

#[test]
fn an_instant_without_a_date_is_not_written() {
    let mut entry = sample("session.expired");
    entry.recorded.at = Timestamp(i64::MAX);
    assert!(matches!(encode(&entry), Err(SchemaError::Unwritable { event_type: "session.expired", .. })));
}

#[test]
fn a_type_in_a_stream_of_another_kind_is_refused_both_ways() {
    let mut entry = sample("client.disabled");
    entry.recorded.stream = sample("client.refused").recorded.stream;
    let error = encode(&entry).unwrap_err();
    assert_eq!(error.to_string(), "position 42: client.disabled does not belong in stream use:store");
    assert_eq!(altered("client.disabled", "client:store", "use:store"), Err(error));
    assert!(matches!(altered("client.refused", "use:", "client:"), Err(SchemaError::WrongStream { .. })));
}

#[test]
fn what_is_wrong_is_said_with_the_place() {
    let said = |from: &str, to: &str| refreshed_with(from, to).unwrap_err().to_string();
    assert_eq!(said("session.refreshed", "session.renewed"), r#"position 42: unknown event type "session.renewed""#);
    assert_eq!(
        said(r#""schema":1"#, r#""schema":2"#),
        "position 42: session.refreshed has schema 2, written by a newer version; newest known is 1"
    );
    assert_eq!(said(r#""schema":1"#, r#""schema":0"#), "position 42: session.refreshed never had a schema 0");
    for (from, to, wrong) in [
        (r#""node":"#, r#""host":"#, "position 42: the entry cannot be read: unknown field `host`"),
        (r#""number":1"#, r#""number":65536"#, "position 42: the entry cannot be read: invalid value"),
        (r#""told_by":"client""#, r#""told_by":"me""#, r#"position 42: the entry cannot be read: "me" is none of"#),
        (r#""generation":5"#, r#""generation":5,"by":1"#, "position 42: data of session.refreshed: unknown field `by`"),
        (r#""generation":5"#, r#""generation":-5"#, "position 42: data of session.refreshed: invalid value"),
        (r#""do":"refresh""#, r#""do":"renew""#, "position 42: cmd of session.refreshed: unknown variant `renew`"),
        (r#""do":"refresh""#, r#""do":"expire""#, "position 42: cmd of session.refreshed: unknown field"),
        (r#","prev""#, r#","last""#, "position 42: the entry cannot be read: unknown field `last`"),
    ] {
        let said = said(from, to);
        assert!(said.starts_with(wrong), "{said}");
    }
    assert!(decode(b"").unwrap_err().to_string().starts_with("the entry cannot be read"));
    assert!(decode(br#"{"position":7,"com"#).unwrap_err().to_string().starts_with("position 7: the entry"));
}

#[test]
fn a_command_that_leaves_out_what_its_event_does_not_tell_is_refused() {
    let error = altered("gate.disabled", "gate.disable\"", "gate.set_password\"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "position 42: cmd of gate.disabled: gate.set_password stands beside gate.password_set only"
    );
}

#[test]
fn an_entry_has_one_spelling() {
    for (name, from, to) in [
        ("session.refreshed", r#""position":42"#, r#""position": 42"#),
        ("session.refreshed", r#""number":1,"#, ""),
        ("session.refreshed", r#""node":"a1""#, r#""node":"\u00611""#),
        ("session.refreshed", "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123+00:00"),
        ("session.refreshed", "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123000Z"),
        ("session.refreshed", r#""unavailable":"4s""#, r#""unavailable":"4000ms""#),
        ("session.refreshed", r#""generation":5"#, r#""generation":5,"burned":null"#),
        ("session.refreshed", r#""client_version":5"#, r#""client_version":5,"unrecorded":{}"#),
        ("session.refreshed", r#""presented":4,"generation":5"#, r#""generation":5,"presented":4"#),
        ("session.refreshed-narrowed", r#""scope":["cart"]"#, r#""scope":["cart","cart"]"#),
        ("session.started", r#"["cart","openid"]"#, r#"["openid","cart"]"#),
        ("session.started", r#""prev":null"#, r#""prev":null "#),
        ("session.started", r#","prev":null"#, ""),
        ("session.expired", r#""data":{}"#, r#""data":[]"#),
        ("session.expired", r#""cmd":{"do":"expire"},"#, r#""cmd":null,"#),
        ("client.changed", r#"["client_credentials","password""#, r#"["password","client_credentials""#),
    ] {
        let result = altered(name, from, to);
        assert!(result.is_err(), "{name} with {to} reads as {result:?}");
    }
}

#[test]
fn who_asked_is_sealed_or_referred_to_and_never_both() {
    for (name, from, to) in [
        ("session.refreshed-told_before", r#""sealed_at":1"#, r#""sealed":"AAEC","sealed_at":1"#),
        ("session.refreshed-told_before", r#""sealed_at":1"#, r#""who":"4d4d4d4d4d4d4d4d","sealed_at":1"#),
        ("session.refreshed-told_before", r#""sealed_at":1"#, r#""who":"4d4d4d4d4d4d4d4d""#),
    ] {
        let said = altered(name, from, to).unwrap_err().to_string();
        let wanted = "position 42: the entry cannot be read: who stands beside sealed only, and sealed_at in its place";
        assert_eq!(said, wanted);
    }
    for (from, to) in [
        (r#""who":"4d4d4d4d4d4d4d4d","#, r#""who":"4d4d","#),
        (
            r#""who":"4d4d4d4d4d4d4d4d","sealed":"AAECAwQFBgcICQoLDA0ODw""#,
            r#""sealed":"AAEC","who":"4d4d4d4d4d4d4d4d""#,
        ),
    ] {
        assert!(altered("session.refreshed-told", from, to).is_err(), "{to}");
    }
}

/// A change of a few bytes such as a careless editor or a bad disk makes.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let goldens: Vec<Vec<u8>> = goldens().into_iter().map(|(_, bytes)| bytes).collect();
    let change = (any::<prop::sample::Index>(), 0..4_u8, any::<u8>(), any::<prop::sample::Index>());
    (prop::sample::select(goldens), prop::collection::vec(change, 1..4)).prop_map(|(mut bytes, changes)| {
        for (at, how, byte, other) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                // Neighbours in ASCII: a digit stays a digit, a quote becomes a hash.
                2 => bytes[at] ^= 1,
                _ => {
                    let (from, to) = (at.min(other.index(bytes.len())), at);
                    bytes.drain(from..=to);
                    bytes.push(b'}');
                }
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn every_entry_reads_back_as_it_was_written(envelope in strategies::envelope()) {
        match encode(&envelope) {
            Ok(bytes) => prop_assert_eq!(decode(&bytes), Ok(envelope)),
            Err(error) => prop_assert!(matches!(error, SchemaError::EventTooLong { .. }), "{}", error),
        }
    }

    #[test]
    fn an_altered_entry_is_refused_or_says_something_else(bytes in mutated()) {
        if let Ok(envelope) = decode(&bytes) {
            prop_assert_eq!(encode(&envelope), Ok(bytes));
        }
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert!(decode(&bytes).is_err());
    }
}
