//! Pseudo-random numbers, and durations that are shortened by them. Not for secrets.

use std::time::Duration;

/// What the generator splitmix64 (Steele et al., OOPSLA'14) adds to its state for each number.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Returns the number that splitmix64 makes of a state, all bits of which depend on all bits of the
/// state.
pub(crate) fn mix(state: u64) -> u64 {
    let mut bits = state.wrapping_add(GAMMA);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Returns the state that follows a state in splitmix64's sequence.
pub(crate) fn next_state(state: u64) -> u64 {
    state.wrapping_add(GAMMA)
}

/// Returns a number in [0, 1), evenly distributed if the bits are.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns `duration` without a random part of it that is less than `share` of it; `bits` are the
/// random numbers.
pub(crate) fn jittered(duration: Duration, share: f64, bits: u64) -> Duration {
    if share == 0.0 { duration } else { duration.mul_f64(1.0 - share * unit(bits)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_reference_implementation() {
        // https://prng.di.unimi.it/splitmix64.c with x = 1234567.
        let mut state = 1_234_567;
        let numbers = [(); 3].map(|()| {
            let number = mix(state);
            state = next_state(state);
            number
        });
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn a_unit_is_at_least_zero_and_less_than_one() {
        assert_eq!((unit(0), unit(1 << 63)), (0.0, 0.5));
        assert!(unit(u64::MAX) < 1.0);
    }

    #[test]
    fn jitter_takes_off_no_more_than_its_share() {
        let second = Duration::from_secs(1);
        assert_eq!(jittered(second, 0.0, u64::MAX), second);
        assert_eq!(jittered(second, 0.5, 0), second);
        assert_eq!(jittered(second, 0.5, 1 << 63), second * 3 / 4);
        assert!(jittered(second, 0.5, u64::MAX) >= second / 2);
    }
}
