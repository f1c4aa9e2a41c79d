//! The serialized form of levels. Levels that are durations have the unit in their names, as all
//! serialized durations have.

use super::Levels;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Levels<f64>", deny_unknown_fields)]
struct Numbers {
    degraded: f64,
    critical: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Levels<Duration>", deny_unknown_fields)]
struct Durations {
    #[serde(rename = "degraded_seconds", with = "crate::seconds")]
    degraded: Duration,
    #[serde(rename = "critical_seconds", with = "crate::seconds")]
    critical: Duration,
}

/// Serializes as `{"degraded": 0.5, "critical": 0.1}`.
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl Serialize for Levels<f64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Numbers::serialize(self, serializer)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl<'de> Deserialize<'de> for Levels<f64> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Numbers::deserialize(deserializer)
    }
}

/// Serializes as `{"degraded_seconds": 5.0, "critical_seconds": 60.0}`.
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl Serialize for Levels<Duration> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Durations::serialize(self, serializer)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl<'de> Deserialize<'de> for Levels<Duration> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Durations::deserialize(deserializer)
    }
}
