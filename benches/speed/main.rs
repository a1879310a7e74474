//! The ratios that one process can tell by itself, with criterion: `scripts/measure r2` (r6, r6v, r8, r9, others) runs those of one name and
//! keeps what came out. What they mean, and what was measured, is told in docs/PERFORMANCE.md.
//!
//! ```text
//! cargo bench --bench speed -- '^R6/'     those whose name begins so; without a pattern all
//! cargo bench --bench speed -- --test     each of them once, only to see that they work
//! ```
//!
//! Criterion's own lines tell how long *ours* takes. The line below each tells the ratio: baseline and ours are measured in turns within each
//! of criterion's samples, so that whatever else the machine does hits both.

mod appends;
mod chain;
#[path = "../measure/engine.rs"]
#[expect(dead_code, reason = "the other program needs the rest of it")]
mod engine;
mod hashing;
mod pairs;
mod replay;
mod rig;
mod sessions;
mod signing;

use pairs::Bench;

fn main() {
    let mut bench = Bench::begin();
    hashing::measure(&mut bench);
    signing::measure(&mut bench);
    appends::measure(&mut bench);
    replay::measure(&mut bench);
    sessions::measure(&mut bench);
    bench.end();
}
