//! Waiting until an instant, to some ten microseconds. The runtime's own timers wake at whole milliseconds, which would be the
//! greater part of a latency below one.

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel.
pub struct Pacer(AsyncFd<OwnedFd>);

impl Pacer {
    /// One that was not set. Must be called inside a runtime.
    ///
    /// # Errors
    /// Where the kernel has none to give.
    #[expect(deprecated, reason = "what replaces it is unsafe, for descriptors that may change; an OwnedFd does not")]
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    /// Waits until `instant`; if that has passed, others only get their turn.
    ///
    /// # Errors
    /// Where the timer cannot be set or read.
    pub async fn until(&self, instant: Instant) -> io::Result<()> {
        let left = instant.saturating_duration_since(Instant::now());
        if left.is_zero() {
            tokio::task::yield_now().await;
            return Ok(());
        }
        let once = Itimerspec { it_interval: timespec(Duration::ZERO), it_value: timespec(left) };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
            if let Ok(expirations) = read {
                return expirations.map(|_| ());
            }
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), tv_nsec: duration.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_woken_before_the_instant() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let pacer = Pacer::new().unwrap();
            for micros in [0, 1, 50, 700, 3000] {
                let instant = Instant::now() + Duration::from_micros(micros);
                pacer.until(instant).await.unwrap();
                assert!(Instant::now() >= instant, "{micros}");
            }
        });
    }
}
