use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A source of randomness that is handed in, never found.
///
/// Seeded with 32 bytes of the operating system's randomness in the binary, and with a small number in tests and
/// simulations: the same seed gives the same SIDs, nonces and choices on every machine.
#[derive(Clone)]
pub struct Entropy(ChaCha12Rng);

impl Entropy {
    /// The story that belongs to `seed`. For tests and simulations.
    pub fn seeded(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }

    /// Unpredictable if `seed` is.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A number in `0..bound`. `bound` of zero gives zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64 }
    }

    /// An independent source, seeded by this one: one owner's choices do not shift another's.
    pub fn fork(&mut self) -> Self {
        Self::from_seed(self.bytes())
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_tells_the_same_story() {
        let (mut a, mut b) = (Entropy::seeded(7), Entropy::seeded(7));
        assert_eq!(a.bytes::<16>(), b.bytes::<16>());
        assert_eq!(a.fork().next_u64(), b.fork().next_u64());
    }

    #[test]
    fn below_stays_below() {
        let mut entropy = Entropy::seeded(1);
        assert!((0..1000).all(|_| entropy.below(3) < 3));
        assert_eq!(entropy.below(0), 0);
    }
}
