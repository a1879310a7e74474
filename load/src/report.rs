//! What is told at the end: a table for people, JSON for programs.

use crate::figures::{Figures, Latencies, Operation, Tally};
use crate::machine::Facts;
use crate::phase::{Load, Phase};
use crate::runner::Measured;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// A ratio, its goal, and what each round gave. The value is the rounds' median.
#[derive(Clone, Debug)]
pub struct Ratio {
    id: String,
    what: String,
    goal: Goal,
    rounds: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
    None,
}

impl Ratio {
    /// One that should not be less.
    pub fn at_least(id: &str, what: &str, goal: f64, rounds: Vec<f64>) -> Self {
        Self { id: id.to_owned(), what: what.to_owned(), goal: Goal::AtLeast(goal), rounds }
    }

    /// One that should not be more.
    pub fn at_most(id: &str, what: &str, goal: f64, rounds: Vec<f64>) -> Self {
        Self { id: id.to_owned(), what: what.to_owned(), goal: Goal::AtMost(goal), rounds }
    }

    /// One without a goal.
    pub fn told(id: &str, what: &str, rounds: Vec<f64>) -> Self {
        Self { id: id.to_owned(), what: what.to_owned(), goal: Goal::None, rounds }
    }

    /// The median of its rounds.
    pub fn value(&self) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        }
    }

    /// Whether the goal is reached; `None` where there is none. What could not be measured reaches no goal.
    pub fn is_reached(&self) -> Option<bool> {
        match self.goal {
            Goal::AtLeast(goal) => Some(self.value() >= goal),
            Goal::AtMost(goal) => Some(self.value() <= goal),
            Goal::None => None,
        }
    }

    fn line(&self) -> String {
        let goal = match self.goal {
            Goal::AtLeast(goal) => format!("goal ≥ {}", number(goal)),
            Goal::AtMost(goal) => format!("goal ≤ {}", number(goal)),
            Goal::None => String::new(),
        };
        let verdict = self.is_reached().map_or("", |reached| if reached { "reached" } else { "MISSED" });
        let rounds: Vec<_> = self.rounds.iter().map(|value| number(*value)).collect();
        format!(
            "{:<12} {:>8}  {goal:<14} {verdict:<8} {} [{}]",
            self.id,
            number(self.value()),
            self.what,
            rounds.join(" ")
        )
    }

    fn json(&self) -> Value {
        let goal = match self.goal {
            Goal::AtLeast(goal) => json!({"at_least": goal}),
            Goal::AtMost(goal) => json!({"at_most": goal}),
            Goal::None => Value::Null,
        };
        json!({"id": self.id, "what": self.what, "goal": goal, "value": self.value(), "reached": self.is_reached(), "rounds": self.rounds})
    }
}

fn number(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// Everything that is told of a run.
pub struct Report {
    /// What was run.
    pub title: String,
    /// Where and when.
    pub facts: Facts,
    /// With what.
    pub parameters: BTreeMap<&'static str, String>,
    /// Phases, those of one name taken together.
    pub phases: Vec<Measured>,
    /// Ratios.
    pub ratios: Vec<Ratio>,
    /// What makes figures worthless.
    pub doubts: Vec<String>,
}

impl Report {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.title, self.facts.line());
        let parameters: Vec<_> = self.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let _ = writeln!(text, "{}\n", parameters.join(", "));
        text.push_str(&self.table());
        if !self.ratios.is_empty() {
            text.push_str("\nratio           value  goal\n");
            for ratio in &self.ratios {
                let _ = writeln!(text, "{}", ratio.line());
            }
        }
        for doubt in &self.doubts {
            let _ = writeln!(text, "DOUBT  {doubt}");
        }
        text
    }

    fn table(&self) -> String {
        let mut text = format!(
            "{:<20}{:<20}{:>9}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
            "phase", "what", "number", "/s", "p50", "p90", "p99", "p99.9", "max"
        );
        for measured in &self.phases {
            let name = &measured.phase.name;
            for (operation, figures) in &measured.tally.figures {
                let rate = measured.tally.rate(*operation);
                text.push_str(&row(name, operation.name(), &figures.done, Some(rate)));
                if figures.refused.count() > 0 {
                    let statuses: Vec<_> = figures.statuses.keys().map(u16::to_string).collect();
                    let what = format!("  refused {}", statuses.join(" "));
                    text.push_str(&row(name, &what, &figures.refused, None));
                }
                if figures.failed.count() > 0 {
                    text.push_str(&row(name, "  failed", &figures.failed, None));
                }
            }
            if measured.tally.lag.count() > 0 {
                text.push_str(&row(name, "  sent late by", &measured.tally.lag, None));
            }
            let _ = writeln!(text, "{name:<20}  {}", usage(measured));
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "title": self.title,
            "machine": self.facts,
            "parameters": self.parameters,
            "phases": self.phases.iter().map(phase_json).collect::<Vec<_>>(),
            "ratios": self.ratios.iter().map(Ratio::json).collect::<Vec<_>>(),
            "doubts": self.doubts,
        })
    }
}

fn row(phase: &str, what: &str, latencies: &Latencies, rate: Option<f64>) -> String {
    let rate = rate.map_or(String::new(), |rate| format!("{rate:.1}"));
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|part| length(latencies.quantile(part)));
    let (count, max) = (latencies.count(), length(latencies.max()));
    format!("{phase:<20}{what:<20}{count:>9}{rate:>10}{p50:>9}{p90:>9}{p99:>9}{p999:>9}{max:>9}\n")
}

/// Processor time, and what was not sent.
fn usage(measured: &Measured) -> String {
    let Measured { phase, tally, server, generator, .. } = measured;
    let load = match phase.load {
        Load::Open { rate, .. } => format!("{rate:.1}/s due"),
        Load::Closed(connections) => format!("{connections} connections without pause"),
    };
    let mut text = format!("{load} for {} s, {} due", tally.window.seconds(), tally.due);
    if let (Some(cpu), Some(each)) = (server, measured.server_cpu_each()) {
        let micros = each * 1e6;
        let _ = write!(
            text,
            "; server {:.2} s of processor ({:.2} s hashing), {micros:.0} µs a request",
            cpu.all, cpu.hashing
        );
    }
    if let Some(cpu) = generator {
        let _ = write!(text, "; generator {:.2} s", cpu.all);
    }
    let chains = tally.chains;
    if chains.caught + chains.stolen > 0 {
        let _ = write!(text, "; thieves caught {}, let in {}", chains.caught, chains.stolen);
    }
    text
}

fn phase_json(measured: &Measured) -> Value {
    let Measured { phase, at, tally, alone, server, generator } = measured;
    let Phase { name, scenario, load, warm_up, bounds, threads, seed, .. } = phase;
    let load = match load {
        Load::Open { rate, arrivals } => json!({"rate": rate, "arrivals": format!("{arrivals:?}").to_lowercase()}),
        Load::Closed(connections) => json!({"connections": connections}),
    };
    let operations = tally.figures.iter().map(|(operation, figures)| operation_json(tally, *operation, figures));
    json!({
        "name": name, "scenario": scenario.name(), "load": load, "began_s": at.as_secs_f64(), "warm_up_s": warm_up.as_secs_f64(),
        "measured_s": tally.window.seconds(), "threads": threads, "seed": seed,
        "bounds": {"connections": bounds.connections, "in_flight": bounds.in_flight},
        "due": tally.due, "waited": tally.waited, "unsent": tally.unsent, "no_user": tally.no_user, "sent_late_us": latencies_json(&tally.lag),
        "chains": {"lost": tally.chains.lost, "forked": tally.chains.forked, "stolen": tally.chains.stolen, "caught": tally.chains.caught},
        "alone": alone, "server_cpu_s": server, "generator_cpu_s": generator.map(|cpu| cpu.all),
        "operations": operations.collect::<Vec<_>>(),
    })
}

fn operation_json(tally: &Tally, operation: Operation, figures: &Figures) -> Value {
    json!({
        "operation": operation.name(), "per_second": tally.rate(operation), "done_us": latencies_json(&figures.done),
        "refused_us": latencies_json(&figures.refused), "refused_by_status": figures.statuses,
        "without_retry_after": figures.without_retry_after,
        "failed_us": latencies_json(&figures.failed), "failed_by_kind": figures.faults,
    })
}

fn latencies_json(latencies: &Latencies) -> Value {
    let micros = |latency: Duration| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|part| micros(latencies.quantile(part)));
    json!({"count": latencies.count(), "p50": p50, "p90": p90, "p99": p99, "p99.9": p999, "max": micros(latencies.max())})
}

/// A length of time with three digits.
pub fn length(duration: Duration) -> String {
    let micros = duration.as_micros() as f64;
    let (value, unit) = match micros {
        ..1_000.0 => (micros, "µs"),
        ..1_000_000.0 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    let digits = if value >= 100.0 || unit == "µs" {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_digits_and_a_unit() {
        let told = [7, 999, 1_000, 12_340, 123_400, 1_500_000, 30_000_000].map(|us| length(Duration::from_micros(us)));
        assert_eq!(told, ["7µs", "999µs", "1.00ms", "12.3ms", "123ms", "1.50s", "30.0s"]);
    }

    #[test]
    fn the_value_of_a_ratio_is_the_median_of_its_rounds() {
        let ratio = |rounds: &[f64]| Ratio::at_least("R7", "x", 0.4, rounds.to_vec());
        assert_eq!(ratio(&[0.9, 0.3, 0.5]).value(), 0.5);
        assert_eq!(ratio(&[0.2, 0.6, 0.4, 0.5]).value(), 0.45);
        assert_eq!(ratio(&[0.3]).is_reached(), Some(false));
        assert_eq!(ratio(&[0.4]).is_reached(), Some(true));
        assert_eq!(Ratio::at_most("R4", "x", 5.0, vec![5.1]).is_reached(), Some(false));
        assert_eq!(Ratio::told("raw", "x", vec![5.1]).is_reached(), None);
    }

    #[test]
    fn what_was_never_measured_reaches_no_goal() {
        assert_eq!(Ratio::at_least("R7", "x", 0.4, vec![]).is_reached(), Some(false));
        assert_eq!(Ratio::at_most("R4", "x", 5.0, vec![f64::NAN]).is_reached(), Some(false));
    }
}
