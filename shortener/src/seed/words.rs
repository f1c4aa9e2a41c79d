//! What made-up URLs and clicks are made of, each with how often it comes.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// A choice and its share.
type Weighted = (&'static str, u32);

pub(super) const HOSTS: &[Weighted] = &[
    ("example.com", 20),
    ("docs.example.com", 12),
    ("blog.example.org", 12),
    ("news.example.net", 10),
    ("shop.example.com", 10),
    ("video.example.net", 8),
    ("wiki.example.org", 7),
    ("forum.example.org", 6),
    ("photos.example.net", 5),
    ("events.example.com", 4),
    ("jobs.example.com", 3),
    ("maps.example.org", 3),
];

pub(super) const PATHS: &[Weighted] = &[
    ("articles", 24),
    ("products", 18),
    ("watch", 14),
    ("questions", 12),
    ("releases", 9),
    ("tickets", 8),
    ("guides", 8),
    ("people", 7),
];

/// Whose first word and last word make a title.
pub(super) const ADJECTIVES: &[Weighted] = &[
    ("Quarterly", 1),
    ("Spring", 1),
    ("Internal", 1),
    ("Weekly", 1),
    ("Annual", 1),
    ("New", 1),
    ("Public", 1),
    ("Short", 1),
    ("Updated", 1),
    ("Final", 1),
];

pub(super) const NOUNS: &[Weighted] = &[
    ("report", 1),
    ("campaign", 1),
    ("newsletter", 1),
    ("survey", 1),
    ("release notes", 1),
    ("invitation", 1),
    ("price list", 1),
    ("guide", 1),
    ("recording", 1),
    ("announcement", 1),
];

/// Hosts, and what the service calls clicks without one.
pub(super) const REFERRERS: &[Weighted] = &[
    ("direct", 34),
    ("search.example", 24),
    ("social.example", 14),
    ("mail.example", 9),
    ("chat.example", 7),
    ("news.example.net", 5),
    ("forum.example.org", 4),
    ("wiki.example.org", 3),
];

/// Codes of ISO 3166-1, and what the service calls clicks from nobody knows where.
pub(super) const COUNTRIES: &[Weighted] = &[
    ("US", 27),
    ("IN", 13),
    ("DE", 10),
    ("GB", 8),
    ("FR", 7),
    ("BR", 7),
    ("JP", 6),
    ("CA", 4),
    ("NL", 4),
    ("PL", 3),
    ("ES", 3),
    ("SE", 2),
    ("AU", 2),
    ("ZA", 2),
    ("unknown", 2),
];

pub(super) const BROWSERS: &[Weighted] =
    &[("Chrome", 60), ("Safari", 19), ("Edge", 6), ("Firefox", 6), ("Other", 9)];

/// Picks one of `choices` by their shares.
pub(super) fn pick(choices: &[Weighted], draws: &mut Xoshiro256PlusPlus) -> &'static str {
    let total = choices.iter().map(|(_, share)| share).sum();
    let mut left = draws.random_range(0..total);
    for &(word, share) in choices {
        match left.checked_sub(share) {
            None => return word,
            Some(rest) => left = rest,
        }
    }
    unreachable!("what is drawn is below the sum of the shares")
}
