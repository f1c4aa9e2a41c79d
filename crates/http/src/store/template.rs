//! Headers of stored responses, ready for the answers that are made of them.

use crate::semantics::{CACHE_STATUS, age_of};
use http::{HeaderMap, HeaderValue, header};

/// The headers of a stored response, with places for the fields that each answer has of its own.
///
/// Adding a field to a clone of a map would have the map grow, and hash all of its fields once
/// more. So the fields are there when the response is stored, and an answer gives them their
/// values.
#[derive(Debug)]
pub(crate) struct HeaderTemplate {
    /// With `Age`, and with `Cache-Status` if no cache nearer to the origin has reported.
    headers: HeaderMap,
    /// Caches nearer to the origin have reported, and the report of this one goes behind theirs.
    reported: bool,
}

impl HeaderTemplate {
    pub(crate) fn new(mut fields: HeaderMap) -> Self {
        const EMPTY: HeaderValue = HeaderValue::from_static("");
        fields.remove(header::AGE);
        let reported = fields.contains_key(CACHE_STATUS);
        let mut headers = HeaderMap::with_capacity(fields.len() + 2);
        headers.insert(header::AGE, EMPTY);
        if !reported {
            headers.insert(CACHE_STATUS, EMPTY);
        }
        headers.extend(fields);
        Self { headers, reported }
    }

    /// Returns the headers as they came, without an age.
    pub(crate) fn fields(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.remove(header::AGE);
        if !self.reported {
            headers.remove(CACHE_STATUS);
        }
        headers
    }

    /// Returns the headers of an answer of this age, with this `Cache-Status`.
    #[inline]
    pub(crate) fn answer(&self, age: u64, report: HeaderValue) -> HeaderMap {
        let mut headers = self.headers.clone();
        let age = age_of(age);
        // A map does not promise an order, but to look where they are saves hashing their names.
        let mut fields = headers.iter_mut();
        if let (Some((first, its_age)), Some((second, its_report))) = (fields.next(), fields.next())
            && !self.reported
            && *first == header::AGE
            && *second == CACHE_STATUS
        {
            *its_age = age;
            *its_report = report;
            return headers;
        }
        headers.insert(header::AGE, age);
        if self.reported {
            headers.append(CACHE_STATUS, report);
        } else {
            headers.insert(CACHE_STATUS, report);
        }
        headers
    }

    /// What the fields have on the heap, roughly.
    pub(crate) fn bytes(&self) -> usize {
        // A bucket with its hash and its index, for each.
        const EACH: usize = 112;
        self.headers.iter().map(|(name, value)| EACH + name.as_str().len() + value.len()).sum()
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn answer(template: &HeaderTemplate) -> HeaderMap {
        template.answer(30, HeaderValue::from_static("larder; hit; ttl=5"))
    }

    #[test]
    fn r13_age_and_report_are_those_of_the_answer() {
        let template =
            HeaderTemplate::new(headers(&[("etag", "\"a\""), ("age", "1"), ("age", "2")]));
        let status = ("cache-status", "larder; hit; ttl=5");
        assert_eq!(answer(&template), headers(&[("etag", "\"a\""), ("age", "30"), status]));
        assert_eq!(template.fields(), headers(&[("etag", "\"a\"")]));
    }

    #[test]
    fn r13_a_report_follows_those_that_came_with_the_response() {
        let (one, other) = (("cache-status", "a; hit"), ("cache-status", "b; fwd=miss"));
        let template = HeaderTemplate::new(headers(&[one, other]));
        let ours = ("cache-status", "larder; hit; ttl=5");
        assert_eq!(answer(&template), headers(&[one, other, ours, ("age", "30")]));
        assert_eq!(template.fields(), headers(&[one, other]));
    }
}
