//! Sets of CPUs and the kernel's two ways to write them.

/// No machine has more CPUs; a larger number in a file is nonsense and must not make us allocate for it.
const LIMIT: u32 = 1 << 16;

/// A set of small numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CpuSet {
    words: Vec<u64>,
}

impl CpuSet {
    /// `0-3,8`; an empty text and `(null)` are the empty set.
    pub fn from_list(text: &str) -> Option<Self> {
        let mut set = Self::default();
        let text = text.trim();
        if text.is_empty() || text == "(null)" {
            return Some(set);
        }
        for part in text.split(',') {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let (low, high): (u32, u32) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
            if high >= LIMIT || low > high {
                return None;
            }
            for cpu in low..=high {
                set.insert(cpu);
            }
        }
        Some(set)
    }

    /// `f,ffffffff`: hexadecimal words of 32 bits, highest first.
    pub fn from_mask(text: &str) -> Option<Self> {
        let mut set = Self::default();
        let mut base: u32 = 0;
        for word in text.trim().rsplit(',') {
            let mut bits = u64::from_str_radix(word.trim(), 16).ok()?;
            // Very old kernels write words of 64 bits on 64-bit machines, without a comma.
            while bits != 0 {
                let cpu = base.checked_add(bits.trailing_zeros()).filter(|cpu| *cpu < LIMIT)?;
                set.insert(cpu);
                bits &= bits - 1;
            }
            base = base.checked_add(32)?;
        }
        Some(set)
    }

    /// Adds a number below [`LIMIT`]; others are left out.
    pub fn insert(&mut self, cpu: u32) {
        if cpu >= LIMIT {
            return;
        }
        let index = (cpu / 64) as usize;
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        if let Some(word) = self.words.get_mut(index) {
            *word |= 1 << (cpu % 64);
        }
    }

    /// Whether it holds a number.
    pub fn contains(&self, cpu: u32) -> bool {
        self.words.get((cpu / 64) as usize).is_some_and(|word| word & (1 << (cpu % 64)) != 0)
    }

    /// How many numbers it holds.
    pub fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The numbers that both hold.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut words: Vec<u64> = self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect();
        while words.last() == Some(&0) {
            words.pop();
        }
        Self { words }
    }

    /// The numbers of this set that the other does not hold.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.iter().filter(|cpu| !other.contains(*cpu)).collect()
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().zip(0_u32..).flat_map(|(word, index)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }

    /// The kernel's way to write it: `0-3,8`.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut numbers = self.iter().peekable();
        while let Some(low) = numbers.next() {
            let mut high = low;
            while let Some(next) = numbers.next_if_eq(&(high + 1)) {
                high = next;
            }
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&low.to_string());
            if high > low {
                text.push('-');
                text.push_str(&high.to_string());
            }
        }
        text
    }

    /// The numbers, ascending.
    pub fn to_vec(&self) -> Vec<u32> {
        self.iter().collect()
    }
}

impl FromIterator<u32> for CpuSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::default();
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_kernels_writing() {
        for text in ["", "0", "0-3,8", "1,3,5-64,130"] {
            assert_eq!(CpuSet::from_list(text).unwrap().to_text(), text);
        }
    }

    #[test]
    fn lists() {
        assert_eq!(CpuSet::from_list("0-3,8,10-11\n").unwrap().to_vec(), [0, 1, 2, 3, 8, 10, 11]);
        assert!(CpuSet::from_list("\n").unwrap().is_empty());
        assert!(CpuSet::from_list("(null)").unwrap().is_empty());
        assert_eq!(CpuSet::from_list("0-4294967295"), None);
        assert_eq!(CpuSet::from_list("a"), None);
    }

    #[test]
    fn masks() {
        assert_eq!(CpuSet::from_mask("f,80000001").unwrap().to_vec(), [0, 31, 32, 33, 34, 35]);
        assert!(CpuSet::from_mask("00000000,00000000").unwrap().is_empty());
        assert_eq!(CpuSet::from_mask("100000001").unwrap().to_vec(), [0, 32]);
        assert_eq!(CpuSet::from_mask("x"), None);
    }

    #[test]
    fn arithmetic() {
        let one = CpuSet::from_list("0-3,200").unwrap();
        let other = CpuSet::from_list("2-5").unwrap();
        assert_eq!(one.and(&other).to_vec(), [2, 3]);
        assert_eq!(one.without(&other).to_vec(), [0, 1, 200]);
        assert_eq!(one.len(), 5);
        assert_eq!(one.and(&other), CpuSet::from_list("2-3").unwrap());
    }
}
