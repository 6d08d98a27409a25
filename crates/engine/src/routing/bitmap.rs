/// A set of small numbers as 64-bit words: worker slots, queue numbers.
///
/// Ours rather than `roaring` or `fixedbitset`: 10,000 workers are 157 words, the operations needed are six, and an
/// intersection of two of them is a loop the compiler vectorises. Trailing zero words are dropped, so that equal
/// sets are equal values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bitmap(Vec<u64>);

impl Bitmap {
    pub fn contains(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Whether it was not there before.
    pub fn insert(&mut self, at: u32) -> bool {
        let word = at as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let before = self.0[word];
        self.0[word] |= 1 << (at % 64);
        before != self.0[word]
    }

    /// Whether it was there before.
    pub fn remove(&mut self, at: u32) -> bool {
        let Some(word) = self.0.get_mut(at as usize / 64) else { return false };
        let before = *word;
        *word &= !(1 << (at % 64));
        let changed = before != *word;
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        changed
    }

    /// Puts `at` in or takes it out; whether that changed anything.
    pub fn set(&mut self, at: u32, on: bool) -> bool {
        if on { self.insert(at) } else { self.remove(at) }
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is in both.
    pub fn and(&self, other: &Self) -> Self {
        let mut words: Vec<u64> = self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect();
        while words.last() == Some(&0) {
            words.pop();
        }
        Self(words)
    }

    /// How many are in both.
    pub fn count_and(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).map(|(a, b)| (a & b).count_ones() as usize).sum()
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

impl FromIterator<u32> for Bitmap {
    fn from_iter<I: IntoIterator<Item = u32>>(items: I) -> Self {
        let mut set = Self::default();
        for item in items {
            set.insert(item);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    proptest::proptest! {
        #[test]
        fn a_bitmap_is_a_set(changes in proptest::collection::vec((0u32..300, proptest::bool::ANY), 0..200), other in proptest::collection::btree_set(0u32..300, 0..100)) {
            let (mut bits, mut set) = (Bitmap::default(), BTreeSet::new());
            for (at, on) in changes {
                let changed = if on { set.insert(at) } else { set.remove(&at) };
                assert_eq!(bits.set(at, on), changed);
            }
            let other_bits: Bitmap = other.iter().copied().collect();
            assert_eq!(bits.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            assert_eq!(bits.and(&other_bits).iter().collect::<BTreeSet<_>>(), &set & &other);
            assert_eq!(bits.count_and(&other_bits), (&set & &other).len());
            assert_eq!(bits, set.iter().copied().collect());
            assert_eq!((bits.len(), bits.is_empty()), (set.len(), set.is_empty()));
        }
    }
}
