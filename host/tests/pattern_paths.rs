//! What patterns of paths match, against a matcher that is written as the rules are said,
//! and against globset where it says the same.

use std::hash::{BuildHasher, RandomState};

use enginebay_host::pattern::{
    MAX_PATH, MAX_PATTERN, PathError, PathPattern, PatternError, is_normal, normalise,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[test]
fn wildcards_are_what_the_documentation_says() {
    for (pattern, yes, no) in [
        ("/", &["/"][..], &["", "/a"][..]),
        ("/data", &["/data"], &["/data/a", "/dat", "/DATA", "data"]),
        (
            "/data/**",
            &["/data/a", "/data/a/b", "/data/.a"],
            &["/data", "/data/", "/database", "/data/../etc", "/data/./a"],
        ),
        ("/**", &["/a", "/a/b"], &["/", "", "a"]),
        ("/*", &["/a"], &["/", "/a/b"]),
        (
            "/a/**/b",
            &["/a/b", "/a/x/b", "/a/x/y/b"],
            &["/a/xb", "/ab", "/a/b/c"],
        ),
        ("/**/b", &["/b", "/x/y/b"], &["/xb", "/b/c"]),
        ("/a/*", &["/a/b", "/a/.b"], &["/a", "/a/", "/a/b/c"]),
        (
            "/a/*.txt",
            &["/a/b.txt", "/a/.txt"],
            &["/a/b.txt/c.txt", "/a/b/c.txt"],
        ),
        (
            "/a?c",
            &["/abc", "/aéc", "/a\u{1F600}c"],
            &["/ac", "/a/c", "/abbc"],
        ),
        ("/[abé]", &["/a", "/é"], &["/c", "/e", "/ab"]),
        ("/[!a-y]", &["/z", "/A", "/é"], &["/b", "/"]),
        ("/x[!a]y", &["/xby"], &["/xay", "/x/y"]),
        ("/x[+-9]y", &["/x.y", "/x0y"], &["/x/y"]),
        ("/[*][?][[]", &["/*?["], &["/aa["]),
        ("/[a-]", &["/-", "/a"], &["/b"]),
        ("/a{,.bak}", &["/a", "/a.bak"], &["/a."]),
        (
            "/{data,data/**}",
            &["/data", "/data/x/y"],
            &["/dat", "/data2"],
        ),
        (
            "/{a,b{c,d/{e,f}}}",
            &["/a", "/bc", "/bd/f"],
            &["/b", "/e", "/bd"],
        ),
        ("/[{]x[}]", &["/{x}"], &["/x"]),
        ("/a,b", &["/a,b"], &["/a", "/b"]),
        ("/a.b(c)+|$^", &["/a.b(c)+|$^"], &["/axb(c)+|$^"]),
    ] {
        let pattern = PathPattern::new(pattern).unwrap();
        for path in yes {
            assert!(pattern.matches(path), "{pattern} is to match {path}");
        }
        for path in no {
            assert!(!pattern.matches(path), "{pattern} is not to match {path}");
        }
    }
}

#[test]
fn what_could_be_misunderstood_is_refused_with_what_to_write() {
    for (text, part) in [
        ("", "empty"),
        ("data/**", "absolute"),
        ("{/a,b}", "absolute"),
        ("/a/../b", "`..`"),
        ("/a/./b", "`.`"),
        ("/{a,..}/b", "`..`"),
        ("/a//b", "empty"),
        ("/a/", "empty"),
        ("/{a,}/b", "empty"),
        ("/a**", "segment of its own"),
        ("/a/**b", "segment of its own"),
        ("/a/**/**", "one `**`"),
        ("/a***", "segment of its own"),
        ("/{*}*", "come together"),
        ("/*{,a}*", "come together"),
        ("/*{b,{*,a}}", "come together"),
        ("/[", "`]`"),
        ("/[a/b]", "`]`"),
        ("/]", "`[`"),
        ("/[]", "class is empty"),
        ("/[!]", "class is empty"),
        ("/[^a]", "[!abc]"),
        ("/[z-a]", "range"),
        ("/[[:alpha:]]", "[a-z]"),
        ("/{a", "`}`"),
        ("/a}", "`{`"),
        ("/{}", "alternatives"),
        ("/{,}", "alternatives"),
        ("/{a,{b,{c,{d,{e,f}}}}}", "braces in braces"),
        ("/a\0", "control"),
        ("/a\nb", "'\\n'"),
        ("/a\u{1b}[2J", "control"),
        ("/a\\*", "`[*]`"),
        ("C:\\data", "`/`"),
    ] {
        let error = PathPattern::new(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text:?}: {error}");
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn patterns_are_bounded() {
    let long = format!("/{}", "a".repeat(MAX_PATTERN - 1));
    assert!(PathPattern::new(&long).unwrap().matches(&long));
    assert!(matches!(
        PathPattern::new(&format!("{long}a")),
        Err(PatternError::TooLong { length, .. }) if length == MAX_PATTERN + 1
    ));
    let alternatives = |n: usize| format!("/{}", "{a,b}".repeat(n));
    assert!(PathPattern::new(&alternatives(6)).is_ok());
    for n in [7, 30, 200] {
        assert!(matches!(
            PathPattern::new(&alternatives(n)),
            Err(PatternError::TooManyAlternatives { .. })
        ));
    }
    let wide = format!("/{{{}}}", ",".repeat(1000));
    assert!(PathPattern::new(&wide).is_err());
    // An automaton of this would have to remember where each of many `a`s was.
    let exponential = format!("/*a{}", "?".repeat(40));
    let error = PathPattern::new(&exponential).unwrap_err();
    assert!(matches!(error, PatternError::TooComplex { .. }), "{error}");
}

#[test]
fn no_path_takes_long_whatever_the_pattern_is() {
    // With backtracking, each of these would outlive whoever waits for it.
    let path = format!("/{}", "a".repeat(MAX_PATH - 1));
    let segments = "/a".repeat(MAX_PATH / 2);
    for pattern in [
        format!("/{}b", "*a".repeat(200)),
        format!("{}/b", "/**/a".repeat(100)),
        format!("/{}/b", "**/*a*/".repeat(60).trim_end_matches('/')),
        format!("/{}b", "[!b]*".repeat(100)),
        format!("/{}b", "{*a,*aa}".repeat(5)),
    ] {
        match PathPattern::new(&pattern) {
            Ok(pattern) => assert!(!pattern.matches(&path) && !pattern.matches(&segments)),
            Err(error) => assert!(matches!(error, PatternError::TooComplex { .. }), "{error}"),
        }
    }
}

#[test]
fn patterns_say_what_is_simple_about_them() {
    let below = |text| PathPattern::new(text).unwrap().below().map(str::to_owned);
    assert_eq!(below("/a/b/**").as_deref(), Some("/a/b"));
    assert_eq!(below("/**").as_deref(), Some("/"));
    assert_eq!(below("/a/*"), None);
    assert_eq!(below("/*/**"), None);
    assert!(PathPattern::new("/a/b").unwrap().is_exact());
    assert!(!PathPattern::new("/a/{b,b}").unwrap().is_exact());
}

#[test]
fn patterns_are_equal_as_their_texts_are() {
    let [a, b] = ["/a/*", "/a/?*"].map(|text| PathPattern::new(text).unwrap());
    assert_ne!(a, b);
    assert_eq!(a, a.as_str().parse().unwrap());
    let state = RandomState::new();
    assert_eq!(state.hash_one(&a), state.hash_one(a.clone()));
    let json = serde_json::to_string(&a).unwrap();
    assert_eq!(json, "\"/a/*\"");
    assert_eq!(serde_json::from_str::<PathPattern>(&json).unwrap(), a);
    let error = serde_json::from_str::<PathPattern>("\"a\"").unwrap_err();
    assert!(error.to_string().contains("absolute"), "{error}");
    let schema = serde_json::to_value(schemars::schema_for!(PathPattern)).unwrap();
    assert_eq!(schema["type"], "string");
}

#[test]
fn guests_paths_get_one_form() {
    for (path, normal) in [
        ("/", "/"),
        ("//", "/"),
        ("/.", "/"),
        ("/a/", "/a"),
        ("/a//b/./c", "/a/b/c"),
        ("/.a/...", "/.a/..."),
        ("/A/a\u{301}", "/A/a\u{301}"),
        ("/a\nb", "/a\nb"),
    ] {
        assert_eq!(normalise(path).as_deref(), Ok(normal));
    }
    for (path, error) in [
        ("", PathError::Empty),
        ("a", PathError::Relative),
        ("./a", PathError::Relative),
        ("/a/..", PathError::Parent),
        ("/../a", PathError::Parent),
        ("/a/../b", PathError::Parent),
        ("/a\0", PathError::Nul),
        ("/a\\..\\b", PathError::Backslash),
    ] {
        assert_eq!(normalise(path), Err(error), "{path:?}");
    }
    let longest = format!("/{}", "a".repeat(MAX_PATH - 1));
    assert_eq!(normalise(&longest).as_deref(), Ok(&*longest));
    let length = MAX_PATH + 1;
    let longer = format!("{longest}a");
    assert_eq!(normalise(&longer), Err(PathError::TooLong { length }));
    assert!(!is_normal(&longer));
}

/// A part of a segment.
#[derive(Clone, Debug)]
enum Piece {
    Literal(char),
    Star,
    Any,
    Class(bool, Vec<(char, char)>),
    /// Alternatives, each of pieces that are not alternatives.
    Either(Vec<Vec<Piece>>),
}

#[derive(Clone, Debug)]
enum Segment {
    Across,
    Within(Vec<Piece>),
}

fn character() -> impl Strategy<Value = char> {
    select(vec!['a', 'b', 'c', '.', 'é', '(', '+'])
}

fn simple() -> impl Strategy<Value = Piece> {
    let range = (character(), character()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        4 => character().prop_map(Piece::Literal),
        2 => Just(Piece::Star),
        1 => Just(Piece::Any),
        1 => (any::<bool>(), prop::collection::vec(range, 1..3))
            .prop_map(|(negated, ranges)| Piece::Class(negated, ranges)),
    ]
}

fn segment() -> impl Strategy<Value = Segment> {
    let either = prop::collection::vec(prop::collection::vec(simple(), 1..3), 1..3);
    let piece = prop_oneof![6 => simple(), 1 => either.prop_map(Piece::Either)];
    prop_oneof![
        1 => Just(Segment::Across),
        4 => prop::collection::vec(piece, 1..4)
            .prop_map(Segment::Within)
            // That is something else, in braces too.
            .prop_filter("two stars", |segment| !write(std::slice::from_ref(segment)).contains("**")),
    ]
}

fn pattern() -> impl Strategy<Value = Vec<Segment>> {
    prop::collection::vec(segment(), 1..5)
}

fn path() -> impl Strategy<Value = Vec<String>> {
    let name = prop::collection::vec(character(), 1..5).prop_map(String::from_iter);
    let name = name.prop_filter("no names", |name| name != "." && name != "..");
    prop::collection::vec(name, 0..5)
}

fn write_piece(text: &mut String, piece: &Piece) {
    match piece {
        Piece::Literal(c) => text.push(*c),
        Piece::Star => text.push('*'),
        Piece::Any => text.push('?'),
        Piece::Class(negated, ranges) => {
            text.push_str(if *negated { "[!" } else { "[" });
            for (first, last) in ranges {
                text.extend([*first, '-', *last]);
            }
            text.push(']');
        }
        Piece::Either(parts) => {
            text.push('{');
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                part.iter().for_each(|piece| write_piece(text, piece));
            }
            text.push('}');
        }
    }
}

fn write(pattern: &[Segment]) -> String {
    let mut text = String::new();
    for segment in pattern {
        text.push('/');
        match segment {
            Segment::Across => text.push_str("**"),
            Segment::Within(pieces) => {
                pieces
                    .iter()
                    .for_each(|piece| write_piece(&mut text, piece));
            }
        }
    }
    text
}

/// The rules, tried in every way.
fn fits(pattern: &[Segment], path: &[String]) -> bool {
    match pattern {
        [] => path.is_empty(),
        [Segment::Across] => !path.is_empty(),
        [Segment::Across, rest @ ..] => (0..=path.len()).any(|n| fits(rest, &path[n..])),
        [Segment::Within(pieces), rest @ ..] => path.split_first().is_some_and(|(name, path)| {
            let name: Vec<char> = name.chars().collect();
            fits_name(pieces, &name) && fits(rest, path)
        }),
    }
}

fn fits_name(pieces: &[Piece], name: &[char]) -> bool {
    let Some((piece, rest)) = pieces.split_first() else {
        return name.is_empty();
    };
    let one = |test: &dyn Fn(char) -> bool| {
        name.split_first()
            .is_some_and(|(c, name)| test(*c) && fits_name(rest, name))
    };
    match piece {
        Piece::Literal(literal) => one(&|c| c == *literal),
        Piece::Any => one(&|_| true),
        Piece::Star => (0..=name.len()).any(|n| fits_name(rest, &name[n..])),
        Piece::Class(negated, ranges) => one(&|c| {
            ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&c))
                != *negated
        }),
        Piece::Either(parts) => parts.iter().any(|part| {
            let pieces: Vec<Piece> = part.iter().chain(rest).cloned().collect();
            fits_name(&pieces, name)
        }),
    }
}

/// A path that the pattern is to match, or nearly: some of its names may not be names.
fn sample(pattern: &[Segment], choice: &Index) -> Vec<String> {
    let mut path = Vec::new();
    for segment in pattern {
        match segment {
            Segment::Across => path.extend(
                ["a", "b"]
                    .map(String::from)
                    .into_iter()
                    .take(choice.index(3)),
            ),
            Segment::Within(pieces) => {
                let mut name = String::new();
                pieces
                    .iter()
                    .for_each(|piece| sample_piece(&mut name, piece, choice));
                path.push(name);
            }
        }
    }
    path
}

fn sample_piece(name: &mut String, piece: &Piece, choice: &Index) {
    match piece {
        Piece::Literal(c) => name.push(*c),
        Piece::Any => name.push('é'),
        Piece::Star => name.push_str(["", "a", "bc"][choice.index(3)]),
        Piece::Class(false, ranges) => name.push(ranges[choice.index(ranges.len())].0),
        Piece::Class(true, _) => name.push('z'),
        Piece::Either(parts) => {
            let part = &parts[choice.index(parts.len())];
            part.iter()
                .for_each(|piece| sample_piece(name, piece, choice));
        }
    }
}

fn join(path: &[String]) -> String {
    format!("/{}", path.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn patterns_match_what_the_rules_say(
        pattern in pattern(),
        paths in prop::collection::vec(path(), 8),
        choices in prop::collection::vec(any::<Index>(), 8),
    ) {
        let text = write(&pattern);
        let Ok(compiled) = PathPattern::new(&text) else {
            // Stars or dots that came to stand beside each other.
            let beside = ["**", "/.", "/{", "*{", "}*", "}{"].iter().any(|part| text.contains(part));
            prop_assert!(beside, "{} is refused", text);
            return Ok(());
        };
        for path in paths.into_iter().chain(choices.iter().map(|at| sample(&pattern, at))) {
            let joined = join(&path);
            if is_normal(&joined) {
                let path = if joined == "/" { Vec::new() } else { path };
                prop_assert_eq!(compiled.matches(&joined), fits(&pattern, &path), "{} {}", text, joined);
            } else {
                prop_assert!(!compiled.matches(&joined), "{} {}", text, joined);
            }
        }
    }

    #[test]
    fn patterns_match_what_globset_says(
        pattern in pattern(),
        paths in prop::collection::vec(path(), 8),
        choices in prop::collection::vec(any::<Index>(), 8),
    ) {
        // A wildcard of globset is a byte, not a character.
        let text = write(&pattern).replace('é', "z");
        let Ok(compiled) = PathPattern::new(&text) else { return Ok(()) };
        let other = globset::GlobBuilder::new(&text).literal_separator(true).build().unwrap();
        let other = other.compile_matcher();
        for path in paths.into_iter().chain(choices.iter().map(|at| sample(&pattern, at))) {
            let joined = join(&path).replace('é', "z");
            if is_normal(&joined) && joined != "/" {
                prop_assert_eq!(compiled.matches(&joined), other.is_match(&joined), "{} {}", text, joined);
            }
        }
    }

    #[test]
    fn no_text_is_too_odd(
        text in prop_oneof![any::<String>(), "[a/*?\\[\\]{}!,.^:\\-é]{0,40}", "/[a/*\\[\\]{},]{0,20}"],
        path in prop_oneof![any::<String>(), "[a/.,é\\\\]{0,20}"],
    ) {
        if let Ok(pattern) = PathPattern::new(&text) {
            prop_assert_eq!(pattern.as_str(), &text);
            prop_assert!(!pattern.matches(&path) || normalise(&path).as_deref() == Ok(&*path));
        }
    }

    #[test]
    fn a_normal_path_is_its_own_form(path in prop_oneof![any::<String>(), "/[a/.é]{0,20}", "[a/.\\\\\0]{0,20}"]) {
        let normal = normalise(&path);
        prop_assert_eq!(is_normal(&path), normal.as_deref() == Ok(&*path));
        if let Ok(normal) = normal {
            prop_assert!(is_normal(&normal));
            let names = |path: &str| -> Vec<String> {
                let names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
                names.map(str::to_owned).collect()
            };
            prop_assert_eq!(names(&normal), names(&path));
            prop_assert!(names(&path).iter().all(|name| name != ".."));
        }
    }
}
