//! A leak: LeakSanitizer, which runs at the end of AddressSanitizer's processes, has to report it.

use std::hint::black_box;

fn main() {
    // In a call of its own, so that no register or stack slot still holds the address at the end.
    for _ in 0..10 {
        lose();
    }
}

#[inline(never)]
fn lose() {
    std::mem::forget(black_box(vec![1_u8; 1_000]));
}
