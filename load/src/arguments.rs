//! The command line.

use crate::people::LOGIN_IDS;
use crate::phase::Bounds;
use crate::ratios::Pool;
use crate::runner::Plan;
use crate::scenario::Scenario;
use crate::schedule::Arrivals;
use crate::server::{CLIENT, Hash, PASSWORD, Settings};
use crate::target::{Paths, Target};
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Sends load to a Countersign server on a schedule, and measures how it takes it.
///
/// Latencies count from the instant at which a request was due. What was refused, what failed and what could not be sent is counted apart.
#[derive(Parser)]
#[command(name = "load")]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// One scenario, on a schedule or by so many connections without pause.
    Run {
        scenario: Scenario,
        /// Requests a second, due whatever becomes of those before.
        #[arg(long, default_value_t = 100.0, value_parser = positive)]
        rate: f64,
        /// Instead: so many connections, each with the next request as soon as it has its answer.
        #[arg(long, value_name = "CONNECTIONS", conflicts_with_all = ["rate", "poisson"])]
        saturate: Option<usize>,
        #[command(flatten)]
        common: Box<Common>,
    },
    /// R7, R7i: a scenario at saturation ÷ the server's POST that decides nothing, in turns.
    Compare {
        scenario: Scenario,
        /// Connections.
        #[arg(long, default_value_t = 64)]
        saturate: usize,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        #[command(flatten)]
        common: Box<Common>,
    },
    /// R1, R14: logins at saturation ÷ raw hashes, in turns.
    Logins {
        /// The program `measure` of benches/measure, which computes the raw hashes.
        #[arg(long, value_name = "PROGRAM")]
        hashes: PathBuf,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        #[command(flatten)]
        common: Box<Common>,
    },
    /// R4: introspection at 500/s while logins saturate the hash pool, and before on the idle server, in turns.
    Beside {
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        #[command(flatten)]
        common: Box<Common>,
    },
    /// R5: logins at some times the rate that was measured before, in turns.
    Overload {
        /// How many times.
        #[arg(long, default_value_t = 3.0, value_parser = positive)]
        times: f64,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        #[command(flatten)]
        common: Box<Common>,
    },
    /// Introspection at a rate, by this generator and by oha, in turns: both should find the same.
    CrossCheck {
        /// The program oha.
        #[arg(long, default_value = "oha")]
        oha: PathBuf,
        #[arg(long, default_value_t = 500.0, value_parser = positive)]
        rate: f64,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        #[command(flatten)]
        common: Box<Common>,
    },
    /// What the generator can do: it must reach twice the claimed rate against a server that only answers.
    SelfCheck {
        /// Requests a second that are claimed somewhere.
        #[arg(long, default_value_t = 10_000.0, value_parser = positive)]
        claimed: f64,
        #[command(flatten)]
        common: Box<Common>,
    },
    /// A server that only answers.
    NullServer {
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Stand still once, after so many requests.
        #[arg(long, requires = "stall_millis")]
        stall_after: Option<u64>,
        /// For so long.
        #[arg(long, requires = "stall_after")]
        stall_millis: Option<u64>,
    },
}

/// What all that send something have in common.
#[derive(Args, Clone)]
pub struct Common {
    /// The program `countersign`: it is started with accounts of its own, on loopback, and ended afterwards.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "url")]
    pub server: Option<PathBuf>,
    /// Instead: a server that runs, http://HOST:PORT.
    #[arg(long)]
    pub url: Option<String>,
    /// The process of that server, to tell its processor time.
    #[arg(long, requires = "url")]
    pub pid: Option<u32>,
    /// Its client, as ID:SECRET.
    #[arg(long, default_value = CLIENT, requires = "url")]
    pub client: String,
    /// The login ids of its accounts; {} stands for a number from 0 on.
    #[arg(long, default_value = LOGIN_IDS, requires = "url")]
    pub login_ids: String,
    /// The password of all its accounts.
    #[arg(long, default_value = PASSWORD, requires = "url")]
    pub password: String,
    /// Accounts, each a virtual user.
    #[arg(long, default_value_t = 2000)]
    pub accounts: usize,
    /// Argon2id of the accounts: KiB/PASSES/LANES.
    #[arg(long, default_value = "19456/2/1")]
    pub hash: Hash,
    /// How the client's access tokens are signed: ES256, EdDSA or RS256.
    #[arg(long, default_value = "ES256")]
    pub signing: String,
    /// A setting of the server, KEY=VALUE as in docs/CONFIG.md; may be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Where the server's directory is made. On a tmpfs, syncs cost nothing.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    pub work: PathBuf,
    /// Give the server the first half of the processors, and the generator the other.
    #[arg(long)]
    pub split: bool,
    /// Seconds that are measured, of each phase.
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    pub seconds: f64,
    /// Seconds before.
    #[arg(long, default_value_t = 2.0, value_parser = not_negative)]
    pub warm_up: f64,
    /// Requests on a schedule come as from people who do not know of each other, not at equal distances.
    #[arg(long)]
    pub poisson: bool,
    /// Connections of an open load at the most.
    #[arg(long, default_value_t = 512)]
    pub connections: usize,
    /// Requests of an open load that are due and not answered, at the most. Further ones are counted and not sent.
    #[arg(long, default_value_t = 4096)]
    pub in_flight: usize,
    /// Seconds that a request may take.
    #[arg(long, default_value_t = 30.0, value_parser = positive)]
    pub timeout: f64,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// From which chance follows.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Scopes that a login asks for.
    #[arg(long, default_value = "")]
    pub scope: String,
    /// Path of the token endpoint.
    #[arg(long, default_value_t = Paths::default().token)]
    pub token_path: String,
    /// Path of introspection.
    #[arg(long, default_value_t = Paths::default().introspect)]
    pub introspect_path: String,
    /// Path of revocation.
    #[arg(long, default_value_t = Paths::default().revoke)]
    pub revoke_path: String,
    /// Path to which a POST decides nothing.
    #[arg(long, default_value_t = Paths::default().noop)]
    pub noop_path: String,
    /// The status that it is answered with.
    #[arg(long, default_value_t = Paths::NOOP_STATUS)]
    pub noop_status: u16,
    /// Write everything that was measured there.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw latency and throughput over time there.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    not_negative(text).and_then(|number| if number > 0.0 { Ok(number) } else { Err("must be above 0".to_owned()) })
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..1e9).contains(number));
    number.ok_or_else(|| "must be a number of 0 or more".to_owned())
}

impl Common {
    /// What a server is started with.
    pub fn settings(&self, program: PathBuf, cpus: Vec<usize>) -> Settings {
        Settings {
            program,
            work: self.work.clone(),
            accounts: self.accounts,
            hash: self.hash,
            signing: self.signing.clone(),
            set: self.set.clone(),
            cpus,
        }
    }

    /// Whom to ask, at the address of a server.
    ///
    /// # Errors
    /// What is wrong with the arguments.
    pub fn target(&self, url: &str) -> Result<Target, String> {
        let mut target = Target::new(url, &self.client, &self.password, Duration::from_secs_f64(self.timeout))?;
        target.paths = Paths {
            token: path(&self.token_path)?,
            introspect: path(&self.introspect_path)?,
            revoke: path(&self.revoke_path)?,
            noop: path(&self.noop_path)?,
        };
        target.noop_status = self.noop_status;
        self.scope.clone_into(&mut target.scope);
        Ok(target)
    }

    /// The hash threads of a server on so many processors, and how long a hash may wait for one.
    ///
    /// # Errors
    /// Where it is set to something that cannot be read.
    pub fn pool(&self, processors: usize) -> Result<Pool, String> {
        let set = |key: &str| {
            let pairs = self.set.iter().rev().filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find_map(|(name, value)| (name == key).then_some(value))
        };
        let threads =
            set("hash.threads").map_or(Ok(processors), |text| text.parse().map_err(|_| "hash.threads is no number"));
        let seconds = set("hash.deadline").map_or(Some(2), |text| text.strip_suffix('s')?.parse().ok());
        let deadline = Duration::from_secs(seconds.ok_or("write hash.deadline in seconds, such as 2s")?);
        Ok(Pool { processors, threads: threads?, deadline })
    }

    /// What holds for all phases.
    pub fn plan(&self, cpus: Vec<usize>) -> Plan {
        Plan {
            warm_up: Duration::from_secs_f64(self.warm_up),
            span: Duration::from_secs_f64(self.seconds),
            bounds: Bounds { connections: self.connections, in_flight: self.in_flight },
            threads: self.threads,
            seed: self.seed,
            arrivals: if self.poisson { Arrivals::Poisson } else { Arrivals::Constant },
            cpus,
        }
    }
}

fn path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && text.parse::<hyper::Uri>().is_ok();
    if is_path { Ok(text.to_owned()) } else { Err(format!("{text} is no path")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_fits_together() {
        Arguments::command().debug_assert();
        let parsed = |words: &str| Arguments::try_parse_from(words.split(' '));
        assert!(parsed("load run refresh --server x --rate 5 --poisson").is_ok());
        assert!(parsed("load run refresh --server x --saturate 5").is_ok());
        for wrong in ["--saturate 5 --rate 3", "--rate 0", "--rate -1", "--rate inf", "--url y", "--seconds 0"] {
            assert!(parsed(&format!("load run refresh --server x {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_begin_with_a_slash() {
        assert!(path("/oauth2/token").is_ok());
        assert!(path("oauth2/token").is_err() && path("/a b").is_err());
    }
}
