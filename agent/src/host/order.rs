//! Putting short lists in order with little program: the standard library's sorts are made for long lists and take some
//! four kilobytes for every type they sort, which every host would have to receive.

use std::collections::BTreeMap;

/// The smallest first (Shell's way: far ones change places first, so that the names of a large folder take no time either).
pub fn sort<T: Ord>(list: &mut [T]) {
    let mut gap = list.len() / 2;
    while gap > 0 {
        for end in gap..list.len() {
            let mut at = end;
            while at >= gap && list.get(at - gap) > list.get(at) {
                list.swap(at - gap, at);
                at -= gap;
            }
        }
        gap = if gap == 2 { 1 } else { gap * 5 / 11 };
    }
}

/// The same, where `after` tells that the first of two belongs behind the second. Stable; for lists that are short or
/// nearly in order.
pub fn sort_by<T>(list: &mut [T], after: impl Fn(&T, &T) -> bool) {
    for end in 1..list.len() {
        let mut at = end;
        while at > 0 && matches!(list.get(at - 1..=at), Some([left, right]) if after(left, right)) {
            list.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// A map made entry by entry: collected, the pairs would be sorted first, by the library. The last of equal keys counts.
pub fn map<K: Ord, V>(pairs: impl Iterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        map.insert(key, value);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ones_keep_their_order() {
        let mut list = [(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd'), (1, 'e')];
        sort_by(&mut list, |left, right| left.0 > right.0);
        assert_eq!(list, [(1, 'b'), (1, 'e'), (2, 'd'), (3, 'a'), (3, 'c')]);
        let mut words = ["b", "", "a", "b"];
        sort(&mut words);
        assert_eq!(words, ["", "a", "b", "b"]);
        for length in [2, 3, 5, 100, 1013] {
            let mut numbers: Vec<u32> = (0..length).map(|number| number * 7919 % 1009).collect();
            let mut expected = numbers.clone();
            expected.sort_unstable();
            sort(&mut numbers);
            assert_eq!(numbers, expected);
        }
        sort::<u8>(&mut []);
        assert_eq!(map([(1, 'a'), (0, 'b'), (1, 'c')].into_iter()), BTreeMap::from([(0, 'b'), (1, 'c')]));
    }
}
