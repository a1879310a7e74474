//! How many connections there is room for among the files that this process may have open. Whoever opens connections without end
//! must not take from the journal the files that it has to open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Files kept for everything else: the journal, the store, look-ups, signals, connections to `metrics.listen`.
const OTHERS: usize = 192;
/// Files of a thread that serves connections, and of the actors' thread beside it.
const OF_A_WORKER: usize = 10;

/// Takes as many open files as the system allows this process, and says how many of the wanted connections fit.
pub(super) fn connections(wanted: usize, workers: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is refused here is counted below.
    let _ = setrlimit(Resource::Nofile, limit);
    let allowed =
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| files.try_into().unwrap_or(usize::MAX));
    let room = room(allowed, workers);
    if wanted > room {
        tracing::warn!(
            "`http.max_connections` is {wanted}, but this process may have {allowed} files open: {room} connections are let in, \
             further ones wait; raise the limit (`LimitNOFILE=` of systemd, `ulimit -Hn`), or set `http.max_connections` lower"
        );
    }
    wanted.min(room)
}

fn room(allowed: usize, workers: usize) -> usize {
    let others = OTHERS.saturating_add(workers.saturating_mul(OF_A_WORKER));
    // With fewer files than that nothing can be promised, and somebody is let in all the same.
    allowed.saturating_sub(others).max(allowed / 8).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_journal() {
        assert_eq!(room(65_536, 4), 65_536 - 192 - 40);
        assert_eq!(room(usize::MAX, 512), usize::MAX - 192 - 5120);
        assert_eq!(room(200, 4), 25);
        assert_eq!(room(1, 4), 1);
    }

    #[test]
    fn no_more_are_let_in_than_were_wanted() {
        assert_eq!(connections(1, 1), 1);
    }
}
