//! What patterns of hosts, endpoints, namespaces, topics and commands match.

use std::fmt::{Debug, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use enginebay_host::pattern::{
    CommandPattern, ComponentPattern, Endpoint, HostPattern, NamespacePattern, PatternError, Ports,
    TopicPattern,
};
use proptest::prelude::*;
use proptest::sample::select;

fn refused<T: FromStr<Err = PatternError> + Debug>(cases: &[(&str, &str)]) {
    for (text, part) in cases {
        let error = text.parse::<T>().unwrap_err().to_string();
        assert!(error.contains(part), "{text:?}: {error}");
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

/// Checks what matches and what does not.
macro_rules! matches {
    ($kind:ident, $($pattern:literal: $yes:expr, $no:expr;)*) => {$(
        let pattern = $kind::new($pattern).unwrap();
        for yes in $yes {
            assert!(pattern.matches(yes), "{pattern} is to match {yes}");
        }
        for no in $no {
            assert!(!pattern.matches(no), "{pattern} is not to match {no}");
        }
    )*};
}

#[test]
fn hosts_are_names_below_names_and_addresses() {
    matches! { HostPattern,
        "example.com": ["example.com", "EXAMPLE.com", "example.com."],
            ["a.example.com", "example.com..", "example.co", "examplescom", ""];
        "*.example.com": ["a.example.com", "a.b.example.com.", "A.Example.Com"],
            ["example.com", "evilexample.com", ".example.com", "-.example.com",
             "a b.example.com", "example.com.evil.org", "a.example.com:80", "éé.example.com"];
        "127.0.0.1": ["127.0.0.1", "::ffff:127.0.0.1", "[::ffff:7f00:1]"],
            ["127.0.0.2", "127.1", "::1", "localhost", "127.0.0.1."];
        "::1": ["::1", "[::1]", "0:0:0:0:0:0:0:1"], ["::2", "[::1", "::1%lo"];
        "[2001:DB8::]": ["2001:db8::0"], ["2001:db8::1"];
        "*": ["a", "a.b", "10.0.0.1", "::1", "xn--bcher-kva.example"],
            ["", "a b", "127.1", "0x7f.1", "1", "bücher.example", "a:80", "a/b"];
        "_dmarc.example": ["_dmarc.example"], ["dmarc.example"];
    }
}

#[test]
fn hosts_have_one_text() {
    for (text, same) in [
        ("Example.COM.", "example.com"),
        ("*.Example.com.", "*.example.com"),
        ("[0:0::1]", "::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ] {
        let pattern = HostPattern::new(text).unwrap();
        assert_eq!(pattern.as_str(), same);
        assert_eq!(pattern, HostPattern::new(same).unwrap());
    }
}

#[test]
fn hosts_that_are_none_are_refused() {
    let long = "a.".repeat(127) + "com";
    refused::<HostPattern>(&[
        ("", "empty"),
        ("a.*.com", "first label"),
        ("*example.com", "first label"),
        ("**", "first label"),
        ("*.*.com", "first label"),
        ("*.", "labels"),
        ("*.10.0.0.1", "number"),
        ("127.1", "four parts"),
        ("10.0.0.256", "four parts"),
        ("0x7f000001", "four parts"),
        ("bücher.example", "xn--"),
        ("a..b", "labels"),
        ("-a.com", "labels"),
        ("a_b-.com", "labels"),
        ("a b", "labels"),
        ("a\u{7f}", "control"),
        ("example.com:443", "port"),
        ("http://example.com", "scheme"),
        ("fe80::1%eth0", "IPv6"),
        (&long, "253"),
        (&"a".repeat(64), "63"),
    ]);
}

#[test]
fn endpoints_are_hosts_with_ports() {
    for (text, shown, yes, no) in [
        (
            "example.com:443",
            "example.com:443",
            ("example.com", 443),
            ("example.com", 444),
        ),
        (
            "*.Example.com:8000-8100",
            "*.example.com:8000-8100",
            ("a.example.com", 8100),
            ("a.example.com", 8101),
        ),
        ("[::1]:80", "[::1]:80", ("0::1", 80), ("::2", 80)),
        (
            "localhost:*",
            "localhost:*",
            ("localhost", 1),
            ("localhost", 0),
        ),
        ("*:1-65535", "*:*", ("a", 65535), ("a", 0)),
        (
            "10.0.0.1:53-53",
            "10.0.0.1:53",
            ("10.0.0.1", 53),
            ("10.0.0.1", 54),
        ),
        (
            "[::ffff:10.0.0.1]:1",
            "10.0.0.1:1",
            ("10.0.0.1", 1),
            ("10.0.0.1", 2),
        ),
    ] {
        let endpoint = Endpoint::new(text).unwrap();
        assert_eq!(endpoint.as_str(), shown);
        assert_eq!(Endpoint::new(shown).unwrap(), endpoint);
        assert!(endpoint.matches(yes.0, yes.1), "{text}");
        assert!(!endpoint.matches(no.0, no.1), "{text}");
    }
    refused::<Endpoint>(&[
        ("example.com", "port is missing"),
        ("[::1]", "port is missing"),
        ("::1:80", "brackets"),
        ("example.com:", "1 to 65535"),
        ("example.com:0", "1 to 65535"),
        ("example.com:0-5", "1 to 65535"),
        ("example.com:65536", "1 to 65535"),
        ("example.com:+80", "1 to 65535"),
        ("example.com:080", "1 to 65535"),
        ("example.com:90-80", "smaller first"),
        ("example.com:-", "1 to 65535"),
        ("example.com:http", "1 to 65535"),
        (":80", "empty"),
        ("https://example.com:443", "scheme"),
        ("example.com:443/x", "path"),
    ]);
    assert_eq!(Ports::new(0, 1), None);
    assert_eq!(Ports::new(2, 1), None);
}

#[test]
fn namespaces_are_of_an_owner() {
    matches! { NamespacePattern,
        "app:cache": ["app:cache"], ["app:cache2", "app:Cache", "app:"];
        "app:*": ["app:a", "app:a.b-c_d"],
            ["app:", "app", "app2:a", "app:a:b", "app:*", "app:A", "app:.a", "app:a/b"];
    }
    let long = format!("a:{}", "b".repeat(129));
    refused::<NamespacePattern>(&[
        ("", "empty"),
        ("app", "owner is missing"),
        ("*", "owner is missing"),
        ("*:a", "whole name"),
        ("app:a*", "whole name"),
        ("app:**", "whole name"),
        ("app:", "a-z"),
        (":a", "a-z"),
        ("App:a", "a-z"),
        ("app:a:b", "a-z"),
        ("app:..", "a-z"),
        ("app:a b", "a-z"),
        (&long, "128"),
    ]);
}

#[test]
fn topics_match_by_segments() {
    matches! { TopicPattern,
        "counter": ["counter"], ["Counter", "counter.a", ""];
        "events.*": ["events.a"], ["events", "events.a.b", "events."];
        "events.**": ["events", "events.a", "events.a.b"], ["event", "eventsa", "events..a"];
        "**": ["a", "a.b.c"], ["", ".", "a.", "a b"];
        "a.**.b": ["a.b", "a.x.b", "a.b.b"], ["a", "b", "a.b.c"];
        "**.a.**.b.**": ["a.b", "x.a.y.b.z", "a.a.b"], ["b.a", "a"];
    }
    let segments = |n: usize| vec!["a"; n].join(".");
    assert!(
        TopicPattern::new(&segments(32))
            .unwrap()
            .matches(&segments(32))
    );
    let all = TopicPattern::new("**").unwrap();
    assert!(all.matches(&segments(32)) && !all.matches(&segments(33)));
    refused::<TopicPattern>(&[
        ("", "empty"),
        ("a..b", "empty"),
        (".", "empty"),
        ("a.b*", "segment of its own"),
        ("***", "segment of its own"),
        ("a.**.**", "one `**`"),
        ("**.a.**.a.**.a.**.a.**", "four"),
        ("a/b", "a-z"),
        ("é", "a-z"),
        (&segments(33), "32"),
        (&"a".repeat(257), "256"),
    ]);
}

#[test]
fn components_match_by_their_names() {
    matches! { ComponentPattern,
        "counter": ["counter"], ["Counter", "counter-2", "count", "counter.a", "", "*"];
        "a-1": ["a-1"], ["a", "a-1-b", "a_1"];
        "*": ["a", "my-component"], ["", "A", "a_b", "a.b", "1a", "a--b", "*"];
    }
    refused::<ComponentPattern>(&[
        ("", "empty"),
        ("Counter", "lower case"),
        ("my_component", "lower case"),
        ("a.b", "lower case"),
        ("1a", "a letter first"),
        ("a--b", "no `--`"),
        ("**", "write `*` or a name"),
        ("a-*", "write `*` or a name"),
        ("a\nb", "control"),
        (&"a".repeat(65), "64"),
    ]);
}

#[test]
fn commands_are_paths_or_bare_names() {
    matches! { CommandPattern,
        "git": ["git"], ["/usr/bin/git", "./git", "GIT", "git-log"];
        "git-*": ["git-log", "git-"], ["git", "git-/x", "git-a\\b"];
        "*": ["a"], ["/a", "", "..", "a/b"];
        "/usr/*/git": ["/usr/bin/git"], ["/usr/git", "/usr/a/b/git", "/usr/../git", "git"];
        "/bin/*": ["/bin/sh"], ["/bin", "/bin/", "/bin/a/b", "/bin/.."];
        "/opt/a.b": ["/opt/a.b"], ["/opt/a-b", "/opt//a.b"];
    }
    refused::<CommandPattern>(&[
        ("", "empty"),
        ("bin/git", "absolute"),
        ("./git", "absolute"),
        ("/bin/../git", "absolute"),
        ("/bin/", "absolute"),
        ("/", "absolute"),
        ("..", "absolute"),
        ("/bin/**", "`*` within a segment"),
        ("git?", "only wildcard"),
        ("{a,b}", "only wildcard"),
        ("a\\b", "only wildcard"),
        ("a\nb", "control"),
    ]);
}

#[test]
fn all_kinds_are_texts_in_data() {
    fn round_trip<T>(text: &str)
    where
        T: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema,
        T: Debug + Display,
    {
        let value: T = serde_json::from_value(text.into()).unwrap();
        assert_eq!(value.to_string(), text);
        assert_eq!(serde_json::to_value(&value).unwrap(), text);
        assert!(serde_json::from_value::<T>("\n".into()).is_err());
        assert!(serde_json::from_value::<T>(3.into()).is_err());
        let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap();
        assert_eq!(schema["type"], "string");
    }
    round_trip::<HostPattern>("*.example.com");
    round_trip::<Endpoint>("*.example.com:443");
    round_trip::<NamespacePattern>("app:*");
    round_trip::<ComponentPattern>("my-component");
    round_trip::<TopicPattern>("a.**");
    round_trip::<CommandPattern>("/bin/*");
}

fn topic_fits(pattern: &[&str], topic: &[&str]) -> bool {
    match pattern {
        [] => topic.is_empty(),
        ["**", rest @ ..] => (0..=topic.len()).any(|n| topic_fits(rest, &topic[n..])),
        [wanted, rest @ ..] => topic.split_first().is_some_and(|(segment, topic)| {
            (*wanted == "*" || wanted == segment) && topic_fits(rest, topic)
        }),
    }
}

fn star_fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => {
            (0..=text.len()).any(|n| !text[..n].contains(&b'/') && star_fits(rest, &text[n..]))
        }
        [byte, rest @ ..] => text.first() == Some(byte) && star_fits(rest, &text[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn topics_match_what_the_rules_say(
        pattern in prop::collection::vec(select(vec!["a", "b", "*", "**"]), 1..8),
        topic in prop::collection::vec(select(vec!["a", "b", "c"]), 1..10),
    ) {
        if let Ok(compiled) = TopicPattern::new(&pattern.join(".")) {
            prop_assert_eq!(compiled.matches(&topic.join(".")), topic_fits(&pattern, &topic));
        }
    }

    #[test]
    fn commands_match_what_the_rules_say(pattern in "/?[ab*/]{1,8}", command in "/?[ab/]{1,8}") {
        if let Ok(compiled) = CommandPattern::new(&pattern) {
            let is_command = CommandPattern::new(&command).is_ok();
            let expected = is_command && star_fits(pattern.as_bytes(), command.as_bytes());
            prop_assert_eq!(compiled.matches(&command), expected);
        }
    }

    #[test]
    fn below_a_name_is_below_it_by_labels(
        name in "[ab]{1,2}(\\.[ab]{1,2}){0,2}",
        host in "[abAB]{1,2}(\\.[abAB]{1,2}){0,3}\\.?",
    ) {
        let pattern = HostPattern::new(&format!("*.{name}")).unwrap();
        let lower = host.trim_end_matches('.').to_ascii_lowercase();
        let labels: Vec<&str> = lower.split('.').collect();
        let wanted: Vec<&str> = name.split('.').collect();
        let expected = labels.len() > wanted.len() && labels.ends_with(&wanted);
        prop_assert_eq!(pattern.matches(&host), expected);
    }

    #[test]
    fn addresses_are_compared_as_addresses(a in any::<u128>(), b in any::<u32>()) {
        let (a, b) = (Ipv6Addr::from(a), Ipv4Addr::from(b));
        let mapped = b.to_ipv6_mapped();
        let bracketed = format!("[{mapped}]");
        prop_assert!(HostPattern::new(&b.to_string()).unwrap().matches(&bracketed));
        prop_assert!(HostPattern::new(&mapped.to_string()).unwrap().matches(&b.to_string()));
        let segments = a.segments().map(|segment| format!("{segment:04X}")).join(":");
        let pattern = HostPattern::new(&segments).unwrap();
        prop_assert_eq!(pattern.address(), Some(IpAddr::from(a).to_canonical()));
        prop_assert!(pattern.matches(&a.to_string()));
        prop_assert!(!pattern.matches(&b.to_string()));
    }

    #[test]
    fn no_text_is_too_odd(
        text in prop_oneof![any::<String>(), "[a*.:/\\[\\]0-9\\-]{0,12}"],
        what in prop_oneof![any::<String>(), "[a.:/0-9\\[\\]]{0,12}"],
    ) {
        if let Ok(host) = HostPattern::new(&text) {
            prop_assert_eq!(&HostPattern::new(host.as_str()).unwrap(), &host);
            host.matches(&what);
        }
        if let Ok(endpoint) = Endpoint::new(&text) {
            prop_assert_eq!(&Endpoint::new(endpoint.as_str()).unwrap(), &endpoint);
            endpoint.matches(&what, 1);
        }
        if let Ok(namespace) = NamespacePattern::new(&text) {
            namespace.matches(&what);
        }
        if let Ok(topic) = TopicPattern::new(&text) {
            topic.matches(&what);
        }
        if let Ok(command) = CommandPattern::new(&text) {
            command.matches(&what);
        }
    }
}

#[test]
fn a_pattern_covers_what_it_matches_all_of() {
    for (granted, wanted, covered) in [
        ("events.*", "events.*", true),
        ("events.*", "events.created", true),
        ("events.**", "events.*", true),
        ("events.**", "events", true),
        ("events.**", "events.**", true),
        ("**", "**", true),
        ("**", "*.created", true),
        ("events.*", "events.**", false),
        ("events.*", "*.created", false),
        ("events.*", "**", false),
        ("*", "**", false),
        ("*.*", "events.*", true),
        ("*.created", "events.*", false),
        ("events.created", "events.*", false),
    ] {
        let pattern = |text| TopicPattern::new(text).unwrap();
        let covers = pattern(granted).covers(&pattern(wanted));
        assert_eq!(covers, covered, "{granted} {wanted}");
    }
}
