//! MessagePack, as far as the conversation and the journal need it: writing values, and reading them from bytes that
//! nobody vouches for. Knows no message; [`crate::packed`] puts these together.

/// Deepest nesting of a value that has no fixed form: a hostile peer must not exhaust the stack.
pub const MAX_DEPTH: usize = 128;

/// What a message may take in memory once it is read, for each of its bytes; small ones may take [`LEAST_ROOM`].
const ROOM: usize = 16;

/// What every message may take in memory.
const LEAST_ROOM: usize = crate::task::MAX_RESULT;

/// What no message may take more of in memory.
const MOST_ROOM: usize = 8 * crate::task::MAX_RESULT;

/// How much a message of so many bytes may take in memory. One byte may become a hundred: results and facts, which are
/// names and words, become ten times as large, and what has no other purpose than to fill the memory is refused.
pub(crate) fn room(length: usize) -> usize {
    length.saturating_mul(ROOM).clamp(LEAST_ROOM, MOST_ROOM)
}

/// What an allocation takes at least. The bytes of texts are not counted: they are no more than the message's.
pub(crate) const LEAST: usize = 32;

/// What a value in a list takes, with an allocation of its own.
pub(crate) const VALUE: usize = size_of::<crate::Value>() + LEAST;

/// What a pair of a mapping takes: name, value, hash and place in the index.
pub(crate) const PAIR: usize = size_of::<String>() + LEAST + VALUE + LEAST;

/// Whether there is room for a message where it is read.
pub fn fits(message: &[u8]) -> bool {
    Reader::new(message).skip().is_ok()
}

/// What is read is not what was expected. The [`Reader`] keeps the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// Writes values one after the other.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn head(&mut self, mark: u8, length: &[u8]) {
        self.bytes.push(mark);
        self.bytes.extend_from_slice(length);
    }

    /// Nothing.
    pub fn nil(&mut self) {
        self.bytes.push(0xc0);
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(0xc2 | u8::from(value));
    }

    /// A whole number that is not negative, in its shortest form.
    pub fn unsigned(&mut self, value: u64) {
        match value {
            // The casts keep the low bytes, which are all there is.
            0..=0x7f => self.bytes.push(value as u8),
            0x80..=0xff => self.head(0xcc, &[value as u8]),
            0x100..=0xffff => self.head(0xcd, &(value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.head(0xce, &(value as u32).to_be_bytes()),
            _ => self.head(0xcf, &value.to_be_bytes()),
        }
    }

    /// A whole number in its shortest form.
    pub fn signed(&mut self, value: i64) {
        match value {
            0.. => self.unsigned(value as u64),
            -0x20..=-1 => self.bytes.push(value as u8),
            -0x80..=-0x21 => self.head(0xd0, &[value as u8]),
            -0x8000..=-0x81 => self.head(0xd1, &(value as i16).to_be_bytes()),
            -0x8000_0000..=-0x8001 => self.head(0xd2, &(value as i32).to_be_bytes()),
            _ => self.head(0xd3, &value.to_be_bytes()),
        }
    }

    /// A number with a fraction.
    pub fn float(&mut self, value: f64) {
        self.head(0xcb, &value.to_be_bytes());
    }

    /// A text.
    pub fn text(&mut self, value: &str) {
        match value.len() {
            short @ 0..=31 => self.bytes.push(0xa0 | short as u8),
            length => self.length(length, Some(0xd9), 0xda),
        }
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// Bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.length(value.len(), Some(0xc4), 0xc5);
        self.bytes.extend_from_slice(value);
    }

    /// The start of a list of this many values.
    pub fn list(&mut self, length: usize) {
        match length {
            0..=15 => self.bytes.push(0x90 | length as u8),
            _ => self.length(length, None, 0xdc),
        }
    }

    /// The start of a mapping of this many pairs: a text and a value each.
    pub fn map(&mut self, length: usize) {
        match length {
            0..=15 => self.bytes.push(0x80 | length as u8),
            _ => self.length(length, None, 0xde),
        }
    }

    /// A mark with a length of one byte where there is such a mark, of two bytes, or of four.
    fn length(&mut self, length: usize, one: Option<u8>, two: u8) {
        match (length, one) {
            (0..=0xff, Some(one)) => self.head(one, &[length as u8]),
            (0..=0xffff, _) => self.head(two, &(length as u16).to_be_bytes()),
            // Messages are far smaller than four gigabytes.
            _ => self.head(two + 1, &(length as u32).to_be_bytes()),
        }
    }
}

/// One value, or the start of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// Nothing.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number that is not negative.
    Unsigned(u64),
    /// A negative whole number.
    Signed(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list; this many values follow.
    List(usize),
    /// A mapping; this many pairs follow.
    Map(usize),
}

/// Reads values one after the other.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
    depth: usize,
    room: usize,
    reason: String,
}

impl<'a> Reader<'a> {
    /// From the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len(), depth: 0, room: room(bytes.len()), reason: String::new() }
    }

    /// Why something could not be read.
    pub fn reason(self) -> String {
        self.reason
    }

    /// Say that something cannot be read, and why.
    pub fn refuse(&mut self, why: &str, what: &str) -> Unreadable {
        let at = self.length - self.rest.len();
        self.reason = [why, what, " at byte ", &at.to_string()].concat();
        Unreadable
    }

    /// Bytes that must be there.
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.refuse("it breaks off", "")),
        }
    }

    /// A number of one, two, four or eight bytes.
    fn number(&mut self, width: usize) -> Result<u64, Unreadable> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A length, in 1, 2 or 4 bytes for the marks that follow each other from `first` on.
    fn sized(&mut self, mark: u8, first: u8) -> Result<usize, Unreadable> {
        let number = self.number(1 << (mark - first))?;
        // Where addresses are shorter than that, so are messages.
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    }

    fn text(&mut self, length: usize) -> Result<Item<'a>, Unreadable> {
        match std::str::from_utf8(self.take(length)?) {
            Ok(text) => Ok(Item::Text(text)),
            Err(_) => Err(self.refuse("a text is not UTF-8", "")),
        }
    }

    /// Lengths are promises: nothing can hold more values than bytes are left.
    fn promised(&mut self, length: usize, least: usize) -> Result<usize, Unreadable> {
        if length > self.rest.len() / least { Err(self.refuse("it breaks off", "")) } else { Ok(length) }
    }

    /// The next value. Of a list or mapping only the start: its values are to be read next.
    pub fn item(&mut self) -> Result<Item<'a>, Unreadable> {
        let mark = *self.take(1)?.first().unwrap_or(&0xc1);
        match mark {
            0x00..=0x7f => Ok(Item::Unsigned(mark.into())),
            0x80..=0x8f => self.promised((mark & 0x0f).into(), 2).map(Item::Map),
            0x90..=0x9f => self.promised((mark & 0x0f).into(), 1).map(Item::List),
            0xa0..=0xbf => self.text((mark & 0x1f).into()),
            0xc0 => Ok(Item::Nil),
            0xc2 | 0xc3 => Ok(Item::Bool(mark == 0xc3)),
            0xc4..=0xc6 => {
                let length = self.sized(mark, 0xc4)?;
                self.take(length).map(Item::Bytes)
            }
            0xca => self.number(4).map(|bits| Item::Float(f32::from_bits(bits as u32).into())),
            0xcb => self.number(8).map(|bits| Item::Float(f64::from_bits(bits))),
            0xcc..=0xcf => self.number(1 << (mark - 0xcc)).map(Item::Unsigned),
            0xd0..=0xd3 => {
                let width = 1 << (mark - 0xd0);
                let shift = 64 - 8 * width as u32;
                let number = (self.number(width)? << shift) as i64 >> shift;
                Ok(u64::try_from(number).map_or(Item::Signed(number), Item::Unsigned))
            }
            0xd9..=0xdb => {
                let length = self.sized(mark, 0xd9)?;
                self.text(length)
            }
            0xdc | 0xdd => {
                let length = self.sized(mark, 0xdb)?;
                self.promised(length, 1).map(Item::List)
            }
            0xde | 0xdf => {
                let length = self.sized(mark, 0xdd)?;
                self.promised(length, 2).map(Item::Map)
            }
            0xe0..=0xff => Ok(Item::Signed((mark as i8).into())),
            // Extensions and the mark that means nothing: no version of ours has ever written one.
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => Err(self.refuse("an unknown kind of value", "")),
        }
    }

    /// The name of a field or variant, or a text that is to be kept.
    pub fn word(&mut self) -> Result<&'a str, Unreadable> {
        match self.item()? {
            Item::Text(text) => Ok(text),
            _ => Err(self.refuse("expected a text", "")),
        }
    }

    /// Length of the list that must come next.
    pub fn list(&mut self) -> Result<usize, Unreadable> {
        match self.item()? {
            Item::List(length) => Ok(length),
            _ => Err(self.refuse("expected a list", "")),
        }
    }

    /// Number of pairs of the mapping that must come next.
    pub fn map(&mut self) -> Result<usize, Unreadable> {
        match self.item()? {
            Item::Map(length) => Ok(length),
            _ => Err(self.refuse("expected a mapping", "")),
        }
    }

    /// Whether nothing comes next; passed over if so.
    pub fn nil(&mut self) -> bool {
        match self.rest.split_first() {
            Some((0xc0, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Whether a text comes next.
    pub fn is_text(&self) -> bool {
        matches!(self.rest.first(), Some(0xa0..=0xbf | 0xd9..=0xdb))
    }

    /// Pass over one value with all that is in it, as if it were kept.
    pub fn skip(&mut self) -> Result<(), Unreadable> {
        let mut left = 1_usize;
        while left > 0 {
            left -= 1;
            // What was promised is there, so the sums stay far below their limits.
            match self.item()? {
                Item::List(length) => {
                    left = left.saturating_add(length);
                    self.charge(length, VALUE)?;
                }
                Item::Map(length) => {
                    left = left.saturating_add(2 * length);
                    self.charge(length, PAIR)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Take room in memory for so many values of this size, before it is allocated: what takes one byte in the message may
    /// take a hundred there.
    pub fn charge(&mut self, count: usize, size: usize) -> Result<(), Unreadable> {
        match self.room.checked_sub(count.saturating_mul(size)) {
            Some(left) => {
                self.room = left;
                Ok(())
            }
            None => Err(self.refuse("it would take too much memory", "")),
        }
    }

    /// One level deeper into a value without a fixed form.
    pub fn enter(&mut self) -> Result<(), Unreadable> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.refuse("it is nested too deeply", "")) } else { Ok(()) }
    }

    /// Back from [`Reader::enter`].
    pub fn leave(&mut self) {
        self.depth -= 1;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// What another program's library makes of the same value.
    fn oracle(value: &impl serde::Serialize) -> Vec<u8> {
        rmp_serde::to_vec_named(value).unwrap()
    }

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.finish()
    }

    #[test]
    fn numbers_take_the_shortest_form_and_come_back() {
        let mut edges: Vec<i64> = vec![0, i64::MIN, i64::MAX];
        for bits in [5, 7, 8, 15, 16, 31, 32] {
            let edge = 1_i64 << bits;
            edges.extend([edge - 1, edge, edge + 1, -edge - 1, -edge, -edge + 1]);
        }
        for number in edges {
            let bytes = written(|writer| writer.signed(number));
            assert_eq!(bytes, oracle(&number), "{number}");
            let item = u64::try_from(number).map_or(Item::Signed(number), Item::Unsigned);
            assert_eq!(Reader::new(&bytes).item(), Ok(item));
        }
        assert_eq!(written(|writer| writer.unsigned(u64::MAX)), oracle(&u64::MAX));
        // Longer forms than needed are read, too.
        assert_eq!(Reader::new(&[0xd3, 0, 0, 0, 0, 0, 0, 0, 5]).item(), Ok(Item::Unsigned(5)));
        assert_eq!(Reader::new(&[0xd1, 0xff, 0xff]).item(), Ok(Item::Signed(-1)));
    }

    #[test]
    fn lengths_take_the_shortest_form_and_come_back() {
        for length in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
            let text = "x".repeat(length);
            let bytes = written(|writer| writer.text(&text));
            assert_eq!(bytes, oracle(&text));
            assert_eq!(Reader::new(&bytes).item(), Ok(Item::Text(&text)));
            let raw = serde_bytes::ByteBuf::from(vec![7_u8; length]);
            let bytes = written(|writer| writer.bytes(&raw));
            assert_eq!(bytes, oracle(&raw));
            assert_eq!(Reader::new(&bytes).item(), Ok(Item::Bytes(&raw)));
            let list = vec![true; length];
            let bytes = written(|writer| {
                writer.list(length);
                list.iter().for_each(|value| writer.bool(*value));
            });
            assert_eq!(bytes, oracle(&list));
            assert_eq!(Reader::new(&bytes).list(), Ok(length));
            assert_eq!(Reader::new(&bytes).skip(), Ok(()));
            let map: std::collections::BTreeMap<usize, bool> = (0..length).map(|key| (key, false)).collect();
            assert!(oracle(&map).starts_with(&written(|writer| writer.map(length))));
            assert_eq!(Reader::new(&oracle(&map)).map(), Ok(length));
        }
    }

    #[test]
    fn room_is_there_for_what_is_honest_and_no_more() {
        assert_eq!(room(0), LEAST_ROOM);
        assert_eq!(room(8 << 20), 128 << 20);
        assert_eq!(room(usize::MAX), MOST_ROOM);
        let mut reader = Reader::new(&[]);
        assert_eq!(reader.charge(LEAST_ROOM, 1), Ok(()));
        assert_eq!(reader.charge(usize::MAX, 0), Ok(()));
        assert_eq!(reader.charge(1, 1), Err(Unreadable));
        assert_eq!(Reader::new(&[]).charge(usize::MAX, 72), Err(Unreadable));
        assert!(reader.reason().contains("too much memory"));
        let list = |length: u32| [vec![0xdd], length.to_be_bytes().to_vec(), vec![0x90; length as usize]].concat();
        assert!(fits(&list(100_000)) && !fits(&list(2 << 20)));
    }

    #[test]
    fn promises_of_more_than_there_is_are_refused() {
        for bytes in [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0xdf, 0, 0, 0, 9, 0, 0], &[0xc6, 0xff, 0, 0, 0], &[0xa5]] {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.skip(), Err(Unreadable));
            assert!(reader.reason().contains("breaks off"));
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let mut reader = Reader::new(&bytes);
            while reader.skip().is_ok() {}
        }
    }
}
