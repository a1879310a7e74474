//! R2: Argon2id as a hash thread computes it, over the quickest implementation by itself.

use crate::pairs::{Bench, Pair, repeat};
use argon2_rust::params::{Memory, TagLen};
use countersign::crypto::{FastArgon2, Kernel, Params};
use countersign::entropy::SystemEntropy;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

/// What a new installation hashes with.
const PARAMS: Params = Params { m_kib: 19_456, t: 2, p: 1 };
const PASSWORD: &[u8] = b"a password of no consequence";
const SALT: [u8; 16] = [7; 16];

/// Measures both kernels.
pub fn measure(bench: &mut Bench) {
    let Params { m_kib, t, p } = PARAMS;
    let vectors = argon2_rust::detected_backend().name();
    for (name, goal) in [("auto", Some(0.95)), ("reference", None)] {
        let pair = Pair {
            id: format!("R2/{name}"),
            goal,
            baseline: format!("argon2-rust 1.1.0 by itself ({vectors})"),
            parameters: format!(
                "Argon2id {m_kib}/{t}/{p}, processor time of one thread, memory kept between hashes and wiped after each by both"
            ),
            turn: 1,
            span: Duration::from_secs(10),
        };
        bench.compare(&pair, || {
            let fast = if name == "auto" { FastArgon2::tried(PARAMS, &SystemEntropy) } else { FastArgon2::off() };
            let (fast, mut raw) = (Arc::new(fast), raw());
            assert_eq!(fast.is_on(), name == "auto", "the fast kernel passed its trial");
            let mut kernel = Kernel::with(PARAMS, fast);
            let ours = repeat(move || {
                black_box(kernel.hash(black_box(PASSWORD), &SALT, PARAMS).expect("these parameters are usual"));
            });
            let baseline = repeat(move || {
                let mut out = [0; 32];
                raw.hash_into(black_box(PASSWORD), &SALT, &mut out).expect("these parameters are usual");
                black_box(out);
            });
            (baseline, ours)
        });
    }
}

fn raw() -> argon2_rust::Hasher {
    let Params { m_kib, t, p } = PARAMS;
    let params = argon2_rust::Params::builder().memory(Memory::kib(m_kib.into())).passes(t).lanes(p);
    let params = params.tag_len(TagLen::bytes(32)).build().expect("these parameters are usual");
    argon2_rust::Argon2::new(argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13, params).hasher()
}
