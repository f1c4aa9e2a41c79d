//! What somebody may have meant.

/// `; did you mean ..?`, if one of `known` is near, or else `; there are ..`.
pub(crate) fn suggest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    let near = known
        .iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, name)| {
            *distance <= name.len().max(wrong.len()) / 3 + 1 && *distance < name.len()
        })
        .min();
    match (near, known.as_slice()) {
        (Some((_, name)), _) => format!("; did you mean `{name}`?"),
        (None, []) => "; there are none".to_owned(),
        (None, [one]) => format!("; there is `{one}`"),
        (None, [most @ .., last]) => format!("; there are `{}` and `{last}`", most.join("`, `")),
    }
}

/// Letters to insert, remove or replace (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<_> = other.chars().collect();
    let mut row: Vec<_> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_meant() {
        assert_eq!(suggest("tll", ["ttl", "tags"]), "; did you mean `ttl`?");
        assert_eq!(suggest("sesion", ["url", "session"]), "; did you mean `session`?");
        assert_eq!(suggest("quux", ["ttl", "tags"]), "; there are `ttl` and `tags`");
        assert_eq!(suggest("x", []), "; there are none");
    }

    #[test]
    fn distances_are_counted() {
        assert_eq!(
            (distance("kitten", "sitting"), distance("", "abc"), distance("a", "a")),
            (3, 3, 0)
        );
    }
}
