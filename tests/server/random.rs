//! Chance that can be had again: every trial prints its seed.

/// Splitmix64.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// The trial's seed, printed: `COUNTERSIGN_TEST_SEED`, or one from the clock.
pub fn seed() -> u64 {
    let given = std::env::var("COUNTERSIGN_TEST_SEED").ok().map(|text| text.parse().unwrap());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = given.unwrap_or(now);
    println!("COUNTERSIGN_TEST_SEED={seed}");
    seed
}
