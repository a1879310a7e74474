//! `countersign account import`: accounts of another system, a line each, in batches that a door takes.

use super::super::batches::{Batch, Batches};
use crate::cli::Failure;
use crate::cli::diagnostics::{announce, tell};
use crate::cli::reach::{Body, Does, Doors, Reach};
use crate::clock::{Clock, SystemClock};
use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Batches under way at the same time.
const AT_ONCE: usize = 4;
/// How often a batch is sent that the server has no time for.
const TRIES: u32 = 30;
/// How often it is told how far it has come.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Refused lines that are told where no report was asked for.
const TOLD: u64 = 20;

#[derive(Args)]
pub struct Import {
    #[command(flatten)]
    reach: Reach,
    /// The file, JSON lines; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Add the lines that are refused to this file: JSON lines with `line` and `error`
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Begin with this line
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_line: u64,
    /// Print the counts as JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Import) -> Result<(), Failure> {
    let Import { reach, file, report, from_line, json } = arguments;
    let (input, size) = open(&file)?;
    let report = report.as_deref().map(report_to).transpose()?;
    let mut import = Importing {
        batches: Batches::new(input, from_line),
        report,
        counts: Counts::default(),
        pending: BTreeSet::new(),
        size,
        begun: SystemClock.boot().0,
    };
    let failed = reach.run(Does::Change, async |doors: &Doors| Ok(import.all(doors).await.err()))?;
    let Importing { counts, pending, batches, .. } = import;
    let Counts { lines, created, existed, refused } = counts;
    announce(&if json {
        format!("{}\n", json!({"lines": lines, "created": created, "existed": existed, "refused": refused}))
    } else {
        format!("lines    {lines}\ncreated  {created}\nexisted  {existed}\nrefused  {refused}\n")
    })?;
    if let Some(failure) = failed {
        let next = pending.first().copied().unwrap_or_else(|| batches.next_line());
        return Err(Failure {
            text: format!("{}; every line before {next} was taken: go on with --from-line {next}", failure.text),
            ..failure
        });
    }
    match refused {
        0 => Ok(()),
        1 => Err(Failure::new("a line was refused: mend it and import it again; what exists is left alone")),
        many => Err(Failure::new(format!(
            "{many} lines were refused: mend them and import them again; what exists is left alone"
        ))),
    }
}

/// The input, and how many bytes it has, where that is known.
fn open(path: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let failed = |error: io::Error| Failure::new(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let size = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(BufReader::with_capacity(1 << 16, file)), size))
}

fn report_to(path: &Path) -> Result<(File, PathBuf), Failure> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let file = opened.map_err(|error| Failure::new(format!("--report {}: {error}", path.display())))?;
    Ok((file, path.to_owned()))
}

/// What became of the lines.
#[derive(Clone, Copy, Default)]
struct Counts {
    lines: u64,
    created: u64,
    existed: u64,
    refused: u64,
}

/// An import that is under way.
struct Importing {
    batches: Batches<Box<dyn BufRead>>,
    report: Option<(File, PathBuf)>,
    counts: Counts,
    /// The first lines of batches that are not known to be taken.
    pending: BTreeSet<u64>,
    size: Option<u64>,
    begun: i64,
}

/// What was answered to a batch.
struct Done {
    first: u64,
    lines: u64,
    created: u64,
    existed: u64,
    refused: Vec<(u64, String)>,
}

impl Importing {
    /// Sends all batches. After a failure no further one is begun, and those under way are waited for.
    async fn all(&mut self, doors: &Doors) -> Result<(), Failure> {
        let mut under_way = FuturesUnordered::new();
        let mut ticks = tokio::time::interval(TELL_EVERY);
        // The first comes at once.
        ticks.tick().await;
        let (mut outcome, mut over) = (Ok(()), false);
        loop {
            while !over && under_way.len() < AT_ONCE {
                match self.batches.next_batch() {
                    Ok(Some(batch)) => {
                        self.pending.insert(batch.first);
                        under_way.push(send(doors, batch));
                    }
                    Ok(None) => over = true,
                    Err(error) => {
                        (outcome, over) = (Err(Failure::new(format!("the input: {error}"))), true);
                    }
                }
            }
            tokio::select! {
                done = under_way.next() => match done {
                    None => return outcome,
                    Some(done) => if let Err(failure) = done.and_then(|done| self.take(done)) {
                        (outcome, over) = (Err(failure), true);
                    },
                },
                _ = ticks.tick() => self.tell(),
            }
        }
    }

    fn take(&mut self, done: Done) -> Result<(), Failure> {
        self.counts.lines += done.lines;
        self.counts.created += done.created;
        self.counts.existed += done.existed;
        for (line, error) in done.refused {
            self.counts.refused += 1;
            match &mut self.report {
                Some((file, path)) => writeln!(file, "{}", json!({"line": line, "error": error}))
                    .map_err(|error| Failure::new(format!("--report {}: {error}", path.display())))?,
                None if self.counts.refused <= TOLD => tell(&format!("line {line}: {error}")),
                None if self.counts.refused == TOLD + 1 => tell("more lines are refused: --report FILE keeps all"),
                None => {}
            }
        }
        self.pending.remove(&done.first);
        Ok(())
    }

    fn tell(&self) {
        let Counts { lines, created, existed, refused } = self.counts;
        let elapsed = u64::try_from(SystemClock.boot().0 - self.begun).unwrap_or(0).max(1);
        let rate = lines.saturating_mul(1000) / elapsed;
        let part = self.size.filter(|size| *size > 0).map(|size| self.batches.read() * 100 / size);
        let part = part.map_or(String::new(), |part| format!(", {part} % read"));
        tell(&format!("{lines} lines, {rate}/s: {created} created, {existed} existed, {refused} refused{part}"));
    }
}

/// Sends a batch, in parts where the server takes no bodies of its size.
async fn send(doors: &Doors, batch: Batch) -> Result<Done, Failure> {
    let mut done = Done { first: batch.first, lines: batch.lines(), created: 0, existed: 0, refused: Vec::new() };
    done.refused.extend(batch.refused.iter().cloned());
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        let body = Body { content_type: "application/x-ndjson", bytes: part.bytes.clone(), header: None };
        let told = doors.send_again("POST", "/admin/accounts/import", Some(body), TRIES).await?;
        if told.status == 413 {
            match part.halves() {
                Ok((first, second)) => parts.extend([second, first]),
                Err(part) => done.refused.push((part.first, "it is larger than the server's http.max_body".to_owned())),
            }
            continue;
        }
        let answer = told.granted()?.json;
        let count = |name: &str| answer[name].as_u64().unwrap_or(0);
        done.created += count("created");
        done.existed += count("existed");
        let refused = answer["refused"].as_array().into_iter().flatten();
        done.refused.extend(refused.map(|line| {
            let number = line["line"].as_u64().unwrap_or(1).saturating_sub(1);
            (part.first + number, line["error"].as_str().unwrap_or("refused").to_owned())
        }));
    }
    done.refused.sort_by_key(|(line, _)| *line);
    Ok(done)
}
