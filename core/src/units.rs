//! Sizes and times as people write them: `64MiB`, `1m 30s`. The program's options, manifests
//! and scripts all read them here, so that one text means the same everywhere and is
//! refused in the same words.

use std::time::Duration;

/// The units of sizes, in lower case. Those with an `i` are powers of 1024.
const SIZES: [(&str, u64); 8] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("b", 1),
    ("", 1),
];

/// A number of bytes: digits, and one of `KiB`, `MiB`, `GiB`, `KB`, `MB`, `GB` and `B`, in
/// any case and with or without a space before, or no unit.
///
/// # Errors
///
/// The text is of another form, or means more than `u64::MAX` bytes: what was found, and
/// what to write.
pub fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let unit = SIZES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let number = number.parse::<u64>().ok();
    number
        .zip(unit)
        .and_then(|(number, (_, factor))| number.checked_mul(*factor))
        .ok_or_else(|| {
            format!(
                "{} is no size: write 64MiB, 512KiB, 10MB or plain bytes",
                shown(text)
            )
        })
}

/// A time: numbers, each with its unit, as in `500ms`, `2s` or `1m 30s`.
///
/// # Errors
///
/// The text is of another form, or means more than `u64::MAX` seconds: what was found, and
/// what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("{} is no time: write 500ms, 2s or 1m 30s", shown(text)))
}

/// A limit in time: a [`duration`] that is not zero, or `none`.
///
/// # Errors
///
/// As [`duration`], and for no time at all.
pub fn time_limit(text: &str) -> Result<Option<Duration>, String> {
    if text == "none" {
        return Ok(None);
    }
    match duration(text) {
        Ok(Duration::ZERO) => {
            Err("nothing could run in no time: write 500ms, or none for no limit".to_owned())
        }
        Ok(time) => Ok(Some(time)),
        Err(error) => Err(format!("{error}, or none for no limit")),
    }
}

/// The beginning of a text that somebody else wrote, escaped.
fn shown(text: &str) -> String {
    const MOST: usize = 64;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("7B", 7),
            ("7 b", 7),
            ("7 ", 7),
            ("512 KiB", 512 << 10),
            ("64MiB", 64 << 20),
            ("2gib", 2 << 30),
            ("10kB", 10_000),
            ("10MB", 10_000_000),
            ("1GB", 1_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_in_one_way() {
        for wrong in [
            "",
            "MiB",
            "1.5MiB",
            "-1",
            "+1",
            " 1",
            "1TiB",
            "64M",
            "1 k iB",
            "18446744073709551616",
            "99999999999GiB",
            "\u{661}KiB",
        ] {
            let error = size(wrong).unwrap_err();
            let expected =
                format!("{wrong:?} is no size: write 64MiB, 512KiB, 10MB or plain bytes");
            assert_eq!(error, expected);
        }
        let long = size(&"x".repeat(10_000)).unwrap_err();
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn times_have_units() {
        for (text, time) in [
            ("500ms", Duration::from_millis(500)),
            ("1m 30s", Duration::from_secs(90)),
            ("1m30s", Duration::from_secs(90)),
            ("0s", Duration::ZERO),
            ("1us", Duration::from_micros(1)),
        ] {
            assert_eq!(duration(text), Ok(time), "{text}");
        }
        for wrong in ["", "5", "soon", "-1s", "18446744073709551616s", "none"] {
            let error = duration(wrong).unwrap_err();
            let expected = format!("{wrong:?} is no time: write 500ms, 2s or 1m 30s");
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn limits_in_time_may_be_none_and_not_zero() {
        assert_eq!(time_limit("none"), Ok(None));
        assert_eq!(time_limit("2s"), Ok(Some(Duration::from_secs(2))));
        for (wrong, part) in [("0s", "no time"), ("soon", "or none"), ("", "or none")] {
            let error = time_limit(wrong).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
