//! Argon2id (RFC 9106), computed by one of two crates.
//!
//! `argon2-rust` takes half the time of `argon2`: it uses the widest vectors that the processor has, and huge pages. Both wipe their memory. It is
//! young and nobody audited it, so it is only used while it gives the answers of `argon2`: a [`FastArgon2`] is on after a trial, and off
//! for ever after the first difference. See docs/decisions/0025.

use super::scheme::Params;
use super::{PasswordHashError, constant_time_eq};
use crate::entropy::Entropy;
use argon2::Block;
use argon2_rust::params::Memory;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::{Zeroize, Zeroizing};

/// Memory in KiB above which an allocator gives to the system again whatever is freed: glibc's greatest threshold for mappings
/// (mallopt(3), `M_MMAP_THRESHOLD`). Less than this, freed and asked for again and again, would pile up between what else lives.
const GIVEN_BACK: u32 = 32 * 1024;

/// What to hash.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub password: &'a [u8],
    pub salt: &'a [u8],
    pub params: Params,
}

/// One way to compute Argon2id. It keeps its memory between hashes, and wipes it after each.
pub(super) trait Compute: Send {
    /// Fills `out`. What needs more than `kept` KiB gets its memory for this hash only.
    fn compute(&mut self, input: Input<'_>, kept: u32, out: &mut [u8]) -> Result<(), PasswordHashError>;
}

fn refused<E>(_: E) -> PasswordHashError {
    PasswordHashError::OutOfBounds("Argon2 refused the parameters")
}

/// The memory that a kernel for `params` keeps between hashes, in KiB.
pub(super) fn kept_for(params: Params) -> u32 {
    params.m_kib.max(GIVEN_BACK)
}

/// The crate `argon2`.
#[derive(Default)]
pub(super) struct Reference {
    pub(super) arena: Vec<Block>,
}

impl Compute for Reference {
    fn compute(&mut self, input: Input<'_>, kept: u32, out: &mut [u8]) -> Result<(), PasswordHashError> {
        let Params { m_kib, t, p } = input.params;
        let params = argon2::Params::new(m_kib, t, p, Some(out.len())).map_err(refused)?;
        let needed = params.block_count();
        let mut once = Vec::new();
        let arena = if m_kib <= kept { &mut self.arena } else { &mut once };
        if arena.len() < needed {
            // Made anew, not grown: what is in it is worth nothing.
            *arena = Vec::new();
            arena.resize(needed, Block::default());
        }
        let used = &mut arena[..needed];
        let done = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
            .hash_password_into_with_memory(input.password, input.salt, out, &mut *used);
        used.iter_mut().for_each(Zeroize::zeroize);
        done.map_err(refused)
    }
}

/// The crate `argon2-rust`, which takes its memory from the system by itself.
#[derive(Default)]
pub(super) struct Fast {
    hasher: Option<argon2_rust::Hasher>,
}

impl Compute for Fast {
    fn compute(&mut self, input: Input<'_>, kept: u32, out: &mut [u8]) -> Result<(), PasswordHashError> {
        let Params { m_kib, t, p } = input.params;
        let params = argon2_rust::Params::builder().memory(Memory::kib(m_kib.into())).passes(t).lanes(p);
        let tag = argon2_rust::params::TagLen::bytes(out.len() as u64);
        let params = params.tag_len(tag).build().map_err(refused)?;
        let argon2 = argon2_rust::Argon2::new(argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13, params);
        if m_kib > kept {
            return argon2.hash_into(input.password, input.salt, out).map_err(refused);
        }
        let hasher = self.hasher.get_or_insert_with(|| argon2.hasher());
        hasher.set_argon2(argon2);
        hasher.hash_into(input.password, input.salt, out).map_err(refused)
    }
}

/// Whether the fast crate computes, for all hash threads of a process. It is switched off, and never on again.
pub struct FastArgon2(AtomicBool);

/// Random hashes that the fast crate must compute as the other does before it is believed.
const TRIALS: u8 = 16;
/// The known answers: password `password`, salt `somesalt`, Argon2id 19 with these KiB, passes and lanes (phc-winner-argon2, src/test.c).
const KNOWN: [(Params, [u8; 32]); 2] = [
    (
        Params { m_kib: 256, t: 2, p: 1 },
        *b"\x9d\xfe\xb9\x10\xe8\x0b\xad\x03\x11\xfe\xe2\x0f\x9c\x0e\x2b\x12\xc1\x79\x87\xb4\xca\xc9\x0c\x2e\xf5\x4d\x5b\x30\x21\xc6\x8b\xfe",
    ),
    (
        Params { m_kib: 256, t: 2, p: 2 },
        *b"\x6d\x09\x3c\x50\x1f\xd5\x99\x96\x45\xe0\xea\x3b\xf6\x20\xd7\xb8\xbe\x7f\xd2\xdb\x59\xc2\x0d\x9f\xff\x95\x39\xda\x2b\xf5\x70\x37",
    ),
];

impl FastArgon2 {
    /// It does not compute.
    pub fn off() -> Self {
        Self(AtomicBool::new(false))
    }

    /// It computes if it gives the known answers, and those of the other crate for 16 random hashes; the last of them at `params`, the
    /// others with a little memory, or a start would be slow.
    pub fn tried(params: Params, entropy: &dyn Entropy) -> Self {
        Self(AtomicBool::new(agrees(&mut Fast::default(), params, entropy)))
    }

    /// Whether it computes.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn switch_off(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// What computes, by name: the vectors of the fast crate (`avx512`, `avx2`, `sse2`, `neon`, `scalar`), or `reference`.
    pub fn name(&self) -> String {
        if self.is_on() { argon2_rust::detected_backend().name().to_owned() } else { "reference".to_owned() }
    }
}

impl fmt::Debug for FastArgon2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FastArgon2").field(&self.name()).finish()
    }
}

/// Whether a way to compute gives the right answers.
pub(super) fn agrees(fast: &mut dyn Compute, params: Params, entropy: &dyn Entropy) -> bool {
    let known = KNOWN.iter().all(|(params, answer)| {
        let mut out = [0; 32];
        let input = Input { password: b"password", salt: b"somesalt", params: *params };
        fast.compute(input, GIVEN_BACK, &mut out) == Ok(()) && out == *answer
    });
    known
        && (0..TRIALS).all(|trial| {
            let mut drawn = Zeroizing::new([0; 128]);
            entropy.fill(&mut *drawn);
            let [lanes, passes, memory, length, salt, tag, ..] = *drawn;
            let lanes = 1 + u32::from(lanes % 4);
            let random = Params { m_kib: 8 * lanes + u32::from(memory), t: 1 + u32::from(passes % 3), p: lanes };
            let input = Input {
                password: &drawn[8..][..usize::from(length % 64)],
                salt: &drawn[72..][..8 + usize::from(salt % 48)],
                params: if trial + 1 == TRIALS { params } else { random },
            };
            is_right(fast, input, 16 + usize::from(tag % 49))
        })
}

/// Whether a way to compute gives the answer of the crate `argon2`.
fn is_right(fast: &mut dyn Compute, input: Input<'_>, length: usize) -> bool {
    let (mut ours, mut right) = (Zeroizing::new(vec![0; length]), Zeroizing::new(vec![0; length]));
    let answered = fast.compute(input, GIVEN_BACK, &mut ours) == Ok(());
    answered && Reference::default().compute(input, 0, &mut right) == Ok(()) && constant_time_eq(&ours, &right)
}
