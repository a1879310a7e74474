//! Instants and spans. The rules never read a clock: a `Timestamp` is always an argument.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 with milliseconds, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds since the epoch, rounded down: the form of JWT times (RFC 7519 `NumericDate`).
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The instant of a JWT time.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// How long ago `earlier` was; negative when it lies ahead.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// From the beginning of the year 0 to the end of 9999, in milliseconds since 1970.
const FOUR_DIGIT_YEARS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl FromStr for Timestamp {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // An offset or a leap second may lead out of the years that have four digits, and no other could be written.
        let at = DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_millis()).ok();
        at.filter(|at| FOUR_DIGIT_YEARS.contains(at))
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not an RFC 3339 time such as 2026-01-31T12:00:00.000Z"))
    }
}

/// A length of time in milliseconds; negative where a clock stepped back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    /// A span of whole minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// A span of whole hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }

    /// A span of whole days.
    pub const fn days(days: i64) -> Self {
        Self::hours(days * 24)
    }

    /// Whole seconds, rounded down.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whether an age lies inside a window: from 0 up to, but not at, `window`. So a window of nothing contains nothing,
    /// and a negative age (a clock that stepped back) is outside every window.
    pub fn is_within(self, window: Self) -> bool {
        self.0 >= 0 && self < window
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |unit: i64| self.0 != 0 && self.0 % unit == 0;
        for (unit, letter) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m")] {
            if whole(unit) {
                return write!(f, "{}{letter}", self.0 / unit);
            }
        }
        if self.0 % 1000 == 0 { write!(f, "{}s", self.0 / 1000) } else { write!(f, "{}ms", self.0) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Span {
    type Err = String;
    /// An integer and one of `s`, `m`, `h`, `d`; at most 100 years.
    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("{text:?} is not a duration: write an integer and s, m, h or d, such as \"30s\" or \"14d\"");
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(error)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(error()),
        };
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        let seconds = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(error)?;
        if seconds > 100 * 365 * 86_400 {
            return Err(format!("{text:?} is more than 100 years"));
        }
        Ok(Self::seconds(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_that_could_not_be_written_is_not_read() {
        for text in ["9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        for text in ["9999-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_window_starts_at_once_and_ends_before_its_length() {
        let window = Span::seconds(30);
        assert!(Span(0).is_within(window));
        assert!(Span(29_999).is_within(window));
        assert!(!Span(30_000).is_within(window));
        assert!(!Span(-1).is_within(window));
        assert!(!Span(0).is_within(Span::ZERO));
    }

    #[test]
    fn durations_and_instants_read_back_as_they_are_written() {
        for text in ["0s", "30s", "5m", "36h", "14d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for bad in ["", "s", "5", "-5m", "5 m", "1.5h", "5w", "ä", "99999999999999999999d", "36501d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        let at: Timestamp = "2026-01-31T12:00:00.123Z".parse().unwrap();
        assert_eq!(at.to_string(), "2026-01-31T12:00:00.123Z");
    }
}
