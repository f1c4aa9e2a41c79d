//! Where an attribute stands. It is given the function below it and nothing around that, but where
//! a trait is implemented there is no room for companions, and rustc's dozen messages about them
//! would not say so. So the source is looked at, as far as it can be: what is generated, or only in
//! an editor, has none. Nothing but a message depends on it.

use proc_macro::Span;
use std::fs;

/// Whether this attribute stands in an `impl` block of a trait, as far as that can be known.
pub(crate) fn is_in_trait_impl() -> bool {
    let span = Span::call_site();
    let text = span.local_file().and_then(|file| fs::read_to_string(file).ok());
    text.is_some_and(|text| {
        let before = before(&text, span.line(), span.column());
        // What is generated has the place of what generates it.
        before.is_some_and(|(before, rest)| rest.starts_with("#[") && implements_trait(before))
    })
}

/// The text before a place and from it on; lines and columns count from one.
fn before(text: &str, line: usize, column: usize) -> Option<(&str, &str)> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let in_line = text[start..].char_indices().nth(column.checked_sub(1)?)?.0;
    Some(text.split_at(start + in_line))
}

/// Whether the block that is open at the end of a text is an `impl` of a trait.
fn implements_trait(before: &str) -> bool {
    let block = open_block(before);
    let item = block.and_then(|head| syn::parse_str::<syn::ItemImpl>(&format!("{head} {{}}")).ok());
    item.is_some_and(|item| item.trait_.is_some())
}

/// What stands before the brace of the innermost block that is open at the end of a text, without
/// comments.
fn open_block(text: &str) -> Option<String> {
    let mut open = Vec::new();
    let mut head = String::new();
    // Counts parentheses and brackets, in which `;` ends nothing.
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = token(rest);
        let (token, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        match next {
            '/' if token.len() > 1 => head.push(' '),
            '{' => {
                open.push((std::mem::take(&mut head), depth));
                depth = 0;
            }
            '}' => {
                depth = open.pop()?.1;
                head.clear();
            }
            ';' if depth == 0 => head.clear(),
            _ => {
                match next {
                    '(' | '[' => depth += 1,
                    ')' | ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                head.push_str(token);
            }
        }
    }
    open.pop().map(|(head, _)| head)
}

/// How long what a text begins with is: a comment, a literal that may have braces in it, a word, or
/// one character.
fn token(text: &str) -> usize {
    let one = text.chars().next().map_or(0, char::len_utf8);
    let to = |end: &str, from: usize| {
        text[from..].find(end).map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if let Some(after) = text.strip_prefix('"') {
        return 1 + quoted(after, '"');
    }
    if let Some(after) = text.strip_prefix('\'') {
        let is_character = after.starts_with('\\') || after.chars().nth(1) == Some('\'');
        return if is_character { 1 + quoted(after, '\'') } else { 1 };
    }
    let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    if word == 0 {
        return one;
    }
    if matches!(&text[..word], "r" | "br" | "cr") {
        let hashes = text[word..].bytes().take_while(|byte| *byte == b'#').count();
        if text[word + hashes..].starts_with('"') {
            return to(&format!("\"{}", "#".repeat(hashes)), word + hashes + 1);
        }
    }
    word
}

/// Up to the end of a literal that has begun.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, next) in text.char_indices() {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if next == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Comments may be within comments.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else if let Some(next) = rest.chars().next() {
            at += next.len_utf8();
        } else {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impl_of_a_trait_is_told_from_all_else() {
        let is = |before: &str| implements_trait(before);
        assert!(is("struct A; impl B for A {"));
        assert!(is("unsafe impl<'a, T: Fn(&'a str)> m::B<T> for [T; 3] where T: Copy { fn a() {}"));
        assert!(is("//! docs {\n#[x(\"{\")] impl B for A { type C = u8; /* } /* */ } */ // }\n"));
        assert!(is("mod m { impl B for A { const C: char = '}'; const D: &str = r#\"}\"#; "));
        assert!(is("impl B for A { fn a<'x>(&'x self) { let b = b\"}\\\"}\"; }"));
        assert!(!is("impl A {"));
        assert!(!is("impl<T> A<T> where for<'x> T: Fn(&'x str) {"));
        assert!(!is("impl B for A {} fn f() {"));
        assert!(!is("impl B for A { fn f() { "));
        assert!(!is("trait A: B { "));
        assert!(!is("impl B for A {}"));
        assert!(!is("}}} {"));
        assert!(!is(""));
    }

    #[test]
    fn a_place_is_found_by_line_and_column() {
        let text = "äb\n  #[x]\n";
        assert_eq!(before(text, 2, 3), Some(("äb\n  ", "#[x]\n")));
        assert_eq!(before(text, 1, 2), Some(("ä", "b\n  #[x]\n")));
        assert_eq!((before(text, 0, 1), before(text, 9, 1)), (None, None));
    }
}
