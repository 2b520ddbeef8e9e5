//! Names as the most lenient file system finds them.

use std::borrow::Cow;

/// A path, as a file system would see it that ignores case (macOS, Windows), characters
/// without a width (HFS+), dots and spaces at the end of a name, and what follows a colon
/// (NTFS). Only for what is forbidden: there, too many that are the same do no harm.
pub(super) fn fold(path: &str) -> Cow<'_, str> {
    let plain = path
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase() && b != b':')
        && !path.contains("./")
        && !path.contains(" /")
        && !path.ends_with(['.', ' ']);
    if plain {
        return Cow::Borrowed(path);
    }
    let segments = path.split('/').map(fold_segment);
    Cow::Owned(segments.collect::<Vec<_>>().join("/"))
}

/// One name, folded.
pub(super) fn fold_segment(segment: &str) -> String {
    let named = segment.split(':').next().unwrap_or(segment);
    let visible = named.chars().filter(|c| !is_ignorable(*c));
    let folded = fold_case(visible);
    match folded.trim_end_matches(['.', ' ']) {
        // A name of dots alone is a name on most systems, and must stay one.
        "" => folded,
        name => name.to_owned(),
    }
}

/// By upper case to lower case: so ligatures come apart, and the long s is an s.
pub(super) fn fold_case(text: impl Iterator<Item = char>) -> String {
    text.flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// What HFS+ leaves out when it compares names.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}
