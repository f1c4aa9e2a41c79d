//! A read of freed memory: AddressSanitizer has to report it.

fn main() {
    let pointer = Box::into_raw(Box::new(1_u64));
    // SAFETY: it came from `into_raw`.
    drop(unsafe { Box::from_raw(pointer) });
    // SAFETY: none; this is the bug.
    println!("{}", unsafe { pointer.read_volatile() });
}
