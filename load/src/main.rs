//! An open-loop load generator for Countersign. How it is run and what its figures mean is told in load/README.md.

mod arguments;
mod cpus;
mod cross_check;
mod figures;
mod machine;
mod null;
mod pacer;
mod people;
mod phase;
mod plot;
mod progress;
mod ratios;
mod report;
mod runner;
mod scenario;
mod schedule;
mod self_check;
mod server;
#[cfg(test)]
mod smoke;
mod target;
mod wire;

use arguments::{Arguments, Command, Common};
use clap::Parser;
use machine::Facts;
use people::User;
use phase::Load;
use progress::say;
use ratios::{Hashes, Pool};
use report::{Ratio, Report};
use runner::{Plan, Runner};
use server::Server;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    std::thread::spawn(stop_when_told);
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("load: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Where this program is told to stop, whatever it started stops too.
fn stop_when_told() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return };
        std::future::poll_fn(|context| {
            let told = interrupt.poll_recv(context).is_ready() || terminate.poll_recv(context).is_ready();
            if told { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        server::end_all();
        std::process::exit(130);
    });
}

fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Run { scenario, rate, saturate, common } => measure(&common, scenario.name(), |floor| {
            let load = saturate.map_or_else(|| floor.plan.open(rate), Load::Closed);
            floor.runner.run(floor.plan.phase(scenario.name(), scenario, load)).map(|_| Vec::new())
        }),
        Command::Compare { scenario, saturate, rounds, common } => {
            let title = format!("{} over a POST that decides nothing", scenario.name());
            measure(&common, &title, |floor| {
                ratios::over_noop(&mut floor.runner, &floor.plan, scenario, saturate, floor.pool, rounds)
            })
        }
        Command::Logins { hashes, rounds, common } => measure(&common, "logins over raw hashes", |floor| {
            let hashes = Hashes { program: &hashes, hash: common.hash, threads: floor.pool.threads };
            ratios::logins(&mut floor.runner, &floor.plan, &hashes, rounds)
        }),
        Command::Beside { rounds, common } => measure(&common, "introspection beside logins", |floor| {
            ratios::beside(&mut floor.runner, &floor.plan, floor.pool, rounds)
        }),
        Command::Overload { times, rounds, common } => measure(&common, "more logins than it can take", |floor| {
            ratios::overload(&mut floor.runner, &floor.plan, times, floor.pool, rounds)
        }),
        Command::CrossCheck { oha, rate, rounds, common } => measure(&common, "this generator and oha", |floor| {
            cross_check::run(&mut floor.runner, &floor.plan, &oha, rate, rounds)
        }),
        Command::SelfCheck { claimed, common } => self_check::run(&common, claimed),
        Command::NullServer { listen, stall_after, stall_millis } => {
            let stall = stall_after.zip(stall_millis);
            let stall = stall.map(|(after, millis)| null::Stall { after, lasts: Duration::from_millis(millis) });
            serve_nothing(listen, stall)
        }
    }
}

fn serve_nothing(listen: std::net::SocketAddr, stall: Option<null::Stall>) -> Result<ExitCode, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        println!("listening on http://{}", listener.local_addr()?);
        null::serve(listener, stall).await
    });
    served.map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string())
}

/// What a measurement has to work with.
struct Floor {
    runner: Runner,
    plan: Plan,
    pool: Pool,
}

/// Has a server, measures, and tells.
fn measure(
    common: &Common,
    title: &str,
    work: impl FnOnce(&mut Floor) -> Result<Vec<Ratio>, String>,
) -> Result<ExitCode, String> {
    let facts = Facts::gather();
    let (servers, ours) = if common.split { cpus::halves()? } else { (Vec::new(), Vec::new()) };
    let settings = common.server.clone().map(|program| common.settings(program, servers.clone()));
    let server = settings.as_ref().map(Server::countersign).transpose()?;
    let url = server.as_ref().map(|server| server.url.clone()).or_else(|| common.url.clone());
    let url = url.ok_or("name a --server PROGRAM to start, or the --url of one that runs")?;
    let users = (0..common.accounts).map(|number| User::new(number, &common.login_ids)).collect();
    let pid = server.as_ref().map(Server::pid).or(common.pid);
    let processors = if servers.is_empty() { cpus::mine()?.len() } else { servers.len() };
    let mut floor = Floor {
        runner: Runner::new(common.target(&url)?, pid, users),
        plan: common.plan(ours),
        pool: common.pool(processors)?,
    };
    let worked = work(&mut floor);
    let kernel = server::hash_kernel(floor.runner.target.address);
    // What it was busy with is not our business any more, and the machine is free again for whoever reads this.
    drop(server);
    let phases = floor.runner.together();
    let doubts = ratios::doubts(&phases);
    let mut parameters = parameters(common, processors);
    parameters.insert("kernel", kernel.unwrap_or_else(|| "unknown".to_owned()));
    tell(common, &Report { title: title.to_owned(), facts, parameters, phases, ratios: worked?, doubts }, &floor.runner)
}

fn tell(common: &Common, report: &Report, runner: &Runner) -> Result<ExitCode, String> {
    print!("{}", report.text());
    let write = |path: &std::path::Path, text: String| {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    if let Some(path) = &common.json {
        write(path, format!("{:#}\n", report.json()))?;
    }
    if let Some(path) = &common.svg {
        write(path, plot::picture(report, &runner.measured))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What stands beside every figure.
fn parameters(common: &Common, processors: usize) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::from([
        ("accounts", common.accounts.to_string()),
        ("connections", format!("at most {}", common.connections)),
        ("in flight", format!("at most {}", common.in_flight)),
        ("seed", common.seed.to_string()),
        ("threads", common.threads.to_string()),
    ]);
    let server = match (&common.server, &common.url) {
        (Some(_), _) => {
            let under = machine::file_system(&common.work);
            all.insert("hash", format!("Argon2id {}", common.hash));
            all.insert("signing", common.signing.clone());
            all.insert("sync", format!("fdatasync before each answer, on {under}"));
            all.insert("set", if common.set.is_empty() { "nothing".to_owned() } else { common.set.join(" ") });
            format!(
                "on {processors} processors{}",
                if common.split { ", the generator on others" } else { ", with the generator" }
            )
        }
        (None, url) => url.clone().unwrap_or_default(),
    };
    all.insert("server", server);
    all
}
