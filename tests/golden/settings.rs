//! Arbitrary settings of clients.

use super::{alg, span, text, texts};
use countersign::domain::client::{
    ClientRole, ClientSettings, ClientType, Grant, Introspect, LateRetry, Profile, Rotation,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn role() -> impl Strategy<Value = ClientRole> {
    (any::<u128>(), option::of(text()), any::<(bool, bool)>()).prop_map(|(id, description, (is_default, is_super))| {
        ClientRole { id: uuid::Uuid::from_u128(id), description, is_default, is_super }
    })
}

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
    let flags = any::<(bool, bool, bool, bool)>();
    let roles = btree_map(text(), role(), 0..3);
    let fusionauth = (flags, option::of(text()), roles, option::of(text()));
    (words, spans, rest, fusionauth).prop_map(|(words, spans, rest, fusionauth)| {
        let ((token_refresh, login_needs_key, refresh_at_login, registration_required), name, roles, document) =
            fusionauth;
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
            token_refresh,
            login_needs_key,
            refresh_at_login,
            registration_required,
            name,
            roles,
            document,
        }
    })
}
