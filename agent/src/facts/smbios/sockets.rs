//! Which processor a name on the board belongs to. Makers count from 0 or from 1, and not always as the processors' own
//! names do, so names are read together and not one by one.

use luthier_protocol::facts::Processor;

/// Words that a processor's number stands behind.
const WORDS: [&str; 6] = ["CPU", "PROCESSOR", "PROC", "SOCKET", "NODE", "P"];

/// For each name the index of its processor in `processors`; `None` where the name tells none.
pub fn named(names: &[Option<&str>], vendor: Option<&str>, processors: &[Processor]) -> Vec<Option<u32>> {
    if processors.len() < 2 {
        return vec![None; names.len()];
    }
    let numbers: Vec<Option<u32>> = names.iter().map(|name| number(name.unwrap_or_default())).collect();
    let mut used: Vec<u32> = numbers.iter().flatten().copied().collect();
    used.sort();
    used.dedup();
    let own: Vec<Option<u32>> =
        processors.iter().map(|one| number(one.designation.as_deref().unwrap_or_default())).collect();
    let index = |number: u32| {
        let place = if used.len() == processors.len() {
            used.iter().position(|one| *one == number)
        } else if used.last().is_some_and(|last| *last as usize == processors.len()) {
            number.checked_sub(1).map(|index| index as usize)
        } else {
            own.iter().position(|one| *one == Some(number))
        };
        place.filter(|place| *place < processors.len()).and_then(|place| u32::try_from(place).ok())
    };
    let lettered = vendor.is_some_and(|vendor| vendor.starts_with("Dell"));
    let of = |(name, number): (&Option<&str>, Option<u32>)| match number {
        Some(number) => index(number),
        None if lettered => letter(name.unwrap_or_default()).filter(|index| (*index as usize) < processors.len()),
        None => None,
    };
    names.iter().zip(numbers).map(of).collect()
}

/// The number behind one of the words, with nothing but separators between: `CPU 1`, `P0_`, `NODE 2`.
fn number(name: &str) -> Option<u32> {
    let upper = name.to_ascii_uppercase();
    WORDS.iter().find_map(|word| {
        upper.match_indices(word).find_map(|(at, _)| {
            let alone = !upper.get(..at)?.ends_with(|letter: char| letter.is_ascii_alphanumeric());
            let behind = upper.get(at + word.len()..)?.trim_start_matches([' ', '_', '-', '#', ':']);
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            if alone { behind.get(..digits)?.parse().ok() } else { None }
        })
    })
}

/// Dell names memory sockets by letter: A1, A2, … belong to the first processor, B1, B2, … to the second.
fn letter(name: &str) -> Option<u32> {
    let separators = ['.', '_', ' '];
    let name = name.strip_prefix("DIMM").unwrap_or(name).trim_start_matches(separators);
    let name = name.strip_prefix("Socket").unwrap_or(name).trim_start_matches(separators);
    let (letter, digits) = name.split_at_checked(1)?;
    let letter = letter.bytes().next().filter(u8::is_ascii_uppercase)?;
    let numbered = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    numbered.then(|| u32::from(letter - b'A'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processors(names: &[&str]) -> Vec<Processor> {
        names.iter().map(|name| Processor { designation: Some((*name).to_owned()), ..Processor::default() }).collect()
    }

    #[test]
    fn makers_count_from_nought_or_one() {
        let two = processors(&["SOCKET 0", "SOCKET 1"]);
        assert_eq!(named(&[Some("P1-DIMM1A"), Some("P2-DIMM1D")], None, &two), [Some(0), Some(1)]);
        assert_eq!(named(&[Some("P0_Node0_Channel0"), Some("P1_Node1")], None, &two), [Some(0), Some(1)]);
        assert_eq!(named(&[Some("CPU2 SLOT4 PCI-E"), None], None, &two), [Some(1), None]);
        let one_up = processors(&["CPU1", "CPU2"]);
        assert_eq!(named(&[Some("PROC 1 DIMM 4"), Some("RISER")], None, &one_up), [Some(0), None]);
        assert_eq!(named(&[Some("GPU1")], None, &one_up), [None]);
        assert_eq!(named(&[Some("CPU1")], None, &processors(&["CPU1"])), [None]);
    }

    #[test]
    fn dell_counts_in_letters() {
        let two = processors(&["CPU1", "CPU2"]);
        let names = [Some("DIMM.Socket.A1"), Some("B12"), Some("DIMM_C1"), Some("DIMM_A")];
        assert_eq!(named(&names, Some("Dell Inc."), &two), [Some(0), Some(1), None, None]);
        assert_eq!(named(&names, Some("Supermicro"), &two), [None, None, None, None]);
    }
}
