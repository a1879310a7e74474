//! Arbitrary settings of clients.

use super::{alg, span, text, texts};
use countersign::domain::client::{ClientSettings, ClientType, Grant, Introspect, LateRetry, Profile, Rotation};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub fn settings() -> impl Strategy<Value = ClientSettings> {
    let words = (
        select(&[ClientType::Confidential, ClientType::Public][..]),
        select(&[Profile::Standard, Profile::Fusionauth, Profile::Gateway][..]),
        btree_set(select(&[Grant::Password, Grant::RefreshToken, Grant::ClientCredentials][..]), 0..4),
        select(&[Rotation::Always, Rotation::Never][..]),
        select(&[LateRetry::Revoke, LateRetry::Reissue][..]),
        select(&[Introspect::Own, Introspect::All][..]),
    );
    let nets = vec((any::<std::net::IpAddr>(), 0..=32_u8), 0..3)
        .prop_map(|nets| nets.into_iter().map(|(ip, len)| ipnet::IpNet::new(ip, len).unwrap()).collect());
    let spans = (span(), span(), span(), span());
    let rest = (texts(), option::of(text()), alg(), any::<u32>(), any::<bool>(), texts(), nets);
    (words, spans, rest).prop_map(|(words, spans, rest)| {
        let (client_type, profile, grants, rotation, late_retry, introspect) = words;
        let (access_ttl, refresh_idle_ttl, refresh_absolute_ttl, retry_window) = spans;
        let (scopes, audience, signing_alg, max_sessions, refresh_without_scope, origins, backends) = rest;
        ClientSettings {
            client_type,
            profile,
            grants,
            scopes,
            audience,
            signing_alg,
            rotation,
            access_ttl,
            refresh_idle_ttl,
            refresh_absolute_ttl,
            retry_window,
            late_retry,
            max_sessions,
            introspect,
            refresh_without_scope,
            origins,
            backends,
        }
    })
}
