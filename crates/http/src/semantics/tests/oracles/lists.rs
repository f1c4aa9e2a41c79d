//! `Vary`, and lists and dictionaries of structured fields.

use headers::Header;
use http::{HeaderMap, HeaderName, HeaderValue, header::VARY};
use sfv::{BareItem, Dictionary, List, ListEntry, Parser};

use super::{choices::lines, subject};

/// Reads `Vary` as `headers` does, and makes keys that do not depend on how a request is written.
pub(crate) fn check_vary(data: &[u8]) {
    let fields = lines(&VARY, data);
    let found = subject::vary(&fields);
    if let Ok(theirs) = headers::Vary::decode(&mut fields.get_all(VARY).iter())
        && fields.get_all(VARY).iter().all(|line| line.to_str().is_ok())
    {
        let members: Vec<_> = theirs.iter_strs().filter(|name| !name.is_empty()).collect();
        let names: Option<Vec<_>> = members
            .iter()
            .map(|name| HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| name != "*"))
            .collect();
        let names = names.filter(|_| !theirs.is_any()).map(|mut names| {
            names.sort_by(|left, right| left.as_str().cmp(right.as_str()));
            names.dedup();
            names
        });
        assert_eq!(found, names, "{fields:?}");
    }
    let Some(names) = found else { return };
    let text: Vec<_> = names.iter().map(HeaderName::as_str).collect();
    let again = lines(&VARY, text.join(",").as_bytes());
    assert_eq!(subject::vary(&again).as_deref(), Some(&names[..]), "{text:?}");
    check_key(data);
}

/// The same value in one line or several, with space or without, makes the same key.
fn check_key(data: &[u8]) {
    for name in ["x-any", "accept-language", "accept-encoding"] {
        let name = [HeaderName::from_static(name)];
        let fields = lines(&name[0], data);
        let key = subject::secondary_key(&name, &fields);
        assert_eq!(key == [0], fields.is_empty(), "{fields:?}");
        let quoted = data.contains(&b'"');
        if quoted || fields.is_empty() {
            continue;
        }
        let joined: Vec<_> = fields.get_all(&name[0]).iter().map(|line| line.as_bytes()).collect();
        let joined = HeaderValue::from_bytes(&joined.join(&b" ,\t"[..])).unwrap();
        let joined = HeaderMap::from_iter([(name[0].clone(), joined)]);
        assert_eq!(subject::secondary_key(&name, &joined), key, "{fields:?}");
    }
}

/// Reads lists and dictionaries as `sfv` does.
pub(crate) fn check_structured(data: &[u8]) {
    let theirs = Parser::new(data).parse::<List>().ok();
    let theirs = theirs.map(|list| list.iter().map(value).collect::<Vec<_>>());
    assert_eq!(subject::list(data), theirs, "{:?}", String::from_utf8_lossy(data));
    let theirs = Parser::new(data).parse::<Dictionary>().ok();
    let theirs = theirs.map(|members| {
        let mut members: Vec<_> =
            members.iter().map(|(key, entry)| (key.as_str().to_owned(), value(entry))).collect();
        members.sort_by(|left, right| left.0.cmp(&right.0));
        members
    });
    let ours = subject::dictionary(data).map(|mut members| {
        members.sort_by(|left, right| left.0.cmp(&right.0));
        members
    });
    assert_eq!(ours, theirs, "{:?}", String::from_utf8_lossy(data));
}

fn value(entry: &ListEntry) -> subject::Value {
    let ListEntry::Item(item) = entry else { return subject::Value::Other };
    match &item.bare_item {
        BareItem::Integer(number) => subject::Value::Integer(i64::from(*number)),
        BareItem::String(string) => subject::Value::String(string.as_str().to_owned()),
        BareItem::Token(token) => subject::Value::Token(token.as_str().to_owned()),
        BareItem::Boolean(flag) => subject::Value::Boolean(*flag),
        _ => subject::Value::Other,
    }
}

/// Reads groups as `sfv` reads the lines in one.
pub(crate) fn check_groups(data: &[u8]) {
    let name = HeaderName::from_static("cache-groups");
    let fields = lines(&name, data);
    let groups = subject::groups(&fields);
    let joined: Vec<_> = fields.get_all(&name).iter().map(|line| line.as_bytes()).collect();
    let theirs = Parser::new(&joined.join(&b", "[..])).parse::<List>().unwrap_or_default();
    let strings: Option<Vec<_>> = theirs
        .iter()
        .map(|entry| match value(entry) {
            subject::Value::String(string) => Some(string),
            _ => None,
        })
        .collect();
    let mut expected = Vec::new();
    for string in strings.unwrap_or_default() {
        if string.len() <= 256 && expected.len() < 128 && !expected.contains(&string) {
            expected.push(string);
        }
    }
    assert_eq!(groups, expected, "{fields:?}");
    let quoted =
        |group: &String| format!("\"{}\"", group.replace('\\', "\\\\").replace('"', "\\\""));
    let text: Vec<_> = groups.iter().map(quoted).collect();
    assert_eq!(subject::groups(&lines(&name, text.join(", ").as_bytes())), groups);
}
