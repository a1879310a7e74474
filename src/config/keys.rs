//! The list of all keys. `docs/CONFIG.md` has the same list; a test compares the two.

use super::values::show_size;
use crate::domain::time::Span;

/// One key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// The full name, `section.key`, as it stands in messages.
    pub name: &'static str,
    /// What may be written there.
    pub kind: Kind,
    /// What holds where nothing is written.
    pub default: Standard,
    /// What it does, in one sentence.
    pub meaning: &'static str,
}

/// The default of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    /// A fixed value, as it would be written.
    Fixed(&'static str),
    /// It depends on other things, told in words.
    Derived(&'static str),
}

/// What a key takes, with its bounds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A file or directory.
    Path,
    /// An address to which paths are appended.
    Url,
    /// A UUID.
    Uuid,
    /// An IP address and a port.
    Socket,
    /// A list of networks.
    Networks,
    /// `true` or `false`.
    Flag,
    /// An integer: least, greatest, what is counted.
    Count(u64, u64, &'static str),
    /// A duration: least, greatest.
    Time(Span, Span),
    /// A size in bytes: least, greatest.
    Size(u64, u64),
    /// One of some words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// Unit and bounds, for the table of `docs/CONFIG.md`.
    pub fn unit(&self) -> String {
        match self {
            Self::Count(min, max, unit) => format!("{unit}, {min} to {max}"),
            Self::Time(min, max) => format!("duration, {min} to {max}"),
            Self::Size(min, max) => format!("size, {} to {}", show_size(*min), show_size(*max)),
            other => other.allowed(),
        }
    }

    /// What is allowed, to follow "it must be".
    pub fn allowed(&self) -> String {
        match self {
            Self::Path => "a path".into(),
            Self::Url => "an https or http URL without trailing slash, query and fragment".into(),
            Self::Uuid => "a UUID".into(),
            Self::Socket => "an IP address and a port, such as \"127.0.0.1:8080\"".into(),
            Self::Networks => "a list of networks, such as [\"10.0.0.0/8\"]".into(),
            Self::Flag => "true or false".into(),
            Self::Count(min, max, _) => format!("an integer from {min} to {max}"),
            Self::Time(min, max) => format!("a duration from {min} to {max}"),
            Self::Size(min, max) => format!("a size from {} to {}", show_size(*min), show_size(*max)),
            Self::Choice(words) => format!("\"{}\"", words.join("\" or \"")),
        }
    }
}

impl Key {
    /// The environment variable that sets it.
    pub fn env(&self) -> String {
        format!("{}{}", super::raw::ENV_PREFIX, self.name.replace('.', "__").to_uppercase())
    }

    /// Its line in the table of `docs/CONFIG.md`.
    pub fn row(&self) -> String {
        let bare = matches!(self.kind, Kind::Count(..) | Kind::Flag | Kind::Networks);
        let default = match self.default {
            Standard::Fixed(value) if bare => format!("`{value}`"),
            Standard::Fixed(value) => format!("`\"{value}\"`"),
            Standard::Derived(words) => words.to_owned(),
        };
        format!("| `{}` | {default} | {} | {} | `{}` |", self.name, self.kind.unit(), self.meaning, self.env())
    }
}

const fn key(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { name, kind, default: Standard::Fixed(default), meaning }
}

const fn derived(name: &'static str, kind: Kind, words: &'static str, meaning: &'static str) -> Key {
    Key { name, kind, default: Standard::Derived(words), meaning }
}

const fn seconds(min: i64, max: i64) -> Kind {
    Kind::Time(Span::seconds(min), Span::seconds(max))
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Every key there is, in the order of the documentation.
pub static KEYS: &[Key] = &[
    key("data_dir", Kind::Path, "./countersign-data", "The data directory; created when absent."),
    derived(
        "master_key",
        Kind::Path,
        "`data_dir` + `.master.key`",
        "The file of the master key; `COUNTERSIGN_MASTER_KEY` may hold the key itself instead.",
    ),
    derived(
        "issuer",
        Kind::Url,
        "the listening URL",
        "The `iss` of every token and the address under which clients reach this server.",
    ),
    key("http.listen", Kind::Socket, "127.0.0.1:8080", "Where the server listens; port 0 picks a free one."),
    key(
        "http.behind_proxy",
        Kind::Flag,
        "false",
        "A proxy in front ends TLS; needed for an address that is not loopback where `tls.cert` is not set.",
    ),
    key(
        "http.trusted_proxies",
        Kind::Networks,
        "[]",
        "Networks of proxies whose `X-Forwarded-For` is believed when the peer is found out.",
    ),
    derived("http.workers", Kind::Count(1, 512, "threads"), "number of processors", "Threads that serve connections."),
    key(
        "http.max_connections",
        Kind::Count(1, 1_000_000, "connections"),
        "10000",
        "Open connections; further ones wait until one ends.",
    ),
    key(
        "http.max_in_flight",
        Kind::Count(1, 1_000_000, "requests"),
        "4096",
        "Requests being answered at the same time; further ones get 503.",
    ),
    key(
        "http.per_network",
        Kind::Count(0, 1_000_000, "requests a second"),
        "0",
        "Requests of one network (/24 of IPv4, /48 of IPv6); further ones get 429. 0: as many as come. The peer counts, and that is mostly an app's backend.",
    ),
    key(
        "http.per_client",
        Kind::Count(0, 1_000_000, "requests a second"),
        "0",
        "Requests of one client that has authenticated; further ones get 429. 0: as many as come.",
    ),
    key(
        "http.max_head",
        Kind::Size(4 * KIB, 64 * KIB),
        "32KiB",
        "Request line and headers of a request; more gets 431.",
    ),
    key("http.max_body", Kind::Size(KIB, 16 * MIB), "64KiB", "Body of a request; more gets 413."),
    key("http.head_timeout", seconds(1, 600), "10s", "From the first byte of a request's head to its end."),
    key("http.body_timeout", seconds(1, 600), "10s", "From the end of a request's head to the end of its body."),
    key("http.request_timeout", seconds(1, 3600), "30s", "From the end of a request's head to its answer; then 503."),
    key("http.write_timeout", seconds(1, 3600), "30s", "How long a client may take to accept 16 KiB of an answer."),
    key("http.keep_alive", seconds(1, 3600), "75s", "How long a connection may wait for its next request."),
    key("http.stop_timeout", seconds(1, 3600), "35s", "How long requests may go on after the server was told to stop."),
    derived(
        "tls.cert",
        Kind::Path,
        "none: plain HTTP",
        "PEM file of the server's certificate and its intermediates; read again when it changes.",
    ),
    derived("tls.key", Kind::Path, "none", "PEM file of the certificate's private key; read again when it changes."),
    derived("metrics.listen", Kind::Socket, "on `http.listen`", "Moves `/metrics` to an address of its own."),
    derived(
        "hash.threads",
        Kind::Count(1, 1024, "threads"),
        "number of processors",
        "Threads that compute password hashes.",
    ),
    key(
        "hash.queue",
        Kind::Count(1, 100_000, "hashes"),
        "256",
        "Hashes that may wait for a thread; further ones get 503.",
    ),
    key("hash.deadline", seconds(1, 60), "2s", "How long a hash may wait; then 503."),
    key(
        "hash.kernel",
        Kind::Choice(&["auto", "reference"]),
        "auto",
        "Which implementation computes Argon2id: the fast one where a trial at the start finds that it gives the answers of the reference, or the reference always.",
    ),
    key("hash.memory_kib", Kind::Count(8, 262_144, "KiB"), "19456", "Memory of one Argon2id hash."),
    key("hash.iterations", Kind::Count(1, 16, "passes"), "2", "Passes of one Argon2id hash over its memory."),
    key("hash.parallelism", Kind::Count(1, 4, "lanes"), "1", "Lanes of one Argon2id hash."),
    key(
        "passwords.min_length",
        Kind::Count(8, 64, "characters"),
        "8",
        "The fewest characters of a password that a person chooses.",
    ),
    key(
        "passwords.strangers_per_network",
        Kind::Count(1, 100_000, "attempts per hour"),
        "10",
        "Password attempts for one login from one network that the account does not know.",
    ),
    key(
        "passwords.strangers_total",
        Kind::Count(1, 1_000_000, "attempts per hour"),
        "100",
        "Password attempts for one login from all such networks together.",
    ),
    key(
        "passwords.familiar",
        Kind::Count(1, 100_000, "attempts per hour"),
        "20",
        "Password attempts for one login from each network or device that the account knows.",
    ),
    key(
        "passwords.table",
        Kind::Count(1000, 10_000_000, "entries"),
        "100000",
        "How many budgets of attempts are remembered at a time.",
    ),
    key("sessions.awake_max", Kind::Count(100, 10_000_000, "sessions"), "100000", "Sessions kept in memory."),
    key("sessions.passivate_after", seconds(1, 86_400), "60s", "How long an unused session stays in memory."),
    key(
        "sessions.in_flight_max",
        Kind::Count(1, 1_000_000, "commands"),
        "8192",
        "Commands to sessions under way at the same time; further ones get 503.",
    ),
    key(
        "journal.queue",
        Kind::Count(1, 1_000_000, "commits"),
        "8192",
        "Commits that may wait for the disk; further ones get 503.",
    ),
    key("journal.batch_max", Kind::Count(1, 65_536, "commits"), "512", "Commits that share one disk sync."),
    key(
        "journal.segment_bytes",
        Kind::Size(64 * KIB, GIB),
        "64MiB",
        "Size at which a segment file is closed and the next one begun.",
    ),
    key(
        "journal.anchor_interval",
        seconds(1, 60),
        "1s",
        "How often the last position and root are written to the anchor.",
    ),
    key(
        "journal.low_water",
        Kind::Size(MIB, 64 * GIB),
        "256MiB",
        "Free space on the disk below which only what closes something is written; never more than an eighth of the disk.",
    ),
    key(
        "journal.reserve",
        Kind::Size(MIB, 4 * GIB),
        "16MiB",
        "Space held back for closing things on a full disk; never more than a sixteenth of the disk.",
    ),
    key(
        "journal.stuck_after",
        seconds(1, 3600),
        "30s",
        "How long one write to the journal may hang until the process ends, so that it is restarted.",
    ),
    key(
        "journal.keep_in_store",
        Kind::Choice(&["live", "all"]),
        "live",
        "What the store keeps of sessions: \"live\", those that have not ended; \"all\", ended ones as well, which are then never archived.",
    ),
    key(
        "journal.scrub_interval",
        seconds(1, 3650 * 86_400),
        "7d",
        "How long it may be until every sealed segment has been read again, to find damage.",
    ),
    key("store.cache_bytes", Kind::Size(MIB, 64 * GIB), "64MiB", "Memory of the store's page cache."),
    key("keys.rotation_interval", seconds(1, 3650 * 86_400), "90d", "Age at which a signing key is replaced."),
    key("keys.jwks_max_age", seconds(0, 86_400), "5m", "How long others may cache our public keys."),
    key(
        "fusionauth.tenant_id",
        Kind::Uuid,
        "636f756e-7465-7273-8967-6e0000000000",
        "The one tenant, as FusionAuth's clients name it. Whoever moves here from FusionAuth sets his own.",
    ),
    key(
        "fusionauth.dead_refresh_status",
        Kind::Choice(&["404", "400"]),
        "404",
        "What `POST /api/jwt/refresh` answers to a refresh token that is not good: 404 without a body, or 400 with one, as FusionAuth does since 1.17.",
    ),
    key(
        "fusionauth.refresh_requires_key",
        Kind::Flag,
        "false",
        "Whether `POST /api/jwt/refresh` asks for an API key that covers the client.",
    ),
    key(
        "fusionauth.validate_checks_revocation",
        Kind::Flag,
        "true",
        "Whether `/api/jwt/validate` refuses access tokens of sessions that are over; FusionAuth looks at the signature and the end only.",
    ),
    key("log.format", Kind::Choice(&["text", "json"]), "text", "Form of the diagnostics on standard error."),
    key(
        "log.level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        "info",
        "Least severe diagnostics that are written; read again from the file at SIGHUP.",
    ),
    derived(
        "trace.otlp_endpoint",
        Kind::Url,
        "none",
        "Address of a collector that takes traces by OTLP over HTTP; `/v1/traces` is appended.",
    ),
    key(
        "trace.sample",
        Kind::Count(0, 1000, "of a thousand"),
        "1000",
        "Requests that are traced; one whose caller traces it (`traceparent`) is traced as the caller says.",
    ),
];
