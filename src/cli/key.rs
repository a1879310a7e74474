//! `countersign key`: the keys of tokens, and the master key that wraps all keys.

use super::Failure;
use super::diagnostics::{announce, print};
use super::stopped::Stopped;
use crate::actors::{Refused, Rotation, Services};
use crate::app::{self, NewMaster, Rewrapped, World};
use crate::config::{Config, MasterKeySource};
use crate::domain::keys::{KeyStatus, SigningAlg};
use crate::domain::session::RevokeReason;
use crate::domain::system::{KeyName, System};
use crate::domain::time::{Span, Timestamp};
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Command {
    /// List the keys of tokens: where each stands in its life, and since when
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Replace keys of tokens now, before their time; what the old ones made stays good
    #[command(after_help = ROTATE_HELP)]
    Rotate(Rotate),
    /// Believe nothing any more that a key made
    #[command(after_help = DISTRUST_HELP)]
    Distrust(Distrust),
    /// Wrap every key of the data directory by another master key
    #[command(after_help = NEW_MASTER_HELP)]
    NewMaster(NewMasterArguments),
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    stopped: Stopped,
    /// Print one JSON array, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    stopped: Stopped,
    /// Only the key that signs access tokens with this algorithm (ES256, EdDSA, RS256) [default: all three]
    #[arg(long, value_name = "ALG")]
    alg: Option<SigningAlg>,
    /// Only the key of refresh tokens; with --alg, both
    #[arg(long)]
    refresh: bool,
    /// Only publish the signing keys that come next, so that a later rotation finds them known to everybody
    #[arg(long, conflicts_with = "refresh")]
    prepare: bool,
}

#[derive(Args)]
pub struct Distrust {
    #[command(flatten)]
    stopped: Stopped,
    /// The key as `key list` names it: the `kid` of a signing key, the number of a refresh key
    // A `kid` may begin with a hyphen.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
}

#[derive(Args)]
pub struct NewMasterArguments {
    #[command(flatten)]
    stopped: Stopped,
    #[command(flatten)]
    place: NewMasterPlace,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct NewMasterPlace {
    /// Make the new master key in this file, which must not exist; only its owner may read it
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Use the master key in this file
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
}

pub const HELP: &str = "\
All of them work on the data directory of a stopped server. `countersign key COMMAND --help` shows examples.

Exit codes: 0 done; 1 it could not be done, standard error says why; 2 wrong command line or configuration; 70 and 74 as
for serve.";

const LIST_HELP: &str = "\
States: next (published, signs nothing yet), active (signs), retired (signs nothing more, what it made is believed),
distrusted (nothing it made is believed). JWKS says whether resource servers can fetch the key. Nothing is recorded.

Examples:
  countersign key list --config countersign.toml
  countersign key list --json | jq -r '.[] | select(.state == \"active\").key'

Exit codes: 0 listed; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

const ROTATE_HELP: &str = "\
The server replaces signing keys by itself (`keys.rotation_interval`) and publishes each for `keys.jwks_max_age` before it
signs. This command does not wait: while the server is stopped nobody could fetch a key. It lets the key sign that was
published to come next, or makes one if there is none. Resource servers that keep the key set may not know a key that was
made now, for as long as `keys.jwks_max_age`; those that fetch again for an unknown `kid` are not disturbed. To disturb
nobody: run it with --prepare, serve for that long, stop, run it without.

A refresh key is for the sessions that start from now on. Sessions of before keep theirs. To end those, distrust their key.

Examples:
  countersign key rotate --config countersign.toml --prepare
  countersign key rotate --config countersign.toml --alg ES256
  countersign key rotate --config countersign.toml --refresh

Exit codes: 0 replaced; 1 it could not be done, standard error says why, asked again it goes on; 2 wrong command line or
configuration; 70 and 74 as for serve.";

const DISTRUST_HELP: &str = "\
For a key that somebody else may have. Another one takes its place at once. Access tokens of a distrusted signing key are
refused at every door of ours; a resource server believes them until it fetches the key set again (`keys.jwks_max_age`).
Every session under a distrusted refresh key is over; the command records the end of each before it ends. Nothing takes
the distrust back. Whoever had one key of the data directory may have had those listed as next, too: distrust them as well.

Example:
  countersign key distrust --config countersign.toml 1

Exit codes: 0 distrusted, also if it was before; 1 it could not be done, standard error says why; 2 wrong command line or
configuration; 70 and 74 as for serve.";

const NEW_MASTER_HELP: &str = "\
The master key in use is named as for serve: --master-key, the configuration or COUNTERSIGN_MASTER_KEY. Its file is left
alone. A crash at any moment leaves a directory that one of the two keys opens; run the command again with --from-file.
Back-ups from before need the old master key. The keys themselves stay what they are: this helps against somebody who has seen
the master key and no data. Whoever has a copy of the data with it has every key, also those that are wrapped anew.

Examples:
  countersign key new-master --config countersign.toml --to master-2.key
  countersign key new-master --config countersign.toml --from-file master-2.key

Exit codes: 0 done, also if the new key opened the directory before; 1 it could not be done, standard error says why;
2 wrong command line or configuration.";

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list(arguments),
        Command::Rotate(arguments) => rotate(arguments),
        Command::Distrust(arguments) => distrust(arguments),
        Command::NewMaster(arguments) => new_master(arguments),
    }
}

/// A line of the list.
struct Listed {
    key: String,
    kind: &'static str,
    status: KeyStatus,
    since: Timestamp,
    /// Whether the JWKS shows it; refresh keys are never shown.
    published: Option<bool>,
}

fn listed(system: &System, now: Timestamp) -> Vec<Listed> {
    let signing = system.signing.iter().map(|key| Listed {
        key: key.kid.clone(),
        kind: key.alg.as_str(),
        status: key.status,
        since: key.since,
        published: Some(key.is_published(now)),
    });
    let refresh = system.refresh.iter().map(|(number, key)| Listed {
        key: number.to_string(),
        kind: "refresh",
        status: key.status,
        since: key.since,
        published: None,
    });
    signing.chain(refresh).collect()
}

fn list(arguments: List) -> Result<(), Failure> {
    let (config, world) = (arguments.stopped.load()?, World::real());
    let data = app::take(&config).map_err(Failure::new)?;
    let system = app::look(&data, &config, &world, |reader| Ok(reader.system()?.value)).map_err(Failure::new)?;
    let keys = listed(&system, world.clock.wall());
    if arguments.json {
        let keys = keys.iter().map(|key| {
            serde_json::json!({
                "key": key.key, "kind": key.kind, "state": key.status.as_str(),
                "since": key.since.to_string(), "published": key.published.unwrap_or(false),
            })
        });
        return print(&format!("{}\n", serde_json::Value::Array(keys.collect())));
    }
    let mut text = format!("{:43}  {:7}  {:10}  {:24}  {}\n", "KEY", "KIND", "STATE", "SINCE", "JWKS");
    for Listed { key, kind, status, since, published } in keys {
        let published = published.map_or("-", |published| if published { "yes" } else { "no" });
        let (status, since) = (status.as_str(), since.to_string());
        let _ = writeln!(text, "{key:43}  {kind:7}  {status:10}  {since:24}  {published}");
    }
    print(&text)
}

/// Runs the engine for a command that changes keys.
fn change<T>(config: &Config, work: impl AsyncFnOnce(&Services) -> Result<T, Refused>) -> Result<T, Failure> {
    let data = app::take(config).map_err(Failure::new)?;
    let work = async |services: &Services| work(services).await.map_err(|refused| services.core.told(&refused));
    let done = app::offline(data, config, app::Start::default(), &World::real(), work).map_err(Failure::new)?;
    done.map_err(|why| Failure::new(format!("{why}: not everything was done; run the command again to go on")))
}

fn rotate(arguments: Rotate) -> Result<(), Failure> {
    let config = arguments.stopped.load()?;
    let algs = match arguments.alg {
        Some(alg) => vec![alg],
        None if arguments.refresh => Vec::new(),
        None => SigningAlg::ALL.to_vec(),
    };
    let (before, after) = change(&config, async |services: &Services| {
        let system = || Ok::<_, Refused>(services.core.reader.system()?.value);
        let before = system()?;
        for alg in algs {
            if arguments.prepare {
                services.keys.prepare(alg).await?;
            } else {
                services.keys.rotate(Rotation::Signing(alg)).await?;
            }
        }
        if arguments.refresh {
            services.keys.rotate(Rotation::Refresh).await?;
        }
        Ok((before, system()?))
    })?;
    announce(&what_changed(&before, &after, config.keys.jwks_max_age))
}

/// A sentence for each key that was made or that got another status.
fn what_changed(before: &System, after: &System, jwks_max_age: Span) -> String {
    let mut text = String::new();
    let mut unknown = false;
    for Listed { key, kind, status, .. } in listed(after, Timestamp::default()) {
        let name = name_of(after, &key);
        let was = name.as_ref().and_then(|name| before.key_status(name));
        if was == Some(status) {
            continue;
        }
        let does = match (status, kind) {
            (KeyStatus::Next, _) => "is published, and signs when its time has come or at the next `key rotate`",
            (KeyStatus::Active, "refresh") => "is the key of sessions that start from now on",
            (KeyStatus::Active, _) => "signs from now on",
            (KeyStatus::Retired, "refresh") => "is retired: sessions of before go on with it",
            (KeyStatus::Retired, _) => "is retired: what it signed is believed until it expires",
            (KeyStatus::Distrusted, _) => "is distrusted: nothing it made is believed any more",
        };
        unknown |= status == KeyStatus::Active && is_young(after, &key, jwks_max_age);
        let _ = writeln!(text, "{kind} key {key} {does}");
    }
    if unknown {
        let _ = writeln!(
            text,
            "resource servers that keep the key set may refuse its tokens for {jwks_max_age} after the start, unless they \
             fetch the set again for an unknown kid"
        );
    }
    if text.is_empty() { "nothing was left to change\n".to_owned() } else { text }
}

/// Whether caches may not know a signing key yet that signs.
fn is_young(system: &System, kid: &str, jwks_max_age: Span) -> bool {
    let key = system.signing.iter().find(|key| key.kid == kid);
    key.is_some_and(|key| key.since < key.added_at + jwks_max_age)
}

/// The key that goes by this name in lists.
fn name_of(system: &System, text: &str) -> Option<KeyName> {
    let signing = KeyName::Signing(text.to_owned());
    let refresh = || text.parse().ok().map(KeyName::Refresh);
    let names = std::iter::once(signing).chain(refresh());
    names.into_iter().find(|name| system.key_status(name).is_some())
}

fn distrust(arguments: Distrust) -> Result<(), Failure> {
    let (config, kid) = (arguments.stopped.load()?, arguments.kid);
    let done = change(&config, async |services: &Services| {
        let system = || Ok::<_, Refused>(services.core.reader.system()?.value);
        let before = system()?;
        let Some(name) = name_of(&before, &kid) else { return Ok(None) };
        services.keys.distrust(&name).await?;
        services.closer.finish().await?;
        let reason = RevokeReason::KeyDistrusted.code();
        let closed = services.core.metrics.revocations_total.with_label_values(&[reason]).get();
        Ok(Some((before, system()?, closed)))
    })?;
    let Some((before, after, closed)) = done else {
        return Err(Failure::new(format!("there is no key {kid}: `countersign key list` shows all")));
    };
    announce(&format!("{}sessions ended: {closed}\n", what_changed(&before, &after, config.keys.jwks_max_age)))
}

fn new_master(arguments: NewMasterArguments) -> Result<(), Failure> {
    let config = arguments.stopped.load()?;
    let new = match (arguments.place.to, arguments.place.from_file) {
        (Some(path), _) => NewMaster::Make(path),
        (None, Some(path)) => NewMaster::Take(path),
        (None, None) => return Err(Failure::usage("name a file with --to or --from-file")),
    };
    let done = app::new_master(&config, &new, &World::real()).map_err(Failure::new)?;
    let (data, file) = (config.data_dir.display(), new.path().display());
    let mut text = match done {
        Rewrapped::Keys(keys) => format!("{keys} keys of {data} are wrapped by the master key in {file}\n"),
        Rewrapped::Before => format!("the master key in {file} opens {data} already: nothing was changed\n"),
    };
    let _ = writeln!(text, "start with it from now on: --master-key {file}, or `master_key` in the configuration");
    let _ = writeln!(text, "keep a copy of it apart from the back-ups: nothing can be read without it");
    let old = match &config.master_key {
        MasterKeySource::File(path) if path != new.path() => format!(" in {}", path.display()),
        MasterKeySource::File(_) => return announce(&text),
        MasterKeySource::Text(_) => " from COUNTERSIGN_MASTER_KEY".to_owned(),
    };
    let _ = writeln!(text, "keep the old one{old} for as long as back-ups from before: they open with nothing else");
    announce(&text)
}
