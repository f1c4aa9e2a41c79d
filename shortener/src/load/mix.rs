//! Which endpoints are asked, and how often.

use std::fmt;
use std::str::FromStr;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// `GET /api/urls/redirect/{code}/`
    Redirect,
    /// `GET /api/urls/?page=..`
    List,
    /// `GET /api/urls/stats/`
    Stats,
    /// `GET /api/urls/analytics/?code=..`
    Analytics,
    /// `GET /api/users/profile/`
    Profile,
    /// `POST /api/urls/` or `PATCH /api/urls/{code}/`
    Write,
    /// `GET /api/health/live/`, which answers from no data: what the network stack takes.
    Nothing,
}

impl Endpoint {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Redirect,
        Self::List,
        Self::Stats,
        Self::Analytics,
        Self::Profile,
        Self::Write,
        Self::Nothing,
    ];

    /// As it is written on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::List => "list",
            Self::Stats => "stats",
            Self::Analytics => "analytics",
            Self::Profile => "profile",
            Self::Write => "write",
            Self::Nothing => "nothing",
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Shares of the endpoints, such as `redirect=90,list=10`; those not named get none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix([u32; 7]);

/// Why a text is no [`Mix`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MixError {
    /// No endpoint has this name.
    #[error("there is no endpoint `{given}`; there are {}", names())]
    Unknown {
        /// The name.
        given: String,
    },
    /// A part is not `NAME=SHARE`.
    #[error("`{given}` is not NAME=SHARE with a whole number up to 1000000")]
    Share {
        /// The part.
        given: String,
    },
    /// An endpoint stands there twice.
    #[error("`{given}` is given twice")]
    Twice {
        /// The name.
        given: String,
    },
    /// Nothing would be asked.
    #[error("all shares are 0; one has to be 1 or more")]
    Nothing,
}

fn names() -> String {
    Endpoint::ALL.map(Endpoint::name).join(", ")
}

impl Mix {
    /// The endpoint for `draw`, which is from 0 to below 1.
    pub(super) fn choose(self, draw: f64) -> Endpoint {
        let mut left = draw * f64::from(self.0.iter().sum::<u32>());
        for (endpoint, share) in Endpoint::ALL.into_iter().zip(self.0) {
            left -= f64::from(share);
            if left < 0.0 {
                return endpoint;
            }
        }
        // Rounding has kept a rest of the last share.
        let last = self.0.iter().rposition(|&share| share > 0).unwrap_or(0);
        Endpoint::ALL[last]
    }
}

impl Default for Mix {
    /// Mostly redirects, hardly any writes.
    fn default() -> Self {
        Self([80, 8, 3, 4, 4, 1, 0])
    }
}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let mut shares = [None; 7];
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || MixError::Share { given: part.to_owned() };
            let (name, share) = part.split_once('=').ok_or_else(wrong)?;
            let name = name.trim();
            let endpoint = Endpoint::ALL
                .into_iter()
                .find(|endpoint| endpoint.name() == name)
                .ok_or_else(|| MixError::Unknown { given: name.to_owned() })?;
            let share: u32 = share.trim().parse().map_err(|_| wrong())?;
            if share > 1_000_000 {
                return Err(wrong());
            }
            if shares[endpoint.index()].replace(share).is_some() {
                return Err(MixError::Twice { given: name.to_owned() });
            }
        }
        let shares = shares.map(Option::unwrap_or_default);
        if shares.iter().all(|&share| share == 0) {
            return Err(MixError::Nothing);
        }
        Ok(Self(shares))
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Endpoint::ALL.into_iter().zip(self.0).filter(|&(_, share)| share > 0);
        for (number, (endpoint, share)) in named.enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{}={share}", endpoint.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_chosen_by_their_shares() {
        let mix: Mix = "redirect=70, list=20,write=10".parse().unwrap();
        let mut counts = [0; 7];
        for step in 0..1_000 {
            counts[mix.choose(f64::from(step) / 1_000.0).index()] += 1;
        }
        assert_eq!(counts, [700, 200, 0, 0, 0, 100, 0]);
        assert_eq!(mix.choose(1.0), Endpoint::Write);
    }

    #[test]
    fn a_mix_prints_as_it_is_read() {
        for text in ["redirect=1", "list=3,nothing=1", &Mix::default().to_string()] {
            assert_eq!(text.parse::<Mix>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_mix_is_refused_with_the_reason() {
        for (text, reason) in [
            ("redirects=1", "there is no endpoint `redirects`; there are redirect, list"),
            ("redirect", "`redirect` is not NAME=SHARE"),
            ("redirect=-1", "`redirect=-1` is not NAME=SHARE"),
            ("redirect=1000001", "is not NAME=SHARE"),
            ("list=1,list=2", "`list` is given twice"),
            ("", "all shares are 0"),
            ("list=0", "all shares are 0"),
        ] {
            let error = text.parse::<Mix>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
