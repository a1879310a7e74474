//! What libraries leave on the stack: frames that have returned are no longer anybody's, and keep what stood in them until others
//! lie there. A thread that waits for work may keep them for hours. Registers are like that, too.

use std::hint::black_box;

/// Deeper than any library goes that is given a secret.
pub const DEEP: usize = 64 * 1024;
/// Deeper than one call of the cryptographic library goes.
pub const ONE_CALL: usize = 8 * 1024;

/// Lengths of copies that go through different vector registers each, in every implementation of `memcpy` that is in use.
const LENGTHS: [usize; 9] = [16, 32, 48, 96, 192, 384, 768, 1024, 2048];

/// Wipes `DEPTH` bytes of this thread's stack below the caller, and the vector registers through which memory is copied: they hold
/// the last 500 bytes or so that were, and stand in a core dump beside the stack.
#[inline(never)]
pub fn wipe_stack<const DEPTH: usize>() {
    let mut below = [0_u8; DEPTH];
    let (zeros, copy) = below.split_at_mut(DEPTH / 2);
    // Nobody reads any of it; it is written all the same.
    for length in black_box(LENGTHS) {
        black_box(&mut copy[..length]).copy_from_slice(black_box(&zeros[..length]));
    }
    black_box(&mut below);
}
