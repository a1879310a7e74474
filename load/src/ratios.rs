//! The ratios: what is measured and its baseline in turns, in one run against one server. A ratio says what one absolute figure on a shared
//! machine cannot.

use crate::figures::{Latencies, Operation};
use crate::machine::Cpu;
use crate::phase::{Load, log_everybody_in};
use crate::report::{Ratio, length};
use crate::runner::{Measured, Plan, Runner};
use crate::scenario::Scenario;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Introspections a second where a cheap endpoint is watched.
const WATCHED: f64 = 500.0;
/// Connections for each hash thread by which logins are brought to saturation: enough that none is ever idle, and so few that nobody is
/// refused for want of a place.
const AT_PEAK: usize = 32;

/// R7, R7i: a scenario at saturation over the server's POST that decides nothing.
///
/// # Errors
/// Where a phase cannot be run.
pub fn over_noop(
    runner: &mut Runner,
    plan: &Plan,
    scenario: Scenario,
    connections: usize,
    pool: Pool,
    rounds: usize,
) -> Result<Vec<Ratio>, String> {
    let operation = scenario.operation().name();
    let (mut rates, mut costs, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let noop = runner.run(plan.phase("noop", Scenario::Noop, Load::Closed(connections)))?;
        let real = runner.run(plan.phase(operation, scenario, Load::Closed(connections)))?;
        rates.push(real.rate() / noop.rate());
        let had = (plan.warm_up + plan.span).as_secs_f64() * pool.processors as f64;
        busy.extend(noop.server.map(|cpu| cpu.all / had));
        costs.extend(real.server_cpu_each().zip(noop.server_cpu_each()).map(|(real, noop)| noop / real));
    }
    let (id, goal) = match scenario {
        Scenario::Refresh => ("R7", 0.40),
        Scenario::Introspect => ("R7i", 0.60),
        _ => ("over noop", 0.0),
    };
    let mut ratios =
        vec![Ratio::at_least(id, &format!("{operation}/s ÷ no-op POST/s at {connections} connections"), goal, rates)];
    if !costs.is_empty() {
        let what = format!(
            "the server's processor time of a no-op ÷ of a {operation}: the same ratio without the generator's share"
        );
        ratios.push(Ratio::told(&format!("{id} by cpu"), &what, costs));
        let what = "how much of its processors the server used for no-ops: with less, something else was their limit, and the ratio flatters";
        ratios.push(Ratio::at_least("busy", what, 0.9, busy));
    }
    Ok(ratios)
}

/// R1 and R14: logins at saturation over raw hashes, and what a login costs beside its hash.
///
/// # Errors
/// Where a phase cannot be run, or the program of the baseline fails.
pub fn logins(runner: &mut Runner, plan: &Plan, hashes: &Hashes<'_>, rounds: usize) -> Result<Vec<Ratio>, String> {
    let (mut rates, mut costs, mut raws) = (Vec::new(), Vec::new(), Vec::new());
    let connections = AT_PEAK * hashes.threads;
    for _ in 0..rounds {
        let raw = hashes.rate(plan.span)?;
        let logins = runner.run(plan.phase("login", Scenario::Login, Load::Closed(connections)))?;
        rates.push(logins.rate() / raw);
        costs.extend(logins.server.map(Cpu::beside_hashing));
        raws.push(raw);
    }
    let mut ratios = vec![
        Ratio::at_least("R1", &format!("logins/s at {connections} connections ÷ raw hashes/s"), 0.95, rates),
        Ratio::told("raw", "raw hashes/s, the baseline", raws),
    ];
    if !costs.is_empty() {
        ratios.push(Ratio::at_most(
            "R14",
            "processor time of the server beside its hash threads ÷ of its hash threads",
            0.05,
            costs,
        ));
    }
    Ok(ratios)
}

/// The program that measures raw hashes: `measure hashes` of benches/measure.
pub struct Hashes<'a> {
    /// The program.
    pub program: &'a Path,
    /// KiB, passes and lanes.
    pub hash: crate::server::Hash,
    /// As many as the server has.
    pub threads: usize,
}

impl Hashes<'_> {
    /// Hashes a second, computed with the same kernel, threads and parameters as the server's.
    fn rate(&self, span: Duration) -> Result<f64, String> {
        let Self { program, hash, threads } = self;
        let options = [
            ("--seconds", span.as_secs().max(1).to_string()),
            ("--threads", threads.to_string()),
            ("--memory", hash.memory.to_string()),
            ("--passes", hash.passes.to_string()),
            ("--lanes", hash.lanes.to_string()),
        ];
        let arguments = options.iter().flat_map(|(name, value)| [*name, value.as_str()]);
        let output = Command::new(program).arg("hashes").args(arguments).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        println!("raw: {}", said.trim_end());
        let rate = said.split(' ').next().and_then(|word| word.parse().ok()).filter(|_| output.status.success());
        rate.ok_or_else(|| format!("{} hashes: {}", program.display(), String::from_utf8_lossy(&output.stderr)))
    }
}

/// R4: a cheap endpoint while logins saturate the hash pool, against the same endpoint of the idle server.
///
/// # Errors
/// Where a phase cannot be run.
pub fn beside(runner: &mut Runner, plan: &Plan, pool: Pool, rounds: usize) -> Result<Vec<Ratio>, String> {
    log_everybody_in(&runner.target, &mut runner.users)?;
    for _ in 0..rounds {
        runner.run(plan.phase("idle", Scenario::Introspect, plan.open(WATCHED)))?;
        let watched = plan.phase("beside logins", Scenario::Introspect, plan.open(WATCHED));
        runner.run_beside(watched, plan.phase("logins", Scenario::Login, Load::Closed(AT_PEAK * pool.threads)))?;
    }
    let p99 = |name| runner.latencies(name, Operation::Introspect).quantile(0.99).as_secs_f64() * 1000.0;
    let (idle, busy) = (p99("idle"), p99("beside logins"));
    let what =
        format!("p99 in ms of introspection at {WATCHED}/s while logins saturate the hash pool; idle {idle:.2} ms");
    Ok(vec![Ratio::at_most("R4", &what, f64::max(5.0, 10.0 * idle), vec![busy])])
}

/// What the server computes with.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Of the server.
    pub processors: usize,
    /// `hash.threads`.
    pub threads: usize,
    /// `hash.deadline`.
    pub deadline: Duration,
}

/// R5: logins at some times the rate that the server can take.
///
/// # Errors
/// Where a phase cannot be run.
pub fn overload(runner: &mut Runner, plan: &Plan, times: f64, pool: Pool, rounds: usize) -> Result<Vec<Ratio>, String> {
    let (mut kept, mut costs, mut slowest) = (Vec::new(), Vec::new(), Duration::ZERO);
    for _ in 0..rounds {
        runner.run(plan.phase("idle", Scenario::Introspect, plan.open(WATCHED)))?;
        let at_peak = runner.run(plan.phase("peak", Scenario::Login, Load::Closed(AT_PEAK * pool.threads)))?;
        let peak = at_peak.rate();
        if peak == 0.0 {
            return Err("nobody could log in, so there is no peak to go beyond".to_owned());
        }
        let over = runner.run(plan.phase("overload", Scenario::Login, plan.open(peak * times)))?;
        kept.push(over.rate() / peak);
        costs.extend(at_peak.server_cpu_each().zip(over.server_cpu_each()).map(|(peak, over)| peak / over));
        slowest = slowest.max(Duration::from_secs_f64(2.0 * pool.threads as f64 / peak));
    }
    let over = runner.together().into_iter().find(|measured| measured.phase.name == "overload");
    let figures = over.map(|measured| measured.tally.of(Operation::Login)).unwrap_or_default();
    let idle = runner.latencies("idle", Operation::Introspect).quantile(0.99);
    let millis = |latency: Duration| latency.as_secs_f64() * 1000.0;
    let accepted = "p99 in ms of those that are let in; the queue's deadline and two hashes";
    let refused =
        format!("p99 in ms of refusals; ten times the p99 of an introspection of the idle server, {}", length(idle));
    let p99 = |latencies: &Latencies| vec![millis(latencies.quantile(0.99))];
    let mut ratios =
        vec![Ratio::at_least("R5", &format!("logins/s at {times} times the peak ÷ logins/s at the peak"), 0.95, kept)];
    if !costs.is_empty() {
        let what = "the server's processor time of a login at the peak ÷ of one beyond it, with the refusals beside it";
        ratios.push(Ratio::told("R5 by cpu", what, costs));
    }
    ratios.extend([
        Ratio::at_most("R5 accepted", accepted, millis(pool.deadline + slowest), p99(&figures.done)),
        Ratio::at_most("R5 refused", &refused, 10.0 * millis(idle), p99(&figures.refused)),
        Ratio::at_most("R5 unsaid", "refusals without Retry-After", 0.0, vec![figures.without_retry_after as f64]),
    ]);
    Ok(ratios)
}

/// Complains of what makes a figure worthless, in words; empty where nothing does.
pub fn doubts(measured: &[Measured]) -> Vec<String> {
    let mut doubts = Vec::new();
    for Measured { phase, tally, .. } in measured {
        let mut doubt = |text: String| doubts.push(format!("{}: {text}", phase.name));
        if tally.unsent > 0 {
            doubt(format!(
                "{} requests were due and not sent, because {} were under way",
                tally.unsent, phase.bounds.in_flight
            ));
        }
        if tally.waited > 0 {
            doubt(format!("{} requests waited for one of {} connections", tally.waited, phase.bounds.connections));
        }
        if tally.no_user > 0 {
            doubt(format!(
                "{} requests were due and not sent, because all users had one under way: more --accounts",
                tally.no_user
            ));
        }
        if tally.lag.quantile(0.99) > Duration::from_millis(1) {
            doubt(format!("the generator itself was late: p99 {}", length(tally.lag.quantile(0.99))));
        }
        for (operation, figures) in &tally.figures {
            if figures.failed.count() > 0 {
                doubt(format!("{} of {} failed: {:?}", figures.failed.count(), operation.name(), figures.faults));
            }
        }
        let chains = tally.chains;
        if chains.lost + chains.forked + chains.stolen > 0 {
            doubt(format!("chains: {} lost, {} forked, {} stolen", chains.lost, chains.forked, chains.stolen));
        }
    }
    doubts
}
