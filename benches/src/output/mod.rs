//! How results are shown: medians, tables, pictures, progress; the machine, and the versions of the
//! peers.

pub(crate) mod dots;
pub(crate) mod machine;
pub(crate) mod plot;
pub(crate) mod progress;
pub(crate) mod stats;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod versions;
