//! What every event type means, and every field of it: the source of `docs/EVENTS.md` and of `countersign audit events`. A test
//! compares it with the stored shapes.

/// An event type, for people.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// The name of the type.
    pub name: &'static str,
    /// The version of the program that first wrote it.
    pub since: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// The fields of `data`. Behind a name, `†`: sealed; `?`: absent where it does not apply.
    pub fields: &'static [(&'static str, &'static str)],
}

const fn event(
    name: &'static str,
    since: &'static str,
    meaning: &'static str,
    fields: &'static [(&'static str, &'static str)],
) -> Meaning {
    Meaning { name, since, meaning, fields }
}

const SIGNING_KEY_OPT: (&str, &str) = ("signing_key?", "the `kid` of a signing key");
const REFRESH_KEY_OPT: (&str, &str) = ("refresh_key?", "the number of a refresh key: one of the two");
const NAME: (&str, &str) = ("name", "the key's name");
const PERMISSIONS: (&str, &str) = ("permissions", "what it may do");
const CLIENTS_OPT: (&str, &str) = ("clients?", "at which clients; absent: all");
const CLASS: (&str, &str) = ("class", "why: a code of docs/API.md, the same as in metrics and diagnostics");
const N: (&str, &str) = ("n", "which refusal of its class it was in this stream: not each one is an event");
const SESSION: (&str, &str) = ("session", "the session");
const ORIGIN: (&str, &str) = ("origin", "the origin from here on");
const ROOT: (&str, &str) = ("root", "the Merkle root over them");
const SESSIONS_KEPT_OPT: (&str, &str) =
    ("sessions_kept?", "why the sessions of before were not ended, in the operator's words; absent: they were");
const CLIENT: (&str, &str) = ("client", "the client");
const VERIFIER: (&str, &str) = ("verifier†", "the hash");
const SCHEME: (&str, &str) = ("scheme", "how it was made");
const JTI: (&str, &str) = ("jti", "the access token's `jti`");
const EXPIRES_AT: (&str, &str) = ("expires_at", "its `exp`");
const CLIENT_2: (&str, &str) = ("client", "where");
const JTI_2: (&str, &str) = ("jti", "the `jti` of the access token");
const ACCESS_ISSUED_AT: (&str, &str) = ("access_issued_at", "its `iat`");
const ACCESS_EXPIRES_AT: (&str, &str) = ("access_expires_at", "its `exp`");
const PRESENTED: (&str, &str) = ("presented", "the generation in the token that was shown");
const PRESENTED_OPT: (&str, &str) = ("presented?", "the generation in the token that was shown, where one was");
const ACCOUNT: (&str, &str) = ("account", "whose session it was");
const ENDED: (&str, &str) = ("ended", "the reason of its end, or `expired`");
const ENDED_AT: (&str, &str) = ("ended_at", "when that was");
const REDEEMED_AT_OPT: (&str, &str) = ("redeemed_at?", "when the presented generation was redeemed first");

/// Every event type, in the order of the streams.
pub static EVENTS: &[Meaning] = &[
    event(
        "system.created",
        "0.1.0",
        "the first entry of every journal",
        &[("origin", "the name of this journal for ever")],
    ),
    event(
        "system.started",
        "0.1.0",
        "a start",
        &[
            ("version", "the program's version"),
            ("last_entry_at", "the instant of the entry before: nothing was answered after it"),
        ],
    ),
    event("system.ready", "0.1.0", "requests are answered from here on", &[]),
    event(
        "system.clock_accepted",
        "0.1.0",
        "an operator answered for the clock",
        &[("wall", "what it showed"), ("last_entry_at", "the newest instant in the journal then")],
    ),
    event(
        "system.signing_key_added",
        "0.1.0",
        "a signing key is published, and signs nothing yet",
        &[
            ("kid", "its `kid`: the RFC 7638 thumbprint"),
            ("alg", "what it signs with"),
            ("jwk", "its public half, as JWK text"),
            ("private†", "its private half"),
        ],
    ),
    event(
        "system.refresh_key_added",
        "0.1.0",
        "a key for refresh tokens, not used yet",
        &[("refresh_key", "its number"), ("secret†", "the key")],
    ),
    event(
        "system.key_activated",
        "0.1.0",
        "it is used from now on; the one before is retired",
        &[SIGNING_KEY_OPT, REFRESH_KEY_OPT],
    ),
    event(
        "system.key_distrusted",
        "0.1.0",
        "nothing it made is believed any more",
        &[SIGNING_KEY_OPT, REFRESH_KEY_OPT],
    ),
    event(
        "system.api_key_created",
        "0.1.0",
        "an API key",
        &[NAME, ("digest†", "the SHA-256 of the key"), PERMISSIONS, CLIENTS_OPT],
    ),
    event("system.api_key_changed", "0.1.0", "what an API key may do from now on", &[NAME, PERMISSIONS, CLIENTS_OPT]),
    event("system.api_key_disabled", "0.1.0", "an API key opens nothing until it is enabled", &[NAME]),
    event("system.api_key_enabled", "0.1.0", "an API key opens things again", &[NAME]),
    event("system.api_key_revoked", "0.1.0", "an API key never opens anything again", &[NAME]),
    event(
        "system.api_key_refused",
        "0.1.0",
        "somebody who has an API key asked for what it may not, or it is not in force",
        &[NAME, CLASS, N],
    ),
    event(
        "system.history_lost",
        "0.1.0",
        "a refresh token with a right tag names a session that the journal does not have: only we can make one, so history was lost",
        &[SESSION, ("generation", "the generation in the token"), ("n", "how often tokens of this session were shown")],
    ),
    event(
        "system.sessions_archived",
        "0.1.0",
        "streams that are over are archived where their last entry stands at or before a position",
        &[("through", "that position")],
    ),
    event(
        "system.restored",
        "0.1.0",
        "the journal was brought back from a back-up, and goes on under another origin",
        &[
            ORIGIN,
            ("old_origin", "the origin of the back-up"),
            ("size", "how many entries it had"),
            ROOT,
            SESSIONS_KEPT_OPT,
        ],
    ),
    event(
        "system.loss_accepted",
        "0.1.0",
        "an operator gave up the entries behind a position, and the journal goes on under another origin",
        &[
            ORIGIN,
            ("old_origin", "the origin of before"),
            ("size", "how many entries are left"),
            ROOT,
            ("lost_through", "the last position that is known to have been durable"),
            SESSIONS_KEPT_OPT,
        ],
    ),
    event(
        "system.token_vended",
        "0.1.0",
        "a token was signed with claims that an operator chose; no door here takes it",
        &[
            ("key", "the `kid` of the key that signed it"),
            ("expires_at", "when it ends"),
            ("claims", "the names of the claims that were chosen"),
        ],
    ),
    event(
        "system.repaired",
        "0.1.0",
        "a damaged file was made whole again",
        &[
            ("file", "its name in the data directory"),
            ("from", "`store` or `backup`: where the right bytes came from"),
            ("first", "the first position that was written again"),
            ("last", "the last"),
        ],
    ),
    event(
        "system.history_dropped",
        "0.1.0",
        "the oldest segments were taken away for good",
        &[
            ("through", "the last position in them"),
            ("until", "no session that began before it is known any more"),
            ("base", "the position of the snapshot of states in their place"),
        ],
    ),
    event("brakes.all_revoked", "0.1.0", "every session and every token of before is over, whoever's", &[]),
    event(
        "brakes.network_revoked",
        "0.1.0",
        "the sessions that were last used from a network were meant to end; each has an end of its own",
        &[("network†", "the network")],
    ),
    event("brakes.logins_refused", "0.1.0", "nobody logs in until it is lifted; sessions go on", &[]),
    event("brakes.logins_allowed", "0.1.0", "people log in again", &[]),
    event("name.taken", "0.1.0", "the login id belongs to an account", &[("account", "which one")]),
    event("name.released", "0.1.0", "it belongs to none any more", &[("account", "whose it was")]),
    event(
        "account.created",
        "0.1.0",
        "an account",
        &[("login†", "its login id"), ("name", "the hash of the login id: the `name:H` stream that is its own")],
    ),
    event(
        "account.login_succeeded",
        "0.1.0",
        "a login gave a session",
        &[
            CLIENT,
            SESSION,
            (
                "how?",
                "by which door, where not by the password grant: `login_api`, `ping`, `issued`, `created`, `registered` (FusionAuth's)",
            ),
        ],
    ),
    event("account.login_refused", "0.1.0", "a login was refused", &[CLIENT, CLASS, N]),
    event(
        "account.new_context",
        "0.1.0",
        "that login came from a network and a device that the account did not know, and it knew some",
        &[CLIENT, SESSION],
    ),
    event(
        "account.password_rehashed",
        "0.1.0",
        "the same password under today's parameters",
        &[("of", "the version of its `gate.password_set`"), VERIFIER, SCHEME],
    ),
    event(
        "account.password_code_issued",
        "0.1.0",
        "a one-time code: whoever shows it may set another password",
        &[
            ("digest†", "the SHA-256 of the code"),
            ("expires_at", "until when it may be shown"),
            ("of", "the version of the `gate.password_set` that it replaces; any other makes it worth nothing"),
        ],
    ),
    event(
        "account.password_change_refused",
        "0.1.0",
        "another password was not set: the old one, or the code, was wrong",
        &[CLASS, N],
    ),
    event(
        "account.login_changed",
        "0.1.0",
        "another login id; its names are taken and released in the same commit",
        &[("login†", "the login id"), ("name", "its hash")],
    ),
    event(
        "account.username_set",
        "0.1.0",
        "a second login id, besides the first; its name is taken in the same commit",
        &[("login†", "the login id"), ("name", "its hash")],
    ),
    event("account.username_cleared", "0.1.0", "the second login id is gone", &[]),
    event(
        "account.profile_set",
        "0.1.0",
        "what apps keep about the person, and nothing here decides by",
        &[("profile†", "all of it, as a JSON object")],
    ),
    event(
        "gate.password_set",
        "0.1.0",
        "a password: the first opens the gate, each later one ends what was open",
        &[
            VERIFIER,
            SCHEME,
            ("must_change?", "`true`: it only serves to set another"),
            (
                "how?",
                "`changed`: by the person, who knew the old one; `reset`: by a one-time code; absent: by an operator, a bootstrap file or an import",
            ),
        ],
    ),
    event(
        "gate.must_change_set",
        "0.1.0",
        "whether the password that the account has must be changed before the next login",
        &[("must_change", "which of the two")],
    ),
    event("gate.disabled", "0.1.0", "nobody is let in, and what was open is over", &[]),
    event("gate.enabled", "0.1.0", "people are let in again", &[]),
    event("gate.registration_added", "0.1.0", "it may log in at a client; from the first on, only at those", &[CLIENT]),
    event(
        "gate.registration_withdrawn",
        "0.1.0",
        "it may not log in at a client any more; what was open there is over",
        &[CLIENT],
    ),
    event("gate.registrations_lifted", "0.1.0", "it may log in at every client again", &[]),
    event("gate.roles_set", "0.1.0", "the roles in its access tokens from now on", &[("roles", "all of them")]),
    event(
        "gate.registration_roles_set",
        "0.1.0",
        "the roles in its access tokens for one client, besides those for all",
        &[CLIENT, ("roles", "all of them")],
    ),
    event("gate.sessions_revoked", "0.1.0", "everything that was open is over", &[]),
    event("gate.erased", "0.1.0", "the person is forgotten; the data key is destroyed after this", &[]),
    event(
        "client.created",
        "0.1.0",
        "a client",
        &[
            ("settings", "all settings, under the names of the bootstrap file"),
            ("secret†?", "the SHA-256 of its secret; absent for a public client"),
            ("enabled", "whether it may be used at once"),
        ],
    ),
    event("client.changed", "0.1.0", "other settings", &[("settings", "all of them from now on")]),
    event(
        "client.secret_set",
        "0.1.0",
        "another secret; the one before opens nothing any more",
        &[("secret†", "its SHA-256")],
    ),
    event("client.disabled", "0.1.0", "nothing is granted to it", &[]),
    event("client.enabled", "0.1.0", "things are granted to it again", &[]),
    event(
        "client.removed",
        "0.1.0",
        "the client is as if it were not there: every session and token of before is over; enabled, it is back",
        &[],
    ),
    event("client.sessions_revoked", "0.1.0", "the client's brake: every session and token of before is over", &[]),
    event(
        "client.token_issued",
        "0.1.0",
        "a token for the client itself (grant `client_credentials`)",
        &[JTI, EXPIRES_AT, ("scope", "its scope")],
    ),
    event(
        "client.token_revoked",
        "0.1.0",
        "such a token is listed as revoked until it would have ended",
        &[JTI, EXPIRES_AT],
    ),
    event(
        "client.revocations_dropped",
        "0.1.0",
        "listed tokens that have ended anyway, at most 32",
        &[("dropped", "`jti` and `expires_at` of each")],
    ),
    event("client.refused", "0.1.0", "it failed to authenticate, or asked for what it may not", &[CLASS, N]),
    event(
        "session.started",
        "0.1.0",
        "a login gave it",
        &[
            ("account", "whose it is"),
            CLIENT_2,
            ("scope", "the scopes granted"),
            ("refreshable", "whether it has a refresh token"),
            ("refresh_key", "the number of the key of its refresh tokens"),
            ("gate_version", "the version of the account's gate that it was decided on: a later closing event ends it"),
            ("client_version", "the version of the client: a later brake ends it"),
            ("brakes_version?", "the version of the `brakes` stream: a later brake of everything ends it; absent: 0"),
            ("came_of?", "the session whose token brought this one about: it is over when that one is"),
            ("absolute_ends_at", "when it ends, however often it is refreshed"),
            ("idle_ends_at", "when it ends unless it is refreshed"),
            JTI_2,
            ACCESS_ISSUED_AT,
            ACCESS_EXPIRES_AT,
        ],
    ),
    event(
        "session.refreshed",
        "0.1.0",
        "a refresh token was redeemed",
        &[
            PRESENTED,
            ("generation", "the generation that was given"),
            ("burned?", "the unused generation that counts as never issued: the answer with it was lost"),
            ("idle_ends_at", "when the session ends unless it is refreshed again"),
            JTI_2,
            ACCESS_ISSUED_AT,
            ACCESS_EXPIRES_AT,
            ("scope?", "the access token's scope, where narrower than the session's"),
        ],
    ),
    event(
        "session.refresh_retried",
        "0.1.0",
        "the parent was shown again and got the same answer",
        &[
            PRESENTED,
            ("generation", "the generation that was given again"),
            ("n", "which retry of this generation it was"),
            ("moved", "whether it came from another network"),
            ("lockstep", "whether three generations running were retried: two parties may share the session"),
            ("jti?", "the `jti` of a new access token, where the one of the redemption had run out"),
            ("access_issued_at?", "its `iat`"),
            ("access_expires_at?", "its `exp`"),
        ],
    ),
    event(
        "session.refresh_refused",
        "0.1.0",
        "a refresh was refused, and nothing else changed",
        &[CLASS, N, PRESENTED_OPT],
    ),
    event("session.revoke_refused", "0.1.0", "a revocation was refused", &[CLASS, N, PRESENTED_OPT]),
    event(
        "session.reuse_detected",
        "0.1.0",
        "a spent token came back in a way that no lost answer explains; `session.revoked` follows",
        &[
            ("class", "`late_retry`, `foreign_retry` or `superseded`"),
            PRESENTED,
            ("current", "the generation that was current"),
        ],
    ),
    event("session.superseded_shown", "0.1.0", "its own client introspected a spent token", &[PRESENTED, N]),
    event(
        "session.ahead_of_journal",
        "0.1.0",
        "a generation that this journal never issued: it is older than tokens in use",
        &[PRESENTED, ("current", "the newest that the journal knows"), N],
    ),
    event("session.revoked", "0.1.0", "it ended before its time", &[("reason", "why: see below")]),
    event(
        "session.expired",
        "0.1.0",
        "its time was over. Doors judge by the instant; this follows within about an hour",
        &[],
    ),
    event(
        "evidence.refresh_refused",
        "0.1.0",
        "a token of an archived session was to be redeemed: `closed` or `client_mismatch`",
        &[CLASS, N, PRESENTED, ACCOUNT, CLIENT_2, ENDED, ENDED_AT, REDEEMED_AT_OPT],
    ),
    event(
        "evidence.revoke_refused",
        "0.1.0",
        "another client was to revoke one",
        &[CLASS, N, PRESENTED, ACCOUNT, CLIENT_2, ENDED, ENDED_AT, REDEEMED_AT_OPT],
    ),
    event(
        "evidence.superseded_shown",
        "0.1.0",
        "its own client introspected a spent token of an archived session",
        &[PRESENTED, N, ACCOUNT, CLIENT_2, ENDED, ENDED_AT, REDEEMED_AT_OPT],
    ),
    event(
        "evidence.ahead_of_journal",
        "0.1.0",
        "a generation of an archived session that this journal never issued",
        &[PRESENTED, ("current", "the newest that it knew"), N, ACCOUNT, CLIENT_2, ENDED, ENDED_AT, REDEEMED_AT_OPT],
    ),
];
