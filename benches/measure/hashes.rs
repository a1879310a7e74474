//! Raw hashes a second: what logins over HTTP are measured against, see load/README.md.

use countersign::crypto::{FastArgon2, Kernel, Params};
use countersign::entropy::SystemEntropy;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Hashes on so many threads at once, by the kernel that a server would choose, and prints how many there were in a second.
pub fn measure(params: Params, threads: u64, seconds: u64) {
    let fast = Arc::new(FastArgon2::tried(params, &SystemEntropy));
    // The first hash of a kernel gets its memory from the system.
    let mut kernels: Vec<_> = (0..threads).map(|_| Kernel::with(params, fast.clone())).collect();
    kernels.iter_mut().for_each(|kernel| hash(kernel, params));
    let (began, span) = (Instant::now(), Duration::from_secs(seconds));
    let hands: Vec<_> =
        kernels.into_iter().map(|kernel| thread::spawn(move || hash_for(kernel, params, (began, span)))).collect();
    let hashes: u64 = hands.into_iter().map(|hand| hand.join().unwrap()).sum();
    let rate = hashes as f64 / began.elapsed().as_secs_f64();
    let Params { m_kib, t, p } = params;
    println!("{rate:.2} hashes/s, Argon2id {m_kib}/{t}/{p}, {threads} threads, kernel {}", fast.name());
}

fn hash(kernel: &mut Kernel, params: Params) {
    kernel.hash(b"a password of no consequence", &[7; 16], params).unwrap();
}

fn hash_for(mut kernel: Kernel, params: Params, (began, span): (Instant, Duration)) -> u64 {
    let mut hashes = 0;
    while began.elapsed() < span {
        hash(&mut kernel, params);
        hashes += 1;
    }
    hashes
}
