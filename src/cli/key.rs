//! `countersign key`: the keys of tokens, and the master key that wraps all keys.

use super::Failure;
use super::diagnostics::announce;
use super::reach::{Answer, Does, Doors, Reach, segment};
use super::show::{self, Column, Listing, Shape, column};
use super::stopped::Stopped;
use crate::app::{self, NewMaster, Rewrapped, World};
use crate::config::MasterKeySource;
use crate::domain::keys::SigningAlg;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
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
    reach: Reach,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    reach: Reach,
    /// Only the key that signs access tokens with this algorithm (ES256, EdDSA, RS256) [default: all three]
    #[arg(long, value_name = "ALG")]
    alg: Option<SigningAlg>,
    /// Only the key of refresh tokens; with --alg, both
    #[arg(long)]
    refresh: bool,
    /// Only publish the signing keys that come next, so that a later rotation finds them known to everybody
    #[arg(long, conflicts_with = "refresh")]
    prepare: bool,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct Distrust {
    #[command(flatten)]
    reach: Reach,
    /// The key as `key list` names it: the `kid` of a signing key, the number of a refresh key
    // A `kid` may begin with a hyphen.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
    #[command(flatten)]
    shape: Shape,
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
With --server a running server is asked (permission `admin` of the API key); without it, the data directory of a stopped one.
`new-master` always needs a stopped server. `countersign key COMMAND --help` shows examples.

Exit codes: 0 done; 1 it could not be done, standard error says why; 2 wrong command line or configuration; 70 and 74 as
for serve.";

const LIST_HELP: &str = "\
States: next (published, signs nothing yet), active (signs), retired (signs nothing more, what it made is believed),
distrusted (nothing it made is believed). JWKS says whether resource servers can fetch the key. Nothing is recorded.

Examples:
  countersign key list --config countersign.toml
  countersign key list --server https://auth.example.com --api-key-file key --json | jq -r '.[] | select(.state == \"active\").key'

Exit codes: 0 listed; 1 it could not be done, standard error says why; 2 wrong command line or configuration.";

const ROTATE_HELP: &str = "\
The server replaces signing keys by itself (`keys.rotation_interval`) and publishes each for `keys.jwks_max_age` before it
signs. This command does not wait. It lets the key sign that was published to come next, or makes one if there is none.
Resource servers that keep the key set may not know a key that was made now, for as long as `keys.jwks_max_age`; those that
fetch again for an unknown `kid` are not disturbed. To disturb nobody: run it with --prepare, let the server serve for that
long, run it without.

A refresh key is for the sessions that start from now on. Sessions of before keep theirs. To end those, distrust their key.

Examples:
  countersign key rotate --server https://auth.example.com --api-key-file key --prepare
  countersign key rotate --config countersign.toml --alg ES256
  countersign key rotate --config countersign.toml --refresh

Exit codes: 0 replaced; 1 it could not be done, standard error says why, asked again it goes on; 2 wrong command line or
configuration; 70 and 74 as for serve.";

const DISTRUST_HELP: &str = "\
For a key that somebody else may have. Another one takes its place at once. Access tokens of a distrusted signing key are
refused at every door of ours; a resource server believes them until it fetches the key set again (`keys.jwks_max_age`).
Every session under a distrusted refresh key is over; the end of each is recorded, too. Nothing takes the distrust back.
Whoever had one key of the data directory may have had those listed as next, too: distrust them as well.

Examples:
  countersign key distrust --config countersign.toml 1
  countersign key distrust --server https://auth.example.com --api-key-file key -- KID

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

const COLUMNS: &[Column] = &[
    column("KEY", "/key"),
    column("KIND", "/kind"),
    column("STATE", "/state"),
    column("SINCE", "/since"),
    column("JWKS", "/published"),
];

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list(arguments),
        Command::Rotate(arguments) => rotate(arguments),
        Command::Distrust(arguments) => distrust(arguments),
        Command::NewMaster(arguments) => new_master(arguments),
    }
}

fn list(arguments: List) -> Result<(), Failure> {
    let List { reach, listing } = arguments;
    reach.run(Does::Look, async |doors: &Doors| show::whole(doors, "/admin/keys", &listing, COLUMNS).await)
}

fn rotate(arguments: Rotate) -> Result<(), Failure> {
    let Rotate { reach, alg, refresh, prepare, shape } = arguments;
    let mut body = Map::new();
    alg.map(|alg| body.insert("alg".to_owned(), json!(alg.as_str())));
    for (name, given) in [("refresh", refresh), ("prepare", prepare)] {
        given.then(|| body.insert(name.to_owned(), json!(true)));
    }
    reach.run(Does::Change, async |doors: &Doors| {
        let changed = doors.post("/admin/keys/rotate", &Value::Object(body)).await?;
        announce(&if shape.json { format!("{}\n", changed.text) } else { what_changed(doors, &changed) })
    })
}

fn distrust(arguments: Distrust) -> Result<(), Failure> {
    let Distrust { reach, kid, shape } = arguments;
    reach.run(Does::Change, async |doors: &Doors| {
        let told = doors.send("POST", &format!("/admin/keys/{}/distrust", segment(&kid)), None).await?;
        if told.status == 404 {
            return Err(Failure::new(format!("there is no key {kid}: `countersign key list` shows all")));
        }
        let changed = told.granted()?;
        let sessions = &changed.json["sessions"];
        announce(&if shape.json {
            format!("{}\n", changed.text)
        } else {
            format!("{}sessions ended: {sessions}\n", what_changed(doors, &changed))
        })
    })
}

/// A sentence for each key that was made or that got another status.
fn what_changed(doors: &Doors, changed: &Answer) -> String {
    let (mut text, mut unknown) = (String::new(), None);
    for key in changed.json["changed"].as_array().into_iter().flatten() {
        let field = |name: &str| key[name].as_str().unwrap_or_default();
        let (name, kind) = (field("key"), field("kind"));
        let does = match (field("state"), kind) {
            ("next", _) => "is published, and signs when its time has come or at the next `key rotate`",
            ("active", "refresh") => "is the key of sessions that start from now on",
            ("active", _) => "signs from now on",
            ("retired", "refresh") => "is retired: sessions of before go on with it",
            ("retired", _) => "is retired: what it signed is believed until it expires",
            ("distrusted", _) => "is distrusted: nothing it made is believed any more",
            (other, _) => other,
        };
        unknown = unknown.max(key["unknown_until"].as_str());
        let _ = writeln!(text, "{kind} key {name} {does}");
    }
    if let Some(until) = unknown {
        let how_long = match doors {
            // Nobody can fetch it before the server is started again.
            Doors::Here(here) => format!("for {} after the start", here.config.keys.jwks_max_age),
            Doors::Server(_) => format!("until {until}"),
        };
        let _ = writeln!(
            text,
            "resource servers that keep the key set may refuse its tokens {how_long}, unless they fetch the set again for an \
             unknown kid"
        );
    }
    if text.is_empty() { "nothing was left to change\n".to_owned() } else { text }
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
