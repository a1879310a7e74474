//! `countersign demo --attack`: a theft is played at a server of the demo's own, in three acts. A line is printed once the real answer is
//! what the play expects, and what is said at the end of an act once the real journal bears it out; a claim that does not hold ends
//! it with exit code 1.

mod apps;
mod cast;
mod doors;
mod jwt;
mod play;
mod record;
mod refresh_token;
mod session;
mod stage;
mod text;

use super::super::Failure;
use super::super::diagnostics::{self, announce};
use super::super::server::{Options, serve_until};
use super::{LOGIN, Remove, temporary_directory};
use crate::app::World;
use crate::audit::tail::line;
use crate::config::bootstrap::Bootstrap;
use crate::config::{Config, Flags, Sources};
use crate::entropy::{SystemEntropy, token};
use clap::ValueEnum;
use doors::Doors;
use play::{Act, Play, Scene};
use record::{Record, as_foretold, shows};
use stage::{Played, Stage, bootstrap_file, rest};
use std::path::{Path, PathBuf};
use std::time::Duration;
use text::wrapped;
use tokio::sync::oneshot;

/// The client of the demo itself: a token of its own is the event behind all that was played.
const BELL: &str = "bell";
/// How often the journal is looked at until it is known to be on disk, and how often at most: a minute in all.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 1200;

/// What is stolen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Attack {
    /// The refresh token
    #[value(name = "stolen-refresh-token")]
    RefreshToken,
    /// The access token
    #[value(name = "stolen-jwt")]
    Jwt,
    /// The session id of an app that has sessions of its own
    #[value(name = "stolen-session")]
    Session,
}

impl Attack {
    fn play(self) -> &'static Play {
        match self {
            Self::RefreshToken => &refresh_token::PLAY,
            Self::Jwt => &jwt::PLAY,
            Self::Session => &session::PLAY,
        }
    }
}

/// What must not be printed.
#[derive(Clone)]
pub struct Secrets {
    client: String,
    password: String,
    store_key: String,
    operator_key: String,
}

impl Secrets {
    fn new() -> Self {
        let [client, password, store_key, operator_key] = [(); 4].map(|()| token(&SystemEntropy));
        Self { client, password, store_key, operator_key }
    }
}

/// Starts a server of its own, plays, and stops it.
pub fn run(attack: Attack, listen: String) -> Result<(), Failure> {
    let root = temporary_directory()?;
    let remove = Remove(root.clone());
    let data_dir = std::path::absolute(root.join("data")).map_err(Failure::new)?;
    let flags = Flags { data_dir: Some(data_dir.clone()), listen: Some(listen), master_key: None };
    // A server of its own in everything: what the environment sets for another one would be another story.
    let sources = Sources { file: None, env: std::iter::empty::<(String, String)>(), flags };
    let mut config = Config::load(sources).map_err(|error| Failure::usage(error.to_string()))?;
    config.http.max_connections = config.http.max_connections.min(100);
    diagnostics::start(&config.log);
    let (secrets, play) = (Secrets::new(), attack.play());
    let file = bootstrap_file(&secrets, play);
    let bootstrap =
        Bootstrap::parse(&file, PathBuf::from("."), &super::super::serve::environment).map_err(Failure::new)?;
    let (over, told) = oneshot::channel::<()>();
    let mut playing = None;
    let served = serve_until(
        &config,
        bootstrap,
        Options::default(),
        World::real(),
        |url| {
            let doors = Doors::new(url);
            playing = Some(std::thread::spawn(move || {
                let outcome = played(play, doors, secrets, &data_dir);
                // Whether it was played to its end or not: the server has nothing more to do.
                drop(over);
                outcome
            }));
            Ok(())
        },
        async { drop(told.await) },
    );
    let outcome = playing.map(|thread| thread.join().unwrap_or_else(|_| Err(Failure::new("the play panicked"))));
    drop(remove);
    served?;
    outcome.unwrap_or_else(|| Err(Failure::new("it was stopped before the play began")))
}

/// Plays all acts, and prints them one by one.
fn played(play: &Play, doors: Doors, secrets: Secrets, data_dir: &Path) -> Result<(), Failure> {
    let url = doors.url().to_owned();
    let stage = Stage::new(doors, secrets).map_err(Failure::new)?;
    let mut record = Record::open(data_dir);
    announce(&format!("{}, in three acts, at {url}\n{}", play.title, wrapped("", "", play.given)))?;
    for (number, act) in (1..).zip(play.acts) {
        let heading = format!("\nACT {number}. {}\n{}", act.title, wrapped("", "", act.given));
        let scenes =
            on_stage(&stage, play, act, &heading).map_err(|failure| failure.about(&format!("act {number}")))?;
        let end = the_record(&stage, &mut record, act, &scenes);
        announce(&end.map_err(|why| Failure::new(format!("act {number}: {why}")))?)?;
    }
    announce(&wrapped("\n", "", "Every claim held. What to do about each theft: docs/THEFT.md"))
}

/// Plays the scenes of an act, and prints each as it ends.
fn on_stage(stage: &Stage, play: &Play, act: &Act, heading: &str) -> Result<Vec<Played>, Failure> {
    announce(heading)?;
    let mut scenes = Vec::new();
    for scene in act.scenes {
        let title = if scene.title.is_empty() { String::new() } else { format!("{}\n", scene.title) };
        match stage.scene(play, scene) {
            Ok(played) => {
                announce(&format!("{title}{}", played.lines))?;
                scenes.push(played);
            }
            Err((lines, why)) => {
                announce(&format!("{title}{lines}"))?;
                let failure = Failure::new(why);
                return Err(if scene.title.is_empty() { failure } else { failure.about(scene.title) });
            }
        }
    }
    Ok(scenes)
}

/// What the journal has of an act's sessions, once it is known to be on disk, and what is said of it.
fn the_record(stage: &Stage, record: &mut Record, act: &Act, scenes: &[Played]) -> Result<String, String> {
    let last = stage.ring()?;
    let mut looks = 0;
    while !record.has(&last)? {
        looks += 1;
        if looks == LOOKS {
            return Err("the journal was not known to be on disk within a minute".to_owned());
        }
        rest(LOOK_EVERY);
    }
    let (mut lines, mut said) = (String::new(), String::new());
    for (scene, played) in act.scenes.iter().zip(scenes) {
        let events = record.of_session(&played.sid);
        let about = if scene.title.is_empty() { String::new() } else { format!("{}: ", scene.title) };
        as_foretold(&events, scene.events).map_err(|why| format!("{about}a claim does not hold: {why}"))?;
        if !scene.title.is_empty() {
            lines.push_str(&format!("{}\n", label(scene).trim_end()));
        }
        for event in &events {
            lines.push_str(&format!("{}\n", line(event)));
        }
        for (what, text) in scene.says {
            if !shows(&events, *what) {
                return Err(format!("{about}a claim does not hold: the record does not bear out \"{text}\""));
            }
            said.push_str(&wrapped(&format!("=> {}", label(scene)), "   ", text));
        }
    }
    Ok(format!("The record, as countersign audit tail --type session --about SID prints it:\n{lines}{said}"))
}

/// The letter of a scene with a title, and a space.
fn label(scene: &Scene) -> String {
    scene.title.split_inclusive(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::play::Step;
    use super::*;
    use crate::domain::client::{ClientSettings, ClientType, LateRetry, Profile, Rotation};
    use crate::domain::time::Span;

    #[test]
    fn the_defaults_are_what_the_stories_say() {
        let defaults = ClientSettings::new(ClientType::Confidential, Profile::Standard);
        let said = [Attack::RefreshToken, Attack::Jwt].map(|attack| {
            let play = attack.play();
            format!("{} {}", play.given, play.acts[1].given)
        });
        assert!(said[0].contains("rotation \"always\", retry_window 30 s, late_retry \"revoke\""), "{}", said[0]);
        assert!(said[1].contains("the default is 5 minutes"), "{}", said[1]);
        assert_eq!((defaults.rotation, defaults.retry_window), (Rotation::Always, Span::seconds(30)));
        assert_eq!((defaults.late_retry, defaults.access_ttl), (LateRetry::Revoke, Span::minutes(5)));
    }

    #[test]
    fn every_move_has_a_meaning_that_fits_its_line_and_every_scene_an_end() {
        for attack in Attack::value_variants() {
            for scene in attack.play().acts.iter().flat_map(|act| act.scenes) {
                for step in scene.steps {
                    let means = match step {
                        Step::Move(_, _, _, means) => means,
                        Step::Takes(_, _, means) | Step::TokenEnds(_, means) => means,
                        Step::WindowPasses(means) | Step::AppClock(_, means) => means,
                    };
                    let most = if matches!(step, Step::Move(..)) { 32 } else { 80 };
                    assert!((1..=most).contains(&means.len()), "{means}");
                }
                assert!(!scene.says.is_empty() && !scene.events.is_empty());
            }
        }
    }
}
