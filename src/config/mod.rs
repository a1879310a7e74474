//! Raw configuration (file, environment, flags) to a checked [`Config`]. Past here everything is valid.
//!
//! Flags win over the environment, the environment over the file, the file over the defaults. [`keys::KEYS`] lists every
//! key with its bounds; [`bootstrap`] reads the file that declares clients, accounts and API keys.

pub mod bootstrap;
mod fusionauth;
mod hash;
pub mod keys;
mod raw;
mod secret;
mod show;
mod tls;
mod trace;
mod values;

#[cfg(test)]
mod tests;

pub use fusionauth::{DeadRefresh, FusionauthConfig};
pub use hash::HashConfig;
pub use raw::Source;
pub use secret::Secret;
pub use tls::TlsConfig;
pub use trace::TraceConfig;

use crate::domain::time::Span;
use ipnet::IpNet;
use raw::{Given, Raw};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The environment variable that may hold the master key itself.
pub const MASTER_KEY_VARIABLE: &str = "COUNTERSIGN_MASTER_KEY";

/// Something in the configuration that cannot be accepted: one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);

/// What the command line said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--master-key`.
    pub master_key: Option<PathBuf>,
}

/// Everything that may say something about the configuration.
#[derive(Debug, Clone)]
pub struct Sources<E> {
    /// The configuration file, where one was named. It must exist.
    pub file: Option<PathBuf>,
    /// The environment: pairs of name and value. Variables that are not ours are passed over.
    pub env: E,
    /// The command line.
    pub flags: Flags,
}

/// Where the master key is.
#[derive(Clone, PartialEq, Eq)]
pub enum MasterKeySource {
    /// In this file; made at the first start.
    File(PathBuf),
    /// The key itself, from the environment.
    Text(Secret),
}

impl fmt::Debug for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Text(_) => f.write_str("Text(…)"),
        }
    }
}

/// The checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Where the master key is.
    pub master_key: MasterKeySource,
    /// The `iss` of tokens, if it was set; see [`Config::issuer_at`].
    pub issuer: Option<String>,
    /// The server's socket and its limits.
    pub http: HttpConfig,
    /// The files of the server's certificate, where it speaks TLS itself.
    pub tls: Option<TlsConfig>,
    /// Where `/metrics` is served, if not on `http.listen`.
    pub metrics_listen: Option<SocketAddr>,
    /// Password hashing.
    pub hash: HashConfig,
    /// Passwords that people choose, and password attempts.
    pub passwords: PasswordsConfig,
    /// Sessions in memory.
    pub sessions: SessionsConfig,
    /// The journal's writer and files.
    pub journal: JournalConfig,
    /// Memory of the store's page cache, in bytes.
    pub store_cache_bytes: u64,
    /// Signing keys.
    pub keys: KeysConfig,
    /// What FusionAuth's clients find.
    pub fusionauth: FusionauthConfig,
    /// Diagnostics.
    pub log: LogConfig,
    /// Where traces are sent, if anywhere.
    pub trace: Option<TraceConfig>,
    /// Values that are allowed but unwise: sentences to show at start.
    pub warnings: Vec<String>,
    effective: Vec<show::Effective>,
}

/// `http.*`: the server's socket and its limits.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Where it listens; port 0 picks one.
    pub listen: SocketAddr,
    /// Whether a proxy in front ends TLS.
    pub behind_proxy: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Threads that serve connections.
    pub workers: usize,
    /// Open connections.
    pub max_connections: usize,
    /// Requests being answered at the same time.
    pub max_in_flight: usize,
    /// Requests a second of a network; `None`: as many as come.
    pub per_network: Option<NonZeroU32>,
    /// Requests a second of a client; `None`: as many as come.
    pub per_client: Option<NonZeroU32>,
    /// Request line and headers, in bytes.
    pub max_head: usize,
    /// A request's body, in bytes.
    pub max_body: usize,
    /// First byte of a head to its end.
    pub head_timeout: Duration,
    /// End of a head to the end of the body.
    pub body_timeout: Duration,
    /// End of a head to the answer.
    pub request_timeout: Duration,
    /// Time for a client to accept 16 KiB of an answer.
    pub write_timeout: Duration,
    /// End of an answer to the next request.
    pub keep_alive: Duration,
    /// Time for requests to end after the server was told to stop.
    pub stop_timeout: Duration,
}

/// `passwords.*`: what may be chosen; attempts per hour and login.
#[derive(Debug, Clone)]
pub struct PasswordsConfig {
    /// The fewest characters of a password that a person chooses.
    pub min_length: usize,
    /// From one unknown network.
    pub strangers_per_network: u32,
    /// From all unknown networks together.
    pub strangers_total: u32,
    /// From each familiar network or device.
    pub familiar: u32,
    /// Entries in the table of budgets.
    pub table: usize,
}

/// `sessions.*`: sessions in memory.
#[derive(Debug, Clone)]
pub struct SessionsConfig {
    /// How many.
    pub awake_max: usize,
    /// How long an unused one stays.
    pub passivate_after: Duration,
    /// Commands under way.
    pub in_flight_max: usize,
}

/// What the store keeps besides what live sessions need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepInStore {
    /// Nothing: sealed segments and ended sessions are pruned.
    Live,
    /// Every event.
    All,
}

/// `journal.*`: the writer and its files.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// Commits that may wait.
    pub queue: usize,
    /// Commits that share a disk sync.
    pub batch_max: usize,
    /// Size at which a segment is closed, in bytes.
    pub segment_bytes: u64,
    /// How often the anchor is written while there are events.
    pub anchor_interval: Duration,
    /// Free space below which only closing events are written, in bytes.
    pub low_water: u64,
    /// Space held back for them, in bytes.
    pub reserve: u64,
    /// How long one write may hang.
    pub stuck_after: Duration,
    /// What the store keeps.
    pub keep_in_store: KeepInStore,
    /// How long it may be until every sealed segment has been read again.
    pub scrub_interval: Duration,
}

/// `keys.*`: signing keys.
#[derive(Debug, Clone)]
pub struct KeysConfig {
    /// Age at which one is replaced.
    pub rotation_interval: Span,
    /// How long others may cache the public ones.
    pub jwks_max_age: Span,
}

/// The form of diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe diagnostics that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is wrong but goes on.
    Warn,
    /// Starts, stops, milestones.
    Info,
    /// For those who look for a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word in the configuration, which diagnostics filters take as well.
    pub fn as_str(self) -> &'static str {
        ["error", "warn", "info", "debug", "trace"][self as usize]
    }
}

/// `log.*`: diagnostics.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// Their form.
    pub format: LogFormat,
    /// The least severe ones.
    pub level: LogLevel,
}

impl Config {
    /// Reads all sources and checks every value.
    ///
    /// # Errors
    /// The first thing that is wrong: an unreadable file, an unknown key, a value out of its bounds.
    pub fn load<E: IntoIterator<Item = (String, String)>>(sources: Sources<E>) -> Result<Self, ConfigError> {
        let mut key_text = None;
        let env = sources.env.into_iter().filter_map(|(name, value)| {
            if name == MASTER_KEY_VARIABLE {
                key_text = Some(Secret::new(value));
                return None;
            }
            Some((name, value))
        });
        let mut raw = Raw::gather(sources.file.as_deref(), env, &sources.flags)?;
        let data_dir = raw.path("data_dir")?.unwrap_or_default();
        let master_key = master_key(&mut raw, key_text, &data_dir)?;
        let mut config = Self {
            issuer: raw.url("issuer")?,
            http: http(&raw)?,
            tls: tls::read(&raw)?,
            metrics_listen: raw.socket("metrics.listen")?,
            hash: hash::read(&raw)?,
            passwords: passwords(&raw)?,
            sessions: sessions(&raw)?,
            journal: journal(&raw)?,
            store_cache_bytes: raw.size("store.cache_bytes")?,
            keys: KeysConfig {
                rotation_interval: raw.span("keys.rotation_interval")?,
                jwks_max_age: raw.span("keys.jwks_max_age")?,
            },
            fusionauth: fusionauth::read(&raw)?,
            log: log(&raw)?,
            trace: trace::read(&raw)?,
            warnings: Vec::new(),
            effective: Vec::new(),
            data_dir,
            master_key,
        };
        config.check()?;
        config.warnings = config.unwise();
        config.effective = show::effective(&raw, &config);
        Ok(config)
    }

    /// The issuer of a server that listens there: the one configured, else its URL.
    pub fn issuer_at(&self, listening: SocketAddr) -> String {
        self.issuer.clone().unwrap_or_else(|| self.url_at(listening))
    }

    /// The URL of a server that listens there.
    pub fn url_at(&self, listening: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{listening}")
    }

    /// Checks what depends on more than one value.
    fn check(&self) -> Result<(), ConfigError> {
        let (http, hash) = (&self.http, &self.hash);
        let error = |text: String| Err(ConfigError(text));
        tls::check_reach(self)?;
        if http.body_timeout > http.request_timeout {
            return error("`http.body_timeout` must not be longer than `http.request_timeout`".into());
        }
        if hash.deadline >= http.request_timeout {
            return error("`hash.deadline` must be shorter than `http.request_timeout`".into());
        }
        if hash.memory_kib < 8 * hash.parallelism {
            return error(
                "`hash.memory_kib` must be at least 8 times `hash.parallelism` (RFC 9106 section 3.1)".into(),
            );
        }
        if self.journal.batch_max > self.journal.queue {
            return error("`journal.batch_max` must not be greater than `journal.queue`".into());
        }
        Ok(())
    }

    /// What is allowed but unwise.
    fn unwise(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let (m, t) = (self.hash.memory_kib, self.hash.iterations);
        // The equivalent settings of the OWASP Password Storage Cheat Sheet.
        let enough = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
        if !enough.iter().any(|(memory, passes)| m >= *memory && t >= *passes) {
            warnings.push(format!(
                "`hash.memory_kib` = {m} with `hash.iterations` = {t} is weaker than OWASP's minimum for Argon2id: use 19456 with 2"
            ));
        }
        if self.http.behind_proxy && self.http.trusted_proxies.is_empty() {
            warnings.push(
                "`http.behind_proxy` is set but `http.trusted_proxies` is empty: every caller will look like the proxy"
                    .into(),
            );
        }
        if self.http.trusted_proxies.iter().any(|net| net.prefix_len() == 0) {
            warnings.push("`http.trusted_proxies` holds every address: any caller can claim to be any other".into());
        }
        if self
            .issuer
            .as_deref()
            .and_then(values::place)
            .is_some_and(|place| place.scheme == "http" && !place.is_loopback())
        {
            warnings
                .push("`issuer` is http: clients outside this machine should only be given an https address".into());
        }
        if self.keys.rotation_interval < Span::hours(1) {
            warnings.push(
                "`keys.rotation_interval` is below an hour: replaced keys are published for 25 hours, so the JWKS will grow long".into(),
            );
        }
        if self.metrics_listen.is_some_and(|address| !address.ip().is_loopback()) {
            warnings
                .push("`metrics.listen` is not loopback: whoever reaches it can read the metrics without a key".into());
        }
        warnings
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// The key's text, else its file, else the file beside the data directory (never in it, or a back-up would hold both).
fn master_key(raw: &mut Raw, text: Option<Secret>, data_dir: &Path) -> Result<MasterKeySource, ConfigError> {
    if let Some(text) = text {
        match raw.given("master_key") {
            // A flag wins over the environment, the environment over the file.
            Some((_, Source::Flag(_))) => {}
            Some((_, Source::Environment(name))) => {
                return Err(ConfigError(format!("both {MASTER_KEY_VARIABLE} and {name} are set: keep one of them")));
            }
            _ if text.expose().trim().is_empty() => {
                return Err(ConfigError(format!(
                    "{MASTER_KEY_VARIABLE} is empty: set it to the master key, or unset it"
                )));
            }
            _ => {
                raw.forget("master_key");
                return Ok(MasterKeySource::Text(text));
            }
        }
    }
    if let Some(path) = raw.path("master_key")? {
        return Ok(MasterKeySource::File(path));
    }
    if data_dir.file_name().is_none() {
        return Err(ConfigError(format!(
            "`data_dir` is {data_dir:?}, so the master key has no default place: set `master_key`"
        )));
    }
    // `components` drops a trailing slash, after which the name could not be continued.
    let mut path: OsString = data_dir.components().as_path().into();
    path.push(".master.key");
    Ok(MasterKeySource::File(path.into()))
}

#[expect(clippy::cast_possible_truncation, reason = "each key has a range far below the word size")]
fn http(raw: &Raw) -> Result<HttpConfig, ConfigError> {
    Ok(HttpConfig {
        listen: raw.socket("http.listen")?.unwrap_or_else(|| unreachable!("`http.listen` has a fixed default")),
        behind_proxy: raw.flag("http.behind_proxy")?,
        trusted_proxies: raw.networks("http.trusted_proxies")?,
        workers: raw.count("http.workers")?.map_or_else(|| processors().min(512), |count| count as usize),
        max_connections: raw.sure_count("http.max_connections")?,
        max_in_flight: raw.sure_count("http.max_in_flight")?,
        per_network: NonZeroU32::new(raw.sure_count("http.per_network")?),
        per_client: NonZeroU32::new(raw.sure_count("http.per_client")?),
        max_head: raw.size("http.max_head")? as usize,
        max_body: raw.size("http.max_body")? as usize,
        head_timeout: raw.time("http.head_timeout")?,
        body_timeout: raw.time("http.body_timeout")?,
        request_timeout: raw.time("http.request_timeout")?,
        write_timeout: raw.time("http.write_timeout")?,
        keep_alive: raw.time("http.keep_alive")?,
        stop_timeout: raw.time("http.stop_timeout")?,
    })
}

fn passwords(raw: &Raw) -> Result<PasswordsConfig, ConfigError> {
    Ok(PasswordsConfig {
        min_length: raw.sure_count("passwords.min_length")?,
        strangers_per_network: raw.sure_count("passwords.strangers_per_network")?,
        strangers_total: raw.sure_count("passwords.strangers_total")?,
        familiar: raw.sure_count("passwords.familiar")?,
        table: raw.sure_count("passwords.table")?,
    })
}

fn sessions(raw: &Raw) -> Result<SessionsConfig, ConfigError> {
    Ok(SessionsConfig {
        awake_max: raw.sure_count("sessions.awake_max")?,
        passivate_after: raw.time("sessions.passivate_after")?,
        in_flight_max: raw.sure_count("sessions.in_flight_max")?,
    })
}

fn journal(raw: &Raw) -> Result<JournalConfig, ConfigError> {
    Ok(JournalConfig {
        queue: raw.sure_count("journal.queue")?,
        batch_max: raw.sure_count("journal.batch_max")?,
        segment_bytes: raw.size("journal.segment_bytes")?,
        anchor_interval: raw.time("journal.anchor_interval")?,
        low_water: raw.size("journal.low_water")?,
        reserve: raw.size("journal.reserve")?,
        stuck_after: raw.time("journal.stuck_after")?,
        keep_in_store: [KeepInStore::Live, KeepInStore::All][raw.choice("journal.keep_in_store")?],
        scrub_interval: raw.time("journal.scrub_interval")?,
    })
}

fn log(raw: &Raw) -> Result<LogConfig, ConfigError> {
    use LogLevel::{Debug, Error, Info, Trace, Warn};
    Ok(LogConfig {
        format: [LogFormat::Text, LogFormat::Json][raw.choice("log.format")?],
        level: [Error, Warn, Info, Debug, Trace][raw.choice("log.level")?],
    })
}
