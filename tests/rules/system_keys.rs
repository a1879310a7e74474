//! Keys: they are published before they sign, exactly one signs at a time, and a distrusted one is out at once.

use crate::given::*;
use crate::system_rules::system;
use countersign::domain::ids::StreamId;
use countersign::domain::keys::{KeyStatus, SigningAlg};
use countersign::domain::system::{
    KeyName, RETIRED_PUBLISHED_FOR, RotationPolicy, RotationStep, SystemEvent, distrust, rotation_asked, rotation_due,
};
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::{Event, Recorded, apply};

const POLICY: RotationPolicy = RotationPolicy { interval: Span::days(30), jwks_max_age: Span::hours(2) };

fn key_added(given: &Given, alg: SigningAlg) -> SystemEvent {
    SystemEvent::SigningKeyAdded {
        kid: format!("{alg}-{}", system(given).signing.len()),
        alg,
        jwk: "{}".to_owned(),
        private: sealed("private"),
    }
}

/// Takes every step that is due now, as the server does.
fn rotate(mut given: Given) -> Given {
    loop {
        let now = given.now;
        let steps = rotation_due(system(&given), &POLICY, now);
        if steps.is_empty() {
            return given;
        }
        for step in steps {
            let event = match step {
                RotationStep::AddNext(alg) => key_added(&given, alg),
                RotationStep::Activate(kid) => SystemEvent::KeyActivated(KeyName::Signing(kid)),
            };
            given = given.happened(event);
        }
    }
}

fn with_status(given: &Given, alg: SigningAlg, status: KeyStatus) -> Vec<String> {
    let keys = system(given).signing.iter().filter(|key| key.alg == alg && key.status == status);
    keys.map(|key| key.kid.clone()).collect()
}

fn active(given: &Given) -> Vec<Vec<String>> {
    SigningAlg::ALL.map(|alg| with_status(given, alg, KeyStatus::Active)).to_vec()
}

fn named(n: [usize; 3]) -> Vec<Vec<String>> {
    vec![vec![format!("ES256-{}", n[0])], vec![format!("EdDSA-{}", n[1])], vec![format!("RS256-{}", n[2])]]
}

/// When a key was added, and when it began to sign.
fn lives(given: &Given) -> Vec<(String, Timestamp, Option<Timestamp>)> {
    let began = |name: &str| {
        given.history.iter().find_map(|recorded| match &recorded.event {
            Event::System(SystemEvent::KeyActivated(KeyName::Signing(kid))) if kid == name => Some(recorded.at),
            _ => None,
        })
    };
    system(given).signing.iter().map(|key| (key.kid.clone(), key.added_at, began(&key.kid))).collect()
}

#[test]
fn the_first_keys_sign_at_once() {
    let steps = |given: &Given| rotation_due(system(given), &POLICY, given.now);
    let given = given();
    assert_eq!(steps(&given), SigningAlg::ALL.map(RotationStep::AddNext));
    let given = SigningAlg::ALL.into_iter().fold(given, |given, alg| {
        let event = key_added(&given, alg);
        given.happened(event)
    });
    let kids = ["ES256-0", "EdDSA-1", "RS256-2"];
    assert_eq!(steps(&given), kids.map(|kid| RotationStep::Activate(kid.to_owned())));
    assert_eq!(active(&rotate(given)), named([0, 1, 2]));
}

#[test]
fn a_next_key_is_added_in_time_to_be_known_when_it_signs() {
    let given = rotate(given());
    let due = |after| rotation_due(system(&given), &POLICY, at(after));
    let publish = POLICY.interval - POLICY.jwks_max_age;
    assert_eq!(due(publish - millis(1)), []);
    assert_eq!(due(publish), SigningAlg::ALL.map(RotationStep::AddNext));
    let given = rotate(given.at(publish));
    let due = |after| rotation_due(system(&given), &POLICY, at(after));
    assert_eq!(due(POLICY.interval - millis(1)), []);
    let kids = ["ES256-3", "EdDSA-4", "RS256-5"];
    assert_eq!(due(POLICY.interval), kids.map(|kid| RotationStep::Activate(kid.to_owned())));
}

#[test]
fn a_key_that_was_added_early_waits_for_its_turn() {
    let given = rotate(given()).at(days(1));
    let event = key_added(&given, SigningAlg::Es256);
    let given = rotate(given.happened(event).at(POLICY.interval - millis(1)));
    assert_eq!(active(&given), named([0, 1, 2]));
    assert_eq!(active(&rotate(given.at(POLICY.interval))), named([3, 1, 2]));
}

#[test]
fn a_rotation_that_is_asked_for_waits_for_nothing_and_is_done_once() {
    let alg = SigningAlg::Es256;
    let mut given = rotate(given());
    let asked = |given: &Given, replaced: &str| rotation_asked(system(given), alg, Some(replaced));
    assert_eq!(asked(&given, "ES256-0"), Some(RotationStep::AddNext(alg)));
    let event = key_added(&given, alg);
    given = given.happened(event);
    assert_eq!(asked(&given, "ES256-0"), Some(RotationStep::Activate("ES256-3".to_owned())));
    given = given.happened(SystemEvent::KeyActivated(KeyName::Signing("ES256-3".to_owned())));
    assert_eq!(asked(&given, "ES256-0"), None, "another key signs: nothing is left to do");
    assert_eq!(asked(&given, "ES256-3"), Some(RotationStep::AddNext(alg)), "asked anew it is replaced, too");
    let given = given.happened(SystemEvent::KeyDistrusted(KeyName::Signing("ES256-3".to_owned())));
    assert_eq!(asked(&given, "ES256-3"), Some(RotationStep::AddNext(alg)), "none signs");
    assert_eq!(rotation_asked(system(&given), alg, None), Some(RotationStep::AddNext(alg)));
}

#[test]
fn over_a_year_every_key_was_published_before_it_signed_and_one_signs_at_any_time() {
    let tick = mins(17);
    let mut given = rotate(given());
    let mut now = Span::ZERO;
    while now < days(365) {
        now = now + tick;
        given = rotate(given.at(now));
        for (alg, signing) in SigningAlg::ALL.iter().zip(active(&given)) {
            assert_eq!(signing.len(), 1, "{alg} at {}", given.now);
        }
    }
    let lives = lives(&given);
    assert_eq!(lives.len(), 3 * 13, "twelve rotations of thirty days in a year");
    for (kid, added, began) in lives.iter().skip(3) {
        let waited = began.expect("it signed").since(*added);
        assert!(POLICY.jwks_max_age <= waited && waited <= POLICY.jwks_max_age + tick, "{kid} waited {waited}");
    }
}

#[test]
fn a_server_that_slept_over_its_rotation_still_publishes_first() {
    let given = rotate(rotate(given()).at(days(90)));
    assert_eq!(active(&given), named([0, 1, 2]), "the old keys sign on");
    let given = rotate(given.at(days(90) + POLICY.jwks_max_age - millis(1)));
    assert_eq!(active(&given), named([0, 1, 2]));
    let given = rotate(given.at(days(90) + POLICY.jwks_max_age));
    assert_eq!(active(&given), named([3, 4, 5]));
}

#[test]
fn a_retired_key_stays_published_for_as_long_as_its_tokens_can_live() {
    let given = rotate(rotate(rotate(given()).at(POLICY.interval - POLICY.jwks_max_age)).at(POLICY.interval));
    let old = &system(&given).signing[0];
    assert_eq!((old.kid.as_str(), old.status, old.since), ("ES256-0", KeyStatus::Retired, at(POLICY.interval)));
    assert!(old.is_published(at(POLICY.interval + RETIRED_PUBLISHED_FOR - millis(1))));
    assert!(!old.is_published(at(POLICY.interval + RETIRED_PUBLISHED_FOR)));
}

#[test]
fn a_distrusted_key_is_replaced_at_once_and_no_longer_published() {
    let es256 = KeyName::Signing("ES256-0".to_owned());
    let given = rotate(given()).at(days(1));
    assert_eq!(distrust(system(&given), &es256), Some(SystemEvent::KeyDistrusted(es256.clone())));
    let given = rotate(given.happened(SystemEvent::KeyDistrusted(es256.clone())));
    assert_eq!(active(&given), named([3, 1, 2]));
    assert!(!system(&given).signing[0].is_published(given.now));
    assert_eq!(distrust(system(&given), &es256), None, "once is enough");
    assert_eq!(distrust(system(&given), &KeyName::Signing("unknown".to_owned())), None);
}

#[test]
fn a_key_that_is_published_already_takes_over_from_a_distrusted_one() {
    let given = rotate(rotate(given()).at(POLICY.interval - POLICY.jwks_max_age));
    let es256 = KeyName::Signing("ES256-0".to_owned());
    let given = rotate(given.happened(SystemEvent::KeyDistrusted(es256)));
    assert_eq!(active(&given), named([3, 1, 2]));
}

#[test]
fn a_distrusted_next_key_never_signs() {
    let given = rotate(rotate(given()).at(POLICY.interval - POLICY.jwks_max_age));
    let next = KeyName::Signing("ES256-3".to_owned());
    let given = rotate(given.happened(SystemEvent::KeyDistrusted(next)).at(POLICY.interval));
    assert_eq!(active(&given), named([0, 4, 5]), "its replacement is published first");
    let given = rotate(given.at(POLICY.interval + POLICY.jwks_max_age));
    assert_eq!(active(&given), named([6, 4, 5]));
    assert_eq!(with_status(&given, SigningAlg::Es256, KeyStatus::Distrusted), ["ES256-3"]);
}

fn refresh_keys(given: Given) -> Given {
    let add = |key| SystemEvent::RefreshKeyAdded { key, secret: sealed("refresh key") };
    given
        .happened(add(1))
        .happened(SystemEvent::KeyActivated(KeyName::Refresh(1)))
        .happened(add(2))
        .happened(SystemEvent::KeyActivated(KeyName::Refresh(2)))
}

#[test]
fn one_refresh_key_makes_new_tokens_and_the_retired_ones_are_believed() {
    let given = refresh_keys(given());
    let status = |key| system(&given).key_status(&KeyName::Refresh(key));
    assert_eq!([status(1), status(2), status(3)], [Some(KeyStatus::Retired), Some(KeyStatus::Active), None]);
    assert!(!system(&given).distrusts(1) && !system(&given).distrusts(2));
    assert!(system(&given).distrusts(3), "nothing of an unknown key is believed");
}

#[test]
fn signing_keys_and_refresh_keys_do_not_retire_each_other() {
    let given = refresh_keys(rotate(given()));
    assert_eq!(active(&given), named([0, 1, 2]));
}

#[test]
fn a_distrusted_refresh_key_is_believed_no_more() {
    let given = refresh_keys(given());
    let event = distrust(system(&given), &KeyName::Refresh(1)).unwrap();
    assert_eq!(event, SystemEvent::KeyDistrusted(KeyName::Refresh(1)));
    let given = given.happened(event);
    assert!(system(&given).distrusts(1) && !system(&given).distrusts(2));
}

/// Why this cannot follow.
fn impossible(given: &Given, event: SystemEvent) -> String {
    let recorded = Recorded { event: Event::System(event), ..given.history[0].clone() };
    apply(given.state(&StreamId::System).cloned(), &recorded).expect_err("it does not fold").why
}

#[test]
fn a_keys_life_goes_one_way() {
    let given = refresh_keys(given());
    let given = given.happened(SystemEvent::KeyDistrusted(KeyName::Refresh(1)));
    let only_next = "only a key that is next can become active";
    for key in [1, 2, 3] {
        assert_eq!(impossible(&given, SystemEvent::KeyActivated(KeyName::Refresh(key))), only_next);
    }
    let unknown = KeyName::Signing("unknown".to_owned());
    assert_eq!(impossible(&given, SystemEvent::KeyActivated(unknown.clone())), only_next);
    assert_eq!(impossible(&given, SystemEvent::KeyDistrusted(unknown)), "no such key");
    let again = SystemEvent::RefreshKeyAdded { key: 1, secret: sealed("again") };
    assert_eq!(impossible(&given, again), "the name is taken");
}
