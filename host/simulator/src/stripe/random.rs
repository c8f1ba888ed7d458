//! Seeded randomness: the same seed gives the same ids in the same order.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `SplitMix64` (Steele, Lea and Flood, 2014): small, and good enough for ids
/// that only have to differ.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence of the same seed, so that, say, one more request in
    /// the log does not change the ids of objects.
    pub(super) fn stream(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed ^ stream.wrapping_mul(0xA076_1D64_78BD_642F));
        mixed.next();
        mixed
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if the bound is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            return 0;
        }
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    fn text(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(ALPHABET[self.below(ALPHABET.len())]))
            .collect()
    }

    /// An id such as Stripe's: the prefix and as many characters as Stripe uses.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        let length = match prefix {
            "cus_" | "prod_" | "si_" | "req_" => 14,
            "cs_test_" => 58,
            "whsec_" => 32,
            _ => 24,
        };
        format!("{prefix}{}", self.text(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let mut first = Random::new(7);
        let mut second = Random::new(7);
        assert_eq!(first.id("cus_"), second.id("cus_"));
        assert_ne!(first.id("cus_"), first.id("cus_"));
        assert_ne!(Random::new(8).id("cus_"), Random::new(7).id("cus_"));
        assert_ne!(Random::stream(7, 1).id("cus_"), Random::stream(7, 2).id("cus_"));
    }

    #[test]
    fn ids_have_the_length_of_stripes() {
        assert_eq!(Random::new(1).id("cs_test_").len(), 66);
        assert_eq!(Random::new(1).id("sub_").len(), 28);
    }
}
