//! Arbitrary events of the server itself.

use super::{alg, client_id, denial, instant, sealed, session_id, text, texts};
use countersign::domain::ids::Hash;
use countersign::domain::system::{KeyName, RepairedFrom, SystemEvent};
use proptest::collection::btree_set;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn key_name() -> impl Strategy<Value = KeyName> {
    prop_oneof![text().prop_map(KeyName::Signing), any::<u16>().prop_map(KeyName::Refresh)]
}

pub fn operated() -> impl Strategy<Value = SystemEvent> {
    use SystemEvent as E;
    let history = || (text(), text(), any::<u64>(), any::<[u8; 32]>().prop_map(Hash), option::of(text()));
    let from = select(&[RepairedFrom::Store, RepairedFrom::Backup][..]);
    prop_oneof![
        any::<u64>().prop_map(|through| E::SessionsArchived { through }),
        (text(), instant(), texts()).prop_map(|(key, expires_at, claims)| E::TokenVended { key, expires_at, claims }),
        history().prop_map(|(origin, old_origin, size, root, sessions_kept)| E::Restored {
            origin,
            old_origin,
            size,
            root,
            sessions_kept
        }),
        (history(), any::<u64>()).prop_map(|((origin, old_origin, size, root, sessions_kept), lost_through)| {
            E::LossAccepted { origin, old_origin, size, root, lost_through, sessions_kept }
        }),
        (text(), from, any::<(u64, u64)>()).prop_map(|(file, from, (first, last))| E::Repaired {
            file,
            from,
            first,
            last
        }),
        (any::<(u64, u64)>(), instant()).prop_map(|((through, base), until)| E::HistoryDropped {
            through,
            until,
            base
        }),
    ]
}

pub fn system() -> impl Strategy<Value = SystemEvent> {
    use SystemEvent as E;
    prop_oneof![
        text().prop_map(|origin| E::Created { origin }),
        (text(), instant()).prop_map(|(version, last_entry_at)| E::Started { version, last_entry_at }),
        Just(E::Ready),
        (instant(), instant()).prop_map(|(wall, last_entry_at)| E::ClockAccepted { wall, last_entry_at }),
        (text(), alg(), text(), sealed()).prop_map(|(kid, alg, jwk, private)| E::SigningKeyAdded {
            kid,
            alg,
            jwk,
            private
        }),
        (any::<u16>(), sealed()).prop_map(|(key, secret)| E::RefreshKeyAdded { key, secret }),
        key_name().prop_map(E::KeyActivated),
        key_name().prop_map(E::KeyDistrusted),
        (text(), sealed(), texts(), option::of(btree_set(client_id(), 0..3)))
            .prop_map(|(name, digest, permissions, clients)| E::ApiKeyCreated { name, digest, permissions, clients }),
        (session_id(), any::<u32>(), any::<u64>()).prop_map(|(session, generation, n)| E::HistoryLost {
            session,
            generation,
            n
        }),
    ]
}

pub fn api_key() -> impl Strategy<Value = SystemEvent> {
    use SystemEvent as E;
    prop_oneof![
        (text(), texts(), option::of(btree_set(client_id(), 0..3)))
            .prop_map(|(name, permissions, clients)| E::ApiKeyChanged { name, permissions, clients }),
        text().prop_map(|name| E::ApiKeyDisabled { name }),
        text().prop_map(|name| E::ApiKeyEnabled { name }),
        text().prop_map(|name| E::ApiKeyRevoked { name }),
        (text(), denial(), any::<u64>()).prop_map(|(name, class, n)| E::ApiKeyRefused { name, class, n }),
    ]
}
