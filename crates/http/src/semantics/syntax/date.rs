//! `HTTP-date` (RFC 9110 5.6.7), in the form that is written today and both that once were.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECONDS_PER_DAY: i64 = 86_400;

/// Reads a date in any of the three forms, letters in whatever case (RFC 9111 4.2).
///
/// Two-digit years depend on `now`: a date that would be more than 50 years ahead is the one that
/// lies a century before. Which weekday the date names does not matter, as long as it is one.
pub(crate) fn parse(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    let comma = value.iter().position(|&byte| byte == b',');
    let parts = match comma {
        Some(3) => fixdate(value)?,
        Some(_) => rfc850(value, now)?,
        None => asctime(value)?,
    };
    from_seconds(parts.seconds()?)
}

/// Writes a date. What the format cannot express becomes the nearest date that it can.
pub(crate) fn format(time: SystemTime) -> HeaderValue {
    let last = days_from_civil(10_000, 1, 1) * SECONDS_PER_DAY - 1;
    let first = days_from_civil(0, 1, 1) * SECONDS_PER_DAY;
    let seconds = to_seconds(time).clamp(first, last);
    let (days, of_day) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    let (year, month, day) = civil_from_days(days);
    let mut text = *b"Mon, 01 Jan 1970 00:00:00 GMT";
    // The first of January 1970 was a Thursday.
    let weekday = WEEKDAYS[(days + 3).rem_euclid(7) as usize];
    text[..3].copy_from_slice(&weekday.as_bytes()[..3]);
    put_two(&mut text[5..7], day);
    text[8..11].copy_from_slice(MONTHS[month as usize - 1].as_bytes());
    put_two(&mut text[12..14], year / 100);
    put_two(&mut text[14..16], year % 100);
    put_two(&mut text[17..19], of_day / 3600);
    put_two(&mut text[20..22], of_day / 60 % 60);
    put_two(&mut text[23..25], of_day % 60);
    HeaderValue::from_bytes(&text).expect("letters, digits, spaces and colons are allowed")
}

/// Returns the whole seconds since the epoch, rounded down.
pub(crate) fn to_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -seconds - i64::from(before.subsec_nanos() > 0)
        }
    }
}

fn from_seconds(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

fn put_two(place: &mut [u8], number: i64) {
    // Callers pass 0 to 99.
    place[0] = b'0' + (number / 10) as u8;
    place[1] = b'0' + (number % 10) as u8;
}

/// A date of the Gregorian calendar and a time of the day, in Greenwich.
#[derive(Clone, Copy)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    of_day: i64,
}

impl Parts {
    /// Returns the seconds since the epoch, or `None` if the month has no such day.
    fn seconds(self) -> Option<i64> {
        let days = days_from_civil(self.year, self.month, self.day);
        (civil_from_days(days) == (self.year, self.month, self.day))
            .then_some(days * SECONDS_PER_DAY + self.of_day)
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn fixdate(value: &[u8]) -> Option<Parts> {
    let mut text = Text(value);
    text.short_weekday()?;
    text.exactly(b", ")?;
    let day = text.number(2)?;
    text.exactly(b" ")?;
    let month = text.month()?;
    text.exactly(b" ")?;
    let year = text.number(4)?;
    text.exactly(b" ")?;
    let of_day = text.time()?;
    text.exactly(b" GMT")?;
    text.end()?;
    Some(Parts { year, month, day, of_day })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(value: &[u8], now: SystemTime) -> Option<Parts> {
    let mut text = Text(value);
    WEEKDAYS.iter().find_map(|weekday| text.exactly(weekday.as_bytes()))?;
    text.exactly(b", ")?;
    let day = text.number(2)?;
    text.exactly(b"-")?;
    let month = text.month()?;
    text.exactly(b"-")?;
    let year_of_century = text.number(2)?;
    text.exactly(b" ")?;
    let of_day = text.time()?;
    text.exactly(b" GMT")?;
    text.end()?;
    let now = to_seconds(now).clamp(0, days_from_civil(9000, 1, 1) * SECONDS_PER_DAY);
    let (this_year, month_now, day_now) = civil_from_days(now.div_euclid(SECONDS_PER_DAY));
    let mut year = this_year - this_year % 100 + year_of_century;
    // The latest year that is not more than 50 years ahead.
    let moment = |year| (year, month, day, of_day);
    let limit = (this_year + 50, month_now, day_now, now.rem_euclid(SECONDS_PER_DAY));
    if moment(year + 100) <= limit {
        year += 100;
    } else if moment(year) > limit {
        year -= 100;
    }
    Some(Parts { year, month, day, of_day })
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(value: &[u8]) -> Option<Parts> {
    let mut text = Text(value);
    text.short_weekday()?;
    text.exactly(b" ")?;
    let month = text.month()?;
    text.exactly(b" ")?;
    let day = match text.exactly(b" ") {
        Some(()) => text.number(1)?,
        None => text.number(2)?,
    };
    text.exactly(b" ")?;
    let of_day = text.time()?;
    text.exactly(b" ")?;
    let year = text.number(4)?;
    text.end()?;
    Some(Parts { year, month, day, of_day })
}

/// What has not been read yet.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn exactly(&mut self, expected: &[u8]) -> Option<()> {
        let (head, rest) = self.0.split_at_checked(expected.len())?;
        head.eq_ignore_ascii_case(expected).then(|| self.0 = rest)
    }

    fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(digits)?;
        let number = head.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
        })?;
        self.0 = rest;
        Some(number)
    }

    fn short_weekday(&mut self) -> Option<()> {
        WEEKDAYS.iter().find_map(|weekday| self.exactly(&weekday.as_bytes()[..3]))
    }

    fn month(&mut self) -> Option<i64> {
        (1..)
            .zip(MONTHS)
            .find_map(|(number, month)| self.exactly(month.as_bytes()).map(|()| number))
    }

    /// Reads `08:49:37` and returns the seconds since midnight.
    fn time(&mut self) -> Option<i64> {
        let hour = self.number(2)?;
        self.exactly(b":")?;
        let minute = self.number(2)?;
        self.exactly(b":")?;
        let second = self.number(2)?;
        // 60 is a leap second.
        (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
    }
}

/// Returns the days from the epoch to a date, by Howard Hinnant's `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
