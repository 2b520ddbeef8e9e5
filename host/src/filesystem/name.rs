//! Names that a guest may use for what is in a directory.

/// Why a name cannot be used on this host, if it cannot.
///
/// On Windows one file has many names: the system drops dots and spaces at the end, a
/// colon begins the name of a stream, `NUL` is a device in every directory and
/// `SECRET~1` is another file's short name. A grant that names a file would not cover
/// these, and a rule that forbids one would miss them, so they are refused.
pub(super) fn refusal(name: &str) -> Option<&'static str> {
    if cfg!(windows) {
        on_windows(name)
    } else {
        None
    }
}

/// Whether a guest can give a name that was found in a directory.
pub(super) fn can_be_given(name: &str) -> bool {
    !name.contains('\\') && refusal(name).is_none()
}

fn on_windows(name: &str) -> Option<&'static str> {
    if name.chars().any(|c| c < ' ' || "<>:\"|?*".contains(c)) {
        return Some("on Windows a name has none of < > : \" | ? * and no control characters");
    }
    if name.ends_with(['.', ' ']) {
        return Some("on Windows a name does not end in a dot or a space");
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    if is_device(stem) {
        return Some("on Windows that is the name of a device");
    }
    let short = stem.len() <= 8
        && stem.rsplit_once('~').is_some_and(|(before, digits)| {
            !before.is_empty()
                && !digits.is_empty()
                && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
    if short {
        return Some("on Windows that may be the short name of another file");
    }
    None
}

fn is_device(stem: &str) -> bool {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    if DEVICES.iter().any(|it| stem.eq_ignore_ascii_case(it)) {
        return true;
    }
    let Some((family, number)) = stem.split_at_checked(3) else {
        return false;
    };
    (family.eq_ignore_ascii_case("COM") || family.eq_ignore_ascii_case("LPT"))
        && matches!(
            number,
            "0" | "1"
                | "2"
                | "3"
                | "4"
                | "5"
                | "6"
                | "7"
                | "8"
                | "9"
                | "\u{b9}"
                | "\u{b2}"
                | "\u{b3}"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_another_file_on_windows_are_refused_there() {
        for name in [
            "a:b",
            "a::$DATA",
            "C:",
            "a.",
            "a ",
            "nul",
            "NUL.txt",
            "Con .a",
            "com1",
            "LPT\u{b2}.x",
            "SECRET~1",
            "secre~12.txt",
            "a*",
            "a?",
            "a\u{1}",
            "conin$",
        ] {
            assert!(on_windows(name).is_some(), "{name}");
        }
    }

    #[test]
    fn plain_names_are_not() {
        for name in [
            "a",
            ".a",
            "a.b.c",
            "console",
            "com",
            "com10",
            "nulls",
            "a~b",
            "~1",
            "longer-name~1",
            "\u{e9}",
            "a b",
            "..a",
        ] {
            assert_eq!(on_windows(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_with_a_backslash_cannot_be_given() {
        assert!(!can_be_given("a\\b"));
        assert!(can_be_given("a"));
    }
}
