//! What stands beside every figure: where, when and with what it was measured.

use serde::Serialize;
use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;

/// The machine and the moment.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// UTC.
    pub date: String,
    /// Of the repository that the generator is run in.
    pub commit: String,
    /// Its processor.
    pub machine: String,
    /// Processors.
    pub cores: usize,
    /// The kernel's release.
    pub kernel: String,
    /// Of the last minute, before anything was started here: above 0.5 others are at work, and the figures are worth little.
    pub load_average: String,
}

impl Facts {
    /// Looks.
    pub fn gather() -> Self {
        let cpuinfo = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let average = read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            date: said_by("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            commit: said_by("git", &["describe", "--always", "--dirty"]),
            machine: model.map_or("unknown", |(_, name)| name).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            load_average: average.split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    /// One line.
    pub fn line(&self) -> String {
        let Self { date, commit, machine, cores, kernel, load_average } = self;
        format!("{date}, commit {commit}, {cores} × {machine}, Linux {kernel}, load average before {load_average}")
    }
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let said = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    said.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The file system under a path, as the kernel calls it: on a `tmpfs` a sync costs nothing, and durable rates mean nothing.
pub fn file_system(path: &Path) -> String {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mounts = read_to_string("/proc/mounts").unwrap_or_default();
    let under = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        real.starts_with(place).then_some((place.len(), kind))
    });
    under.max_by_key(|(length, _)| *length).map_or("unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// Processor time that a process has used, in seconds.
#[derive(Clone, Copy, Default, Debug, PartialEq, Serialize)]
pub struct Cpu {
    /// All of it.
    pub all: f64,
    /// By its threads that hash passwords.
    pub hashing: f64,
}

impl Cpu {
    /// What a process has used so far; `None` where there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        let all = seconds(&read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
        let hashing = threads.filter_map(|thread| {
            let stat = read_to_string(thread.path().join("stat")).ok()?;
            stat.contains("(hash-").then(|| seconds(&stat))?
        });
        Some(Self { all, hashing: hashing.sum() })
    }

    /// What was used since.
    pub fn since(self, before: Self) -> Self {
        Self { all: self.all - before.all, hashing: self.hashing - before.hashing }
    }

    /// What is not hashing, over what is.
    pub fn beside_hashing(self) -> f64 {
        (self.all - self.hashing) / self.hashing
    }
}

/// User and system time of a line of /proc/PID/stat. The name in it may hold anything but stands in brackets.
fn seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_process_is_read_past_a_name_with_brackets() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1";
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(seconds(stat), Some(200.0 / ticks));
        assert_eq!(seconds("42 (a"), None);
    }

    #[test]
    fn this_process_has_used_some_time_and_hashed_nothing() {
        let cpu = Cpu::of(std::process::id()).unwrap();
        assert!(cpu.all >= 0.0);
        assert_eq!(cpu.hashing, 0.0);
        assert_eq!(Cpu::of(u32::MAX), None);
    }

    #[test]
    fn there_is_a_file_system_under_everything() {
        assert_ne!(file_system(Path::new("/proc")), "unknown");
        assert_eq!(file_system(Path::new("/proc")), "proc");
    }
}
