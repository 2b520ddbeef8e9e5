//! What the parts of the reader do by themselves.

use std::time::Duration;

use super::*;

#[test]
fn sizes_have_binary_and_decimal_units_and_one_form() {
    for (text, bytes, shown) in [
        ("0", 0, "0B"),
        ("4MiB", 4 << 20, "4MiB"),
        ("512 KiB", 512 << 10, "512KiB"),
        ("1gib", 1 << 30, "1GiB"),
        ("1024MiB", 1 << 30, "1GiB"),
        ("10MB", 10_000_000, "10000000B"),
        ("65536", 65536, "64KiB"),
        ("3b", 3, "3B"),
    ] {
        let size: ByteSize = text.parse().unwrap();
        assert_eq!((size.0, size.to_string().as_str()), (bytes, shown));
        assert_eq!(size.to_string().parse(), Ok(size));
    }
    for wrong in ["", "MiB", "1.5MiB", "-1", "1TiB", "64M", "99999999999GiB"] {
        assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
    }
}

#[test]
fn deadlines_may_be_none_and_not_zero() {
    let half = Deadline::After(Duration::from_millis(500));
    assert_eq!("500ms".parse(), Ok(half));
    assert_eq!("none".parse(), Ok(Deadline::None));
    for wrong in ["", "0s", "5", "soon", "-1s", "999999999999999999years"] {
        assert!(wrong.parse::<Deadline>().is_err(), "{wrong}");
    }
}

#[test]
fn positions_count_lines_and_characters_from_one() {
    for (before, line, column) in [("", 1, 1), ("ab", 1, 3), ("a\r\né", 2, 2), ("\n\n", 3, 1)] {
        assert_eq!(Position::behind(before), Position { line, column });
    }
}

#[test]
fn names_begin_with_a_letter() {
    for right in ["a", "a1", "my-component-2", &"a".repeat(64)] {
        assert!(right.parse::<ComponentName>().is_ok(), "{right}");
    }
    for wrong in [
        "",
        "1a",
        "-a",
        "a-",
        "a--b",
        "A",
        "a_b",
        "a.b",
        "é",
        &"a".repeat(65),
    ] {
        let error = wrong.parse::<ComponentName>().unwrap_err();
        assert!(error.to_string().contains("my-component"), "{error}");
    }
}

#[test]
fn files_are_below_the_folder() {
    for right in ["a.wasm", "target/a b.wasm", ".hidden/x"] {
        assert!(right.parse::<ComponentFile>().is_ok(), "{right}");
    }
    for wrong in [
        "", "/a", "../a", "a/../b", "./a", "a//b", "a/", "a\\b", "C:a", "a\0", "a\nb",
    ] {
        assert!(wrong.parse::<ComponentFile>().is_err(), "{wrong:?}");
    }
}

#[test]
fn dependencies_are_packages_or_interfaces() {
    let name: DependencyName = "enginebay:storage/key-value".parse().unwrap();
    assert_eq!(name.package(), "enginebay:storage");
    assert_eq!(name.interface(), Some("key-value"));
    assert_eq!("a:b".parse::<DependencyName>().unwrap().interface(), None);
    for wrong in [
        "", "storage", "a:b:c", "a:b/c/d", "a:b/", ":b", "a:", "a:b-", "a:1b", "a:b c",
    ] {
        assert!(wrong.parse::<DependencyName>().is_err(), "{wrong}");
    }
    let error = "a:b@1.0.0".parse::<DependencyName>().unwrap_err();
    assert!(error.contains("^1.0"), "{error}");
}
