//! The same load by another generator: `oha -q RATE --latency-correction`. Where both find the same, neither is alone in its error.

use crate::figures::Operation;
use crate::phase::log_everybody_in;
use crate::progress::say;
use crate::report::Ratio;
use crate::runner::{Plan, Runner};
use crate::scenario::Scenario;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Connections of both.
const CONNECTIONS: usize = 32;

/// Introspects at a rate, in turns.
///
/// # Errors
/// Where a phase cannot be run or oha fails.
pub fn run(runner: &mut Runner, plan: &Plan, oha: &Path, rate: f64, rounds: usize) -> Result<Vec<Ratio>, String> {
    log_everybody_in(&runner.target, &mut runner.users)?;
    let mut plan = plan.clone();
    plan.bounds.connections = CONNECTIONS;
    let mut found = Found::default();
    for _ in 0..rounds {
        let ours = runner.run(plan.phase("introspect", Scenario::Introspect, plan.open(rate)))?;
        let ours_done = ours.tally.of(Operation::Introspect).done;
        let theirs = by_oha(runner, oha, rate, plan.warm_up + plan.span)?;
        for (part, name, into) in [(0.5, "p50", &mut found.p50), (0.99, "p99", &mut found.p99)] {
            let ours = ours_done.quantile(part).as_secs_f64() * 1000.0;
            let theirs = theirs["latencyPercentiles"][name].as_f64().ok_or("oha told no percentiles")? * 1000.0;
            say(&format!("{name}: {ours:.3} ms here, {theirs:.3} ms by oha"));
            into.0.push(ours);
            into.1.push(theirs);
        }
        found.rate.0.push(ours.rate());
        found.rate.1.push(theirs["summary"]["requestsPerSec"].as_f64().unwrap_or(f64::NAN));
    }
    let told = |(ours, theirs): (Vec<f64>, Vec<f64>), what: &str| {
        [
            Ratio::told("ours", &format!("{what}, by this generator"), ours),
            Ratio::told("oha", &format!("{what}, by oha"), theirs),
        ]
    };
    let all = [(found.rate, "requests/s"), (found.p50, "p50 in ms"), (found.p99, "p99 in ms")];
    Ok(all.into_iter().flat_map(|(pair, what)| told(pair, what)).collect())
}

/// What each found, round by round: ours, then oha's.
#[derive(Default)]
struct Found {
    rate: (Vec<f64>, Vec<f64>),
    p50: (Vec<f64>, Vec<f64>),
    p99: (Vec<f64>, Vec<f64>),
}

fn by_oha(runner: &Runner, oha: &Path, rate: f64, span: Duration) -> Result<Value, String> {
    let (basic, host) = runner.target.headers();
    let token = runner.users.iter().find_map(|user| user.access.as_deref()).ok_or("nobody is logged in")?;
    let url = format!("http://{host}{}", runner.target.paths.introspect);
    let mut command = Command::new(oha);
    command.args(["-q", &rate.to_string(), "--latency-correction", "-z", &format!("{}s", span.as_secs().max(1))]);
    command.args(["-c", &CONNECTIONS.to_string(), "--no-tui", "--output-format", "json", "-m", "POST"]);
    command.args(["-H", &format!("Authorization: {basic}"), "-T", "application/x-www-form-urlencoded"]);
    command.args(["-d", &format!("token={token}"), &url]);
    let output = command.output().map_err(|error| {
        format!("{}: {error}: `cargo install oha` brings it, and --oha says where it is", oha.display())
    })?;
    let said: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("oha: {error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let others =
        said["statusCodeDistribution"].as_object().map(|statuses| statuses.keys().any(|status| status != "200"));
    if others == Some(false) { Ok(said) } else { Err(format!("oha was refused: {}", said["statusCodeDistribution"])) }
}
