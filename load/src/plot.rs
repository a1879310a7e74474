//! A picture of a run: latency above, throughput below, over time. What was due in a second counts for its latency, what was answered in it
//! for its throughput.

use crate::figures::Second;
use crate::report::{Report, length};
use crate::runner::Measured;
use std::fmt::Write;
use std::time::Duration;

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 760.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
/// Where the two panels are, from the top.
const LATENCY: Panel = Panel { top: 120.0, bottom: 410.0 };
const THROUGHPUT: Panel = Panel { top: 450.0, bottom: 715.0 };

/// Colours that are told apart by those who see few.
const P50: &str = "#0072b2";
const P99: &str = "#d55e00";
const DONE: &str = "#009e73";
const REFUSED: &str = "#e69f00";
const FAILED: &str = "#000000";

#[derive(Clone, Copy)]
struct Panel {
    top: f64,
    bottom: f64,
}

impl Panel {
    /// The height at which a part of the scale is.
    fn y(self, part: f64) -> f64 {
        self.bottom - part.clamp(0.0, 1.0) * (self.bottom - self.top)
    }
}

/// How seconds and values become places.
struct Scales {
    seconds: f64,
    /// Microseconds, as powers of ten.
    lowest: f64,
    highest: f64,
    most: f64,
}

impl Scales {
    fn of(phases: &[Measured]) -> Self {
        let all = || phases.iter().flat_map(|measured| &measured.tally.seconds);
        let ends = phases.iter().map(|measured| measured.at.as_secs_f64() + measured.tally.seconds.len() as f64);
        let micros = |latency: Duration| (latency.as_micros() as f64).max(1.0).log10();
        let measured = || all().filter(|second| !second.latencies.is_empty());
        let lowest = measured().map(|second| micros(second.quantile(0.5))).fold(f64::MAX, f64::min);
        let highest = measured().map(|second| micros(second.quantile(0.99))).fold(0.0, f64::max);
        let most = all().map(|second| second.done.max(second.refused).max(second.failed)).max().unwrap_or(0);
        let lowest = if lowest == f64::MAX { 2.0 } else { lowest.floor() };
        Self {
            seconds: ends.fold(1.0, f64::max),
            lowest,
            highest: highest.ceil().max(lowest + 1.0),
            most: round_up((most as f64).max(1.0)),
        }
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + seconds / self.seconds * (WIDTH - LEFT - RIGHT)
    }

    fn latency(&self, latency: Duration) -> f64 {
        let power = (latency.as_micros() as f64).max(1.0).log10();
        LATENCY.y((power - self.lowest) / (self.highest - self.lowest))
    }

    fn throughput(&self, number: u64) -> f64 {
        THROUGHPUT.y(number as f64 / self.most)
    }
}

/// The next of 1, 2 or 5 times a power of ten.
fn round_up(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= number).unwrap_or(number)
}

/// The picture, as SVG.
pub fn picture(report: &Report, phases: &[Measured]) -> String {
    let scales = Scales::of(phases);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    text(&mut svg, LEFT, 24.0, "start", 18, &report.title);
    text(&mut svg, LEFT, 44.0, "start", 11, &report.facts.line());
    let parameters: Vec<_> = report.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let half = parameters.len().div_ceil(2);
    for (line, part) in parameters.chunks(half.max(1)).enumerate() {
        text(&mut svg, LEFT, 60.0 + 15.0 * line as f64, "start", 11, &part.join(", "));
    }
    axes(&mut svg, &scales);
    for (number, measured) in phases.iter().enumerate() {
        curves(&mut svg, &scales, measured, number);
    }
    legend(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String, scales: &Scales) {
    let (right, mut power) = (WIDTH - RIGHT, scales.lowest);
    while power <= scales.highest {
        let latency = Duration::from_micros(10_f64.powf(power) as u64);
        let y = scales.latency(latency);
        line(svg, (LEFT, y), (right, y), "#dddddd");
        text(svg, LEFT - 6.0, y + 4.0, "end", 12, &length(latency));
        power += 1.0;
    }
    for part in 0..=4 {
        let part = f64::from(part) / 4.0;
        let y = THROUGHPUT.y(part);
        line(svg, (LEFT, y), (right, y), "#dddddd");
        text(svg, LEFT - 6.0, y + 4.0, "end", 12, &format!("{}/s", part * scales.most));
    }
    let step = round_up(scales.seconds / 12.0).max(1.0);
    let mut second = 0.0;
    while second <= scales.seconds {
        let x = scales.x(second);
        line(svg, (x, THROUGHPUT.bottom), (x, THROUGHPUT.bottom + 4.0), "#555555");
        text(svg, x, THROUGHPUT.bottom + 18.0, "middle", 12, &format!("{second} s"));
        second += step;
    }
}

type Count = fn(&Second) -> u64;

fn curves(svg: &mut String, scales: &Scales, measured: &Measured, number: usize) {
    let from = scales.x(measured.at.as_secs_f64());
    line(svg, (from, LATENCY.top - 14.0), (from, THROUGHPUT.bottom), "#bbbbbb");
    // Names of short phases would write over each other on one line.
    text(svg, from + 3.0, LATENCY.top - 16.0 + 12.0 * (number % 3) as f64, "start", 11, &measured.phase.name);
    let x = |index: usize| scales.x(measured.at.as_secs_f64() + index as f64 + 0.5);
    let seconds = || measured.tally.seconds.iter().enumerate();
    for (part, colour) in [(0.5, P50), (0.99, P99)] {
        let answered = seconds().filter(|(_, second)| !second.latencies.is_empty());
        let points = answered.map(|(index, second)| (x(index), scales.latency(second.quantile(part))));
        curve(svg, points, colour);
    }
    let ends = (measured.phase.warm_up + measured.phase.span).as_secs_f64().ceil() as usize;
    let done: Count = |second| second.done;
    for (count, colour) in [(done, DONE), (|second| second.refused, REFUSED), (|second| second.failed, FAILED)] {
        if seconds().any(|(_, second)| count(second) > 0) {
            // The last answers trickle in after the end of the schedule.
            let scheduled = seconds().take_while(|(index, _)| *index < ends);
            curve(svg, scheduled.map(|(index, second)| (x(index), scales.throughput(count(second)))), colour);
        }
    }
}

fn legend(svg: &mut String) {
    let latency = [("p50 of what was done", P50), ("p99 of what was done, from the intended start", P99)];
    let throughput = [("done", DONE), ("refused", REFUSED), ("failed", FAILED)];
    for (panel, entries) in [(LATENCY, &latency[..]), (THROUGHPUT, &throughput[..])] {
        let mut x = LEFT;
        for (name, colour) in entries {
            let y = panel.bottom + if panel.bottom == THROUGHPUT.bottom { 34.0 } else { 18.0 };
            let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>", y - 5.0);
            text(svg, x + 16.0, y, "start", 12, name);
            x += 40.0 + 7.0 * name.len() as f64;
        }
    }
}

fn curve(svg: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str) {
    let points: Vec<_> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let shape = match points.as_slice() {
        [] => return,
        // A line of one point would not be seen.
        [point] => {
            let (x, y) = point.split_once(',').unwrap_or_default();
            format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"2\" fill=\"{colour}\"/>")
        }
        many => {
            format!("<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>", many.join(" "))
        }
    };
    let _ = writeln!(svg, "{shape}");
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, size: u32, said: &str) {
    let said = said.replace('&', "&amp;").replace('<', "&lt;");
    let _ =
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{said}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!(
            [1.0, 1.1, 3.0, 7.0, 99.0, 100.0, 4321.0].map(round_up),
            [1.0, 2.0, 5.0, 10.0, 100.0, 100.0, 5000.0]
        );
    }

    #[test]
    fn what_is_written_into_a_picture_cannot_end_it() {
        let mut svg = String::new();
        text(&mut svg, 0.0, 0.0, "start", 12, "a <b> & c");
        assert!(svg.contains("a &lt;b> &amp; c"), "{svg}");
    }
}
