//! Which messages are traced.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::DialogId;

/// Whether a message is one of `one_in`: the same everywhere, and in no step with anything that counts.
pub fn is_chosen(dialog: DialogId, seq: u64, one_in: u32) -> bool {
    match one_in {
        0 => false,
        1 => true,
        one_in => mixed(dialog, seq).is_multiple_of(u64::from(one_in)),
    }
}

/// splitmix64 over the two: each bit of the place changes about half of the result's.
fn mixed(dialog: DialogId, seq: u64) -> u64 {
    let bytes = dialog.0;
    let tail = bytes[4..].iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let mut mixed = tail.wrapping_add(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_is_about_one_of_a_hundred_in_a_dialog_and_over_dialogs() {
        let in_one = (1..=100_000).filter(|seq| is_chosen(DialogId([7; 12]), *seq, 100)).count();
        assert!((800..1_200).contains(&in_one), "{in_one}");
        let firsts = (0..100_000_u64).filter(|n| {
            let mut id = [0; 12];
            id[4..].copy_from_slice(&n.to_be_bytes());
            is_chosen(DialogId(id), 1, 100)
        });
        let firsts = firsts.count();
        assert!((800..1_200).contains(&firsts), "{firsts}");
    }

    #[test]
    fn all_and_none() {
        assert!((1..100).all(|seq| is_chosen(DialogId([1; 12]), seq, 1)));
        assert!(!(1..1_000).any(|seq| is_chosen(DialogId([1; 12]), seq, 0)));
    }
}
