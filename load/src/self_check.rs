//! What the generator itself can do, against a server that only answers. A figure is worth something where it could have been twice as great.

use crate::arguments::Common;
use crate::cpus;
use crate::machine::Facts;
use crate::people::User;
use crate::phase::Load;
use crate::report::length;
use crate::runner::Runner;
use crate::scenario::Scenario;
use crate::server::Server;
use std::process::ExitCode;

/// Connections without pause.
const CONNECTIONS: usize = 64;
/// Of the requests that were due, so many must have been answered in time.
const ENOUGH: f64 = 0.99;

/// Runs it and says whether twice the claimed rate was reached, by its exit code too.
///
/// # Errors
/// Where it cannot be run.
pub fn run(common: &Common, claimed: f64) -> Result<ExitCode, String> {
    println!("{}", Facts::gather().line());
    let (servers, ours) = if common.split { cpus::halves()? } else { (Vec::new(), Vec::new()) };
    let server = Server::null(&servers)?;
    let mut target = common.target(&server.url)?;
    target.noop_status = 200;
    let plan = common.plan(ours);
    let users = (0..common.accounts).map(|number| User::new(number, &common.login_ids)).collect();
    let mut runner = Runner::new(target, Some(server.pid()), users);
    for scenario in [Scenario::Noop, Scenario::Refresh, Scenario::Introspect] {
        let name = scenario.operation().name();
        let most = runner.run(plan.phase(name, scenario, Load::Closed(CONNECTIONS)))?;
        let cpu = |cpu: Option<crate::machine::Cpu>| cpu.map_or(0.0, |cpu| cpu.all / most.all_done() as f64 * 1e6);
        let (ours, its) = (cpu(most.generator), cpu(most.server));
        println!(
            "{name:<12} at most {:>8.0}/s by {CONNECTIONS} connections; {ours:.1} µs of processor each, the null server {its:.1} µs",
            most.rate()
        );
    }
    let wanted = 2.0 * claimed;
    let open = runner.run(plan.phase("on schedule", Scenario::Noop, plan.open(wanted)))?;
    let done = open.tally.of(Scenario::Noop.operation()).done;
    println!(
        "on schedule  {wanted:.0}/s due, {:.0}/s answered, {} never sent; sent late by p50 {} p99 {}; answered p50 {} p99 {} max {}",
        open.rate(),
        open.tally.unsent + open.tally.no_user,
        length(open.tally.lag.quantile(0.5)),
        length(open.tally.lag.quantile(0.99)),
        length(done.quantile(0.5)),
        length(done.quantile(0.99)),
        length(done.max()),
    );
    let reached = open.tally.unsent + open.tally.no_user == 0 && open.rate() >= ENOUGH * wanted;
    let verdict =
        if reached { "is reached" } else { "is NOT reached: figures near the claimed rate are the generator's own" };
    println!("twice the claimed {claimed:.0}/s {verdict}");
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
