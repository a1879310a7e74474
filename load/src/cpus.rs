//! Which processors the generator and the server stay on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors of this thread.
///
/// # Errors
/// Where the kernel does not tell.
pub fn mine() -> Result<Vec<usize>, String> {
    let set = sched_getaffinity(None).map_err(|error| format!("processors: {error}"))?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// Keeps this thread, and what it starts, on some processors; on all that it has where there are none.
///
/// # Errors
/// Where the kernel refuses.
pub fn stay_on(cpus: &[usize]) -> Result<(), String> {
    if cpus.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    cpus.iter().for_each(|cpu| set.set(*cpu));
    sched_setaffinity(None, &set).map_err(|error| format!("processors {cpus:?}: {error}"))
}

/// The first half for the server, the second for the generator.
///
/// # Errors
/// Where there is one only.
pub fn halves() -> Result<(Vec<usize>, Vec<usize>), String> {
    let all = mine()?;
    if all.len() < 2 {
        return Err("--split needs two processors or more".to_owned());
    }
    let (server, generator) = all.split_at(all.len() / 2);
    Ok((server.to_vec(), generator.to_vec()))
}
