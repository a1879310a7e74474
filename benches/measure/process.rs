//! What the kernel tells of a process.

/// Memory that it has in RAM, in bytes.
pub fn resident(pid: u32) -> u64 {
    1024 * field(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// Bytes that it has had written to a disk, whoever of its threads did.
pub fn written(pid: u32) -> u64 {
    field(&format!("/proc/{pid}/io"), "write_bytes:")
}

/// Bytes written to the disk under a path by anybody, file system's own included; `None` where that disk tells nothing.
pub fn written_below(path: &std::path::Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    const SECTOR: u64 = 512;
    let device = std::fs::metadata(path).ok()?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let stat = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?;
    stat.split_whitespace().nth(6)?.parse::<u64>().ok().map(|sectors| sectors * SECTOR)
}

fn field(path: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
