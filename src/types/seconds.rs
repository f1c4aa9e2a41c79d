//! Durations, serialized as seconds: a plain number.

#[cfg(feature = "manager")]
use serde::{Deserialize, Deserializer, de::Error};
use serde::{Serialize, Serializer, ser::SerializeSeq};
use std::time::Duration;
#[cfg(feature = "manager")]
use std::time::Instant;

pub(crate) fn serialize<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// Refuses what no duration can be. What was serialized comes back as it was, up to 100 days;
/// beyond, a number of this kind is not exact to the nanosecond.
#[cfg(feature = "manager")]
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// How long ago that was, by the system's clock; 0.0 for what is to come.
#[cfg(feature = "manager")]
pub(crate) fn ago<S: Serializer>(instant: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serialize(&Instant::now().saturating_duration_since(*instant), serializer)
}

/// One bucket of a histogram.
#[derive(Serialize)]
struct Bucket {
    #[serde(rename = "below_seconds", serialize_with = "serialize")]
    bound: Duration,
    loads: u64,
}

/// The buckets that are not empty.
pub(crate) fn histogram<S: Serializer>(
    buckets: impl Iterator<Item = (Duration, u64)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for (bound, loads) in buckets.filter(|(_, loads)| *loads > 0) {
        list.serialize_element(&Bucket { bound, loads })?;
    }
    list.end()
}
