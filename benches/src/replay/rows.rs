//! Which capacities a trace is replayed with.

use std::str::FromStr;

use clap::ValueEnum;

use crate::load::trace::Trace;
use crate::parse::parse_count;

/// A capacity in entries, or in percent of the trace's keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Capacity {
    Entries(usize),
    Percent(f64),
}

impl Capacity {
    /// In entries, at least one.
    pub(crate) fn entries(self, trace: &Trace) -> usize {
        match self {
            Self::Entries(entries) => entries,
            Self::Percent(percent) => ((trace.keys as f64 * percent / 100.0) as usize).max(1),
        }
    }
}

impl FromStr for Capacity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_suffix('%') {
            Some(number) => match number.trim().parse::<f64>() {
                Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(Self::Percent(percent)),
                _ => Err("a percentage lies above 0 and is at most 100".to_owned()),
            },
            None => parse_count(text).map(|entries| Self::Entries(entries as usize)),
        }
    }
}

/// A way to choose capacities where none are given.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Rows {
    /// `design` for the traces that it knows, 2 % and 10 % of the keys for generated ones,
    /// `percent` for others.
    Auto,
    /// The fourteen pairs of trace and capacity that the design was measured with; skips others.
    Design,
    /// 0.1 % to 25 % of the trace's keys.
    Percent,
}

/// The pairs of [`Rows::Design`].
const DESIGN: [(&str, usize); 14] = [
    ("lirs_multi1", 500),
    ("lirs_multi2", 1_000),
    ("lirs_sprite", 500),
    ("lirs_loop", 500),
    ("lirs_2_pools", 500),
    ("cache2k_web07", 1_000),
    ("cache2k_orm-busy", 1_000),
    ("cache2k_orm-busy", 5_000),
    ("arc_OLTP", 1_000),
    ("arc_OLTP", 5_000),
    ("arc_OLTP", 20_000),
    ("scarab_recs", 10_000),
    ("scarab_recs", 50_000),
    ("arc_P3", 50_000),
];

/// The percentages of generated traces: few, so that all of them take seconds.
const GENERATED: [f64; 2] = [2.0, 10.0];

/// The percentages of [`Rows::Percent`].
const PERCENT: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

impl Rows {
    /// The capacities for `trace` in entries, smallest first and none twice.
    pub(crate) fn capacities(self, trace: &Trace) -> Vec<usize> {
        let design = || -> Vec<usize> {
            let of_trace = DESIGN.iter().filter(|(name, _)| *name == trace.name);
            of_trace.map(|(_, capacity)| *capacity).collect()
        };
        let percent = |percentages: &[f64]| {
            let entries = percentages.iter().map(|&percent| Capacity::Percent(percent));
            distinct(entries.map(|capacity| capacity.entries(trace)).collect())
        };
        match self {
            Self::Design => design(),
            Self::Percent => percent(&PERCENT),
            Self::Auto if trace.is_generated() => percent(&GENERATED),
            Self::Auto => {
                let known = design();
                if known.is_empty() { percent(&PERCENT) } else { known }
            }
        }
    }
}

/// Sorted, none twice.
pub(crate) fn distinct(mut capacities: Vec<usize>) -> Vec<usize> {
    capacities.sort_unstable();
    capacities.dedup();
    capacities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_parse() {
        assert_eq!("500".parse(), Ok(Capacity::Entries(500)));
        assert_eq!("10k".parse(), Ok(Capacity::Entries(10_000)));
        assert_eq!("2.5%".parse(), Ok(Capacity::Percent(2.5)));
        for bad in ["", "0", "-1", "0%", "101%", "x%", "NaN%", "ten"] {
            assert!(bad.parse::<Capacity>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_trace_gets_percentages() {
        let trace = Trace { name: "unknown".to_owned(), ..Trace::short(10_000) };
        assert!(Rows::Design.capacities(&trace).is_empty());
        let capacities = Rows::Auto.capacities(&trace);
        assert_eq!(capacities, Rows::Percent.capacities(&trace));
        assert_eq!(capacities.len(), PERCENT.len());
        let known = Trace { name: "arc_OLTP".to_owned(), ..trace };
        assert_eq!(Rows::Auto.capacities(&known), [1_000, 5_000, 20_000]);
    }
}
