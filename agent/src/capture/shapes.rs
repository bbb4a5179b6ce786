//! What names a machine wherever it stands, by its shape: UUIDs, hardware addresses, long hexadecimal numbers, serial
//! numbers of POWER enclosures; and the host's own name. Each is replaced by a number in the order in which they are met,
//! as long as itself, so that what was alike stays alike and paths still lead where they led.

/// A hexadecimal number of so many digits is nobody's setting.
const LONG: usize = 32;

/// Names of interfaces that hold a hardware address.
const NAMED: [&[u8]; 3] = [b"enx", b"wlx", b"wwx"];

/// What was met so far, and the host's name in the forms it is written in.
#[derive(Debug, Default)]
pub struct Shapes {
    met: Vec<Vec<u8>>,
    names: Vec<String>,
}

impl Shapes {
    /// Looks for a host's name too: the whole, its first part, and the device mapper's way to write that.
    pub fn of(node: &str) -> Self {
        let short = node.split('.').next().unwrap_or_default();
        let names = [node.to_owned(), short.replace('-', "--"), short.to_owned()];
        let names = names.into_iter().filter(|name| !name.is_empty() && name != "localhost").collect();
        Self { met: Vec::new(), names }
    }

    /// Whether a text has the host's name in it.
    pub fn names(&self, text: &str) -> bool {
        self.names.iter().any(|name| places(text, name).next().is_some())
    }

    /// Leaves the host's name alone: it is a word that others use, too.
    pub fn forget_name(&mut self) {
        self.names.clear();
    }

    /// A text without such names.
    pub fn hide(&mut self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let mut at = 0;
        while at < bytes.len() {
            let before = at.checked_sub(1).and_then(|place| bytes.get(place));
            let rest = bytes.get(at..).unwrap_or_default();
            let (skip, length) = if before.is_some_and(u8::is_ascii_alphanumeric) { (0, 0) } else { shaped(rest) };
            if length > 0 {
                let number = bytes.get_mut(at + skip..at + skip + length).unwrap_or_default();
                self.replace(number);
            }
            at += (skip + length).max(1);
        }
        // Only digits were put for digits and letters.
        let mut text = String::from_utf8(bytes).unwrap_or_default();
        for name in &self.names {
            let mut hidden = String::new();
            let mut done = 0;
            for place in places(&text, name) {
                hidden.push_str(text.get(done..place).unwrap_or_default());
                hidden.push_str("host");
                done = place + name.len();
            }
            hidden.push_str(text.get(done..).unwrap_or_default());
            text = hidden;
        }
        text
    }

    /// Writes its number over the letters and digits of a name.
    fn replace(&mut self, name: &mut [u8]) {
        let key: Vec<u8> =
            name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
        // Nought and the address of everybody name nobody.
        if key.iter().all(|byte| *byte == b'0') || key.iter().all(|byte| *byte == b'f') {
            return;
        }
        let index = self.met.iter().position(|other| *other == key).unwrap_or_else(|| {
            self.met.push(key);
            self.met.len() - 1
        });
        let mut rest = index + 1;
        for byte in name.iter_mut().rev().filter(|byte| byte.is_ascii_alphanumeric()) {
            *byte = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
}

/// Where a name stands by itself in a text.
fn places<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> {
    let part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let alone = move |at: &usize| {
        let bytes = text.as_bytes();
        !part(at.checked_sub(1).and_then(|place| bytes.get(place))) && !part(bytes.get(at + name.len()))
    };
    text.match_indices(name).map(|(at, _)| at).filter(alone)
}

/// The name at the beginning of a text: what stands before its number, and the number's length; 0 where there is none.
fn shaped(text: &[u8]) -> (usize, usize) {
    if NAMED.iter().any(|prefix| text.starts_with(prefix)) && digits(text, 3) == 12 && ends(text, 15) {
        return (3, 12);
    }
    if (text.starts_with(b"naa.") || text.starts_with(b"eui.")) && digits(text, 4) >= 16 {
        return (4, digits(text, 4));
    }
    if text.starts_with(b"0x") && digits(text, 2) >= LONG {
        return (2, digits(text, 2));
    }
    let first = digits(text, 0);
    if first >= LONG && ends(text, first) {
        return (0, first);
    }
    // A bridge's identity: its priority and its address.
    if first == 4 && text.get(4) == Some(&b'.') && digits(text, 5) == 12 && ends(text, 17) {
        return (5, 12);
    }
    if first == 8 && groups(text, b'-', &[8, 4, 4, 4, 12]) && ends(text, 36) {
        return (0, 36);
    }
    if first == 2 {
        let pairs = (0..)
            .take_while(|pair| digits(text, pair * 3) == 2 && (*pair == 0 || text.get(pair * 3 - 1) == Some(&b':')));
        let pairs = pairs.count();
        if pairs >= 6 && ends(text, pairs * 3 - 1) {
            return (0, pairs * 3 - 1);
        }
    }
    // The place of a slot: machine or unit type, model, serial number.
    let letters = |from: usize, count: usize| {
        text.get(from..from + count).is_some_and(|part| part.iter().all(u8::is_ascii_alphanumeric))
    };
    let dots = text.get(5) == Some(&b'.') && text.get(9) == Some(&b'.');
    if text.first() == Some(&b'U') && dots && letters(1, 4) && letters(6, 3) && letters(10, 7) && ends(text, 17) {
        return (10, 7);
    }
    (0, 0)
}

/// How many hexadecimal digits follow one another from a place on.
fn digits(text: &[u8], from: usize) -> usize {
    text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_hexdigit()).count()
}

/// Whether a number that has come so far ends there.
fn ends(text: &[u8], at: usize) -> bool {
    !text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether groups of so many digits follow one another with a mark between.
fn groups(text: &[u8], mark: u8, lengths: &[usize]) -> bool {
    let mut at = 0;
    lengths.iter().all(|length| {
        let fits = digits(text, at) == *length && (at == 0 || text.get(at - 1) == Some(&mark));
        at += length + 1;
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_their_shapes() {
        let mut shapes = Shapes::of("kvm-7.example.net");
        for (text, hidden) in [
            ("52:54:00:ab:cd:ef\n", "00:00:00:00:00:01\n"),
            ("../net/enx525400ABCDEF/mtu", "../net/enx000000000001/mtu"),
            ("8000.525400abcdef", "8000.000000000001"),
            ("x-uuid=4c4c4544-0051-3210-8054-b7c04f4d3333;", "x-uuid=00000000-0000-0000-0000-000000000002;"),
            ("mpath-3600508b4000156d700012000000b0000", "mpath-000000000000000000000000000000003"),
            ("U78D2.001.WZS0123-P1-C5", "U78D2.001.0000004-P1-C5"),
            ("/dev/mapper/rhel_kvm--7-root kvm-7.example.net", "/dev/mapper/rhel_host-root host"),
            ("ff:ff:ff:ff:ff:ff 00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff 00:00:00:00:00:00"),
            (
                "0000:3b:00.0 0-3,8 274877906944 ffffffff,ffffffff é",
                "0000:3b:00.0 0-3,8 274877906944 ffffffff,ffffffff é",
            ),
        ] {
            assert_eq!(shapes.hide(text), hidden);
        }
        assert!(shapes.names("at kvm-7 too") && !shapes.names("kvm-70"));
    }
}
