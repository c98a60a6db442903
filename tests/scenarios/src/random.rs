//! A small deterministic generator: SplitMix64 (Steele, Lea, Flood 2014).

use std::sync::Mutex;

use tidemark_transport::Entropy;

/// Random numbers from a seed. The same seed gives the same numbers on every machine.
#[derive(Debug)]
pub struct Random(Mutex<u64>);

impl Random {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let mut state = self.0.lock().expect("nobody panics while holding it");
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    /// True in `per_mille` of 1,000 cases.
    pub fn chance(&self, per_mille: u32) -> bool {
        self.next() % 1000 < u64::from(per_mille)
    }

    /// One of the values.
    pub fn pick<'a, T>(&self, values: &'a [T]) -> Option<&'a T> {
        values.get(self.below(values.len()))
    }
}

impl Entropy for Random {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
