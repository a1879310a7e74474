//! Two things measured in turns, and the ratio of their rates.

use criterion::{Criterion, SamplingMode};
use rustix::time::{ClockId, clock_gettime};
use std::process::Command;
use std::time::Duration;

/// Samples of each benchmark, each with turns of both.
const SAMPLES: usize = 30;

/// Does something so many times, and tells how long that took; getting ready for it is not counted.
pub type Work = Box<dyn FnMut(u64) -> Duration>;

/// Processor time of this thread: what one thread computes is measured by it, and who else is on the machine takes no part in it.
pub fn of_this_thread() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// Of the whole process.
pub fn of_this_process() -> Duration {
    time(ClockId::ProcessCPUTime)
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// The same thing again and again, by the processor time that it takes.
pub fn repeat(mut once: impl FnMut() + 'static) -> Work {
    Box::new(move |times| {
        let began = of_this_thread();
        (0..times).for_each(|_| once());
        of_this_thread() - began
    })
}

/// Two things that are compared.
pub struct Pair {
    /// Its name: that of its ratio, a slash, and what of it.
    pub id: String,
    /// The least that the ratio of the rates should be, where there is a goal.
    pub goal: Option<f64>,
    /// What the baseline is.
    pub baseline: String,
    /// With what it was measured.
    pub parameters: String,
    /// How often the one is done before it is the other's turn.
    pub turn: u64,
    /// About how long ours is measured.
    pub span: Duration,
}

/// How long both took in one sample.
#[derive(Clone, Copy, Default)]
struct Sample {
    times: u64,
    baseline: Duration,
    ours: Duration,
}

impl Sample {
    fn ratio(&self) -> f64 {
        self.baseline.as_secs_f64() / self.ours.as_secs_f64()
    }

    fn each(&self, whole: Duration) -> f64 {
        whole.as_secs_f64() / self.times as f64
    }
}

/// All benchmarks of a run.
pub struct Bench {
    criterion: Criterion,
    lines: Vec<String>,
}

impl Bench {
    /// Reads the command line, and tells what stands beside every figure.
    pub fn begin() -> Self {
        println!("{}", facts());
        Self { criterion: Criterion::default().configure_from_args().without_plots(), lines: Vec::new() }
    }

    /// Tells all ratios once more, without what stands between them.
    pub fn end(self) {
        self.criterion.final_summary();
        println!("\n{}", facts());
        self.lines.iter().for_each(|line| println!("{line}"));
    }

    /// A line that tells more than a ratio.
    pub fn tell(&mut self, line: String) {
        println!("{line}");
        self.lines.push(line);
    }

    /// Measures both, if the command line asks for it: `prepare` gives baseline and ours, and is not called otherwise. Says whether there is
    /// a ratio, which there is not where things are only tried.
    pub fn compare(&mut self, pair: &Pair, prepare: impl FnOnce() -> (Work, Work)) -> bool {
        let (mut prepare, mut works) = (Some(prepare), None);
        let mut samples: Vec<Sample> = Vec::new();
        let (group, name) = pair.id.split_once('/').expect("a name has two parts");
        let mut group = self.criterion.benchmark_group(group);
        group.sample_size(SAMPLES).sampling_mode(SamplingMode::Flat).measurement_time(pair.span);
        group.warm_up_time(pair.span.min(Duration::from_secs(2)));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let works = works.get_or_insert_with(|| prepare.take().expect("this is done once")());
                let sample = turns(times, pair.turn, works);
                samples.push(sample);
                sample.ours
            });
        });
        group.finish();
        // What criterion warmed up with comes first.
        let samples = &samples[samples.len().saturating_sub(SAMPLES)..];
        let is_measured = samples.len() == SAMPLES;
        if is_measured {
            self.tell(line(pair, samples));
        }
        is_measured
    }
}

fn turns(times: u64, turn: u64, (baseline, ours): &mut (Work, Work)) -> Sample {
    let mut sample = Sample { times, ..Sample::default() };
    let mut left = times;
    let mut ours_first = false;
    while left > 0 {
        let now = left.min(turn);
        if ours_first {
            sample.ours += ours(now);
            sample.baseline += baseline(now);
        } else {
            sample.baseline += baseline(now);
            sample.ours += ours(now);
        }
        ours_first = !ours_first;
        left -= now;
    }
    sample
}

fn line(pair: &Pair, samples: &[Sample]) -> String {
    let part = |of: &dyn Fn(&Sample) -> f64, quantile: f64| {
        let mut all: Vec<f64> = samples.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[((all.len() - 1) as f64 * quantile).round() as usize]
    };
    let ratio = |quantile| part(&Sample::ratio, quantile);
    let ours = part(&|sample| sample.each(sample.ours), 0.5);
    let raw = part(&|sample| sample.each(sample.baseline), 0.5);
    let goal = match pair.goal {
        Some(goal) if ratio(0.5) < goal => format!("BELOW the goal of {goal:.2}"),
        Some(goal) => format!("goal {goal:.2} reached"),
        None => "told".to_owned(),
    };
    format!(
        "{:<22} {:.3} ({:.3} to {:.3}), {goal}: ours {}, {} {}; {}",
        pair.id,
        ratio(0.5),
        ratio(0.25),
        ratio(0.75),
        micros(ours),
        pair.baseline,
        micros(raw),
        pair.parameters,
    )
}

/// A time in microseconds, with three digits or more.
pub fn micros(seconds: f64) -> String {
    let micros = seconds * 1e6;
    let digits = if micros < 10.0 { 2 } else { usize::from(micros < 1000.0) };
    format!("{micros:.digits$} µs")
}

/// Where, when and with what.
fn facts() -> String {
    let said = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).output().ok().filter(|output| output.status.success());
        output.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (cpuinfo, load) = (read("/proc/cpuinfo"), read("/proc/loadavg"));
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!(
        "{}, commit {}, {} × {}, Linux {}, load average {}",
        said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
        said("git", &["describe", "--always", "--dirty"]),
        std::thread::available_parallelism().map_or(1, usize::from),
        model.map_or("unknown", |(_, name)| name),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or_default(),
    )
}
