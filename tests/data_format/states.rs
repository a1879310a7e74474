//! The bytes of state records. The store and the bases of dropped history hold them, under one number.

use crate::expected::{golden, is_asked_to_update};
use crate::samples;
use countersign::domain::context::LastInFull;
use countersign::domain::ids::{Hash, Tag};
use countersign::domain::session::Session;
use countersign::domain::{State, apply};
use countersign::journal::Folded;
use countersign::journal::checked_store::STATE_FORMAT;
use countersign::journal::schema::Envelope;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

const OTHER_SHAPE: &str = "this state record does not have the shape of its state format. A store or a base under the same \
    number would be read wrongly. Raise STATE_FORMAT in src/journal/store.rs, make the golden file of the next number with \
    UPDATE_GOLDEN=1, and let src/journal/base.rs read bases of the format before: \
    docs/decisions/0012-a-base-stands-in-for-dropped-history.md";

/// A line for each sample of an event: the record of its stream behind it, in hexadecimal.
fn records() -> String {
    let mut kinds: BTreeMap<String, Vec<(&str, Envelope)>> = BTreeMap::new();
    for (name, envelope) in samples::all() {
        let stream = envelope.recorded.stream.to_string();
        kinds.entry(stream.split(':').next().unwrap().to_owned()).or_default().push((name, envelope));
    }
    let mut text = String::new();
    for samples in kinds.values() {
        let before = befores(samples);
        for (name, Envelope { recorded, .. }) in samples {
            let state = before.iter().find_map(|before| apply(before.clone(), recorded).ok());
            let state = state.unwrap_or_else(|| panic!("{name} follows none of the other samples"));
            let folded = Folded { version: 7, prev: Hash([0xd4; 32]), at: recorded.at, position: 42, state };
            let bytes = postcard::to_stdvec(&folded).unwrap();
            assert_eq!(postcard::from_bytes::<Folded>(&bytes), Ok(folded), "{name}");
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(text, "{name} {hex}");
        }
    }
    text
}

/// States that samples of one kind of stream may follow.
fn befores(samples: &[(&str, Envelope)]) -> Vec<Option<State>> {
    let begun = samples.iter().find_map(|(_, envelope)| apply(None, &envelope.recorded).ok()).unwrap();
    let added = samples.iter().filter(|(name, _)| name.ends_with("_added") || *name == "system.api_key_created");
    let grown = added
        .fold(begun.clone(), |state, (_, envelope)| apply(Some(state.clone()), &envelope.recorded).unwrap_or(state));
    let mut before = vec![Some(begun.clone()), None, Some(grown.clone())];
    if let State::System(mut system) = grown {
        // As the samples of what happens to a signing key call it.
        Arc::make_mut(&mut system).signing.iter_mut().for_each(|key| key.kid = "kid-1".to_owned());
        before.push(Some(State::System(system)));
    }
    if let State::Session(session) = begun {
        for (generation, parent) in [(4, None), (5, Some(4))] {
            let session = Session::clone(&session);
            before.push(Some(State::Session(Arc::new(Session { generation, parent, ..session }))));
        }
        let last_in_full = Some(LastInFull { who: Tag([0x4d; 8]), version: 1 });
        let session = Arc::unwrap_or_clone(session);
        before.push(Some(State::Session(Arc::new(Session { generation: 4, last_in_full, ..session }))));
    }
    before
}

#[test]
fn state_records_of_one_format_have_one_shape() {
    let path = golden(&format!("states.format-{STATE_FORMAT}.txt"));
    let mut golden = fs::read_to_string(&path).unwrap_or_default();
    let mut missing = Vec::new();
    for record in records().lines() {
        let (name, _) = record.split_once(' ').unwrap();
        match golden.lines().find(|line| line.split(' ').next() == Some(name)) {
            Some(line) => assert_eq!(record, line, "{OTHER_SHAPE}"),
            None => missing.push(record.to_owned() + "\n"),
        }
    }
    if is_asked_to_update() && !missing.is_empty() {
        golden.push_str(&missing.concat());
        fs::write(&path, golden).unwrap();
    }
    assert!(missing.is_empty() || is_asked_to_update(), "{} lacks, see UPDATE_GOLDEN: {missing:?}", path.display());
}
