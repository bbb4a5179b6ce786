//! Python's `random.Random`, so that a seed chooses what it chooses under Ansible.

use sha2::{Digest, Sha512};

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// The Mersenne Twister MT19937.
pub(in crate::template) struct Mersenne {
    words: Vec<u32>,
    at: usize,
}

impl Mersenne {
    /// Seeded with text, as Python 3 does: the text and its SHA-512 as one large number.
    pub(in crate::template) fn of_text(text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend(Sha512::digest(text.as_bytes()));
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        let key: Vec<u32> = bytes
            .get(start..)
            .unwrap_or_default()
            .rchunks(4)
            .map(|chunk| chunk.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)))
            .collect();
        Self::of_key(&key)
    }

    /// Seeded with a whole number.
    pub(in crate::template) fn of_int(seed: i128) -> Self {
        let mut rest = seed.unsigned_abs();
        let mut key = Vec::new();
        while rest > 0 || key.is_empty() {
            key.push((rest & 0xffff_ffff) as u32);
            rest >>= 32;
        }
        Self::of_key(&key)
    }

    fn word(&self, index: usize) -> u32 {
        self.words.get(index).copied().unwrap_or(0)
    }

    fn put(&mut self, index: usize, word: u32) {
        if let Some(slot) = self.words.get_mut(index) {
            *slot = word;
        }
    }

    fn of_key(key: &[u32]) -> Self {
        let mut words = vec![19_650_218_u32];
        for index in 1..SIZE {
            let last = words.last().copied().unwrap_or(0);
            words.push(1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(index as u32));
        }
        let mut out = Self { words, at: SIZE };
        let (mut i, mut j) = (1, 0);
        for _ in 0..SIZE.max(key.len()) {
            let last = out.word(i - 1);
            let mixed = (out.word(i) ^ (last ^ (last >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key.get(j).copied().unwrap_or(0))
                .wrapping_add(j as u32);
            out.put(i, mixed);
            i += 1;
            j = (j + 1) % key.len().max(1);
            if i >= SIZE {
                out.put(0, out.word(SIZE - 1));
                i = 1;
            }
        }
        for _ in 1..SIZE {
            let last = out.word(i - 1);
            let mixed = (out.word(i) ^ (last ^ (last >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            out.put(i, mixed);
            i += 1;
            if i >= SIZE {
                out.put(0, out.word(SIZE - 1));
                i = 1;
            }
        }
        out.put(0, 0x8000_0000);
        out
    }

    fn next(&mut self) -> u32 {
        if self.at >= SIZE {
            for index in 0..SIZE {
                let joined = (self.word(index) & 0x8000_0000) | (self.word((index + 1) % SIZE) & 0x7fff_ffff);
                let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.put(index, self.word((index + SHIFT) % SIZE) ^ (joined >> 1) ^ twist);
            }
            self.at = 0;
        }
        let mut word = self.word(self.at);
        self.at += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn bits(&mut self, count: u32) -> u128 {
        if count <= 32 {
            return u128::from(self.next() >> (32 - count.max(1)));
        }
        let mut out = 0_u128;
        let mut done = 0;
        while done < count {
            let take = (count - done).min(32);
            out |= u128::from(self.next() >> (32 - take)) << done;
            done += take;
        }
        out
    }

    /// A number below `limit`, which is not zero.
    pub(in crate::template) fn below(&mut self, limit: u128) -> u128 {
        let bits = 128 - limit.leading_zeros();
        loop {
            let number = self.bits(bits);
            if number < limit {
                return number;
            }
        }
    }
}
