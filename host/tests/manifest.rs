//! What `Component.toml` may say, and what is said about what it may not.

use std::fs;
use std::time::Duration;

use enginebay_core::Limits;
use enginebay_host::manifest::{
    ByteSize, MAX_CONFIG, Manifest, ManifestError, Position, Problem, ProblemKind, ResourcePolicy,
    Restart, template,
};

/// The least that a manifest must say.
const LEAST: &str =
    "[component]\nname = \"a\"\nversion = \"1.0.0\"\n[resources]\nmemory = \"1MiB\"\n";

const ALL: &str = r#"
[component]
name = "data-processor"
version = "1.2.3-beta.1"
description = "Counts words"
authors = ["Ada <ada@example.com>"]
license = "MIT OR Apache-2.0"
file = "build/processor.wasm"

[dependencies]
"enginebay:storage" = "^1.0"
"enginebay:core/logging" = ">=1.2, <2"

[resources]
memory = "2MiB"
fuel = 1_000_000
deadline = "500ms"
table-elements = 1000
instances = 10
memories = 2
tables = 3
handles = 400
host-bytes = "1MiB"

[lifecycle]
restart = "always"
max-restarts = 3
backoff = "1s"

[config]
name = ""
retries = -3
share = 0.5
on = true
begins = 2026-01-02T03:04:05Z
list = [1, "two", { three = 3.0 }]
deep.er.still = []

[permissions.filesystem]
read = ["/data/**", "/etc/hosts"]
write = { required = ["/data/out/*"], optional = ["/tmp/**"] }
delete = { optional = ["/tmp/**"] }
list = ["/data"]

[permissions.network]
connect = ["*.example.com:443"]
listen = ["127.0.0.1:8080"]
resolve = ["*.example.com"]
max-bytes-per-day = "1GB"
max-requests-per-minute = 1000

[permissions.process]
spawn = ["/usr/bin/git"]
signal = ["git-*"]
kill = ["git-*"]
inspect = ["*"]

[permissions.storage]
read = ["app:*"]
write = ["app:cache"]
delete = ["app:cache"]
list = ["app:*"]
max-bytes = "100MB"

[permissions.messaging]
send = ["counter"]
request = ["counter"]
publish = ["events.*"]
subscribe = ["events.**"]
max-per-minute = 60
"#;

fn problems(text: &str) -> Vec<Problem> {
    let error = Manifest::parse(text).expect_err(text);
    assert!(!error.problems().is_empty(), "{error}");
    error.problems().to_vec()
}

#[test]
fn a_manifest_that_says_all_is_read() {
    let manifest = Manifest::parse(ALL).unwrap();
    assert_eq!(manifest.component.version.to_string(), "1.2.3-beta.1");
    assert_eq!(manifest.component.file.as_str(), "build/processor.wasm");
    assert_eq!(manifest.dependencies.len(), 2);
    let expected = Limits::new()
        .memory(2 << 20)
        .fuel(1_000_000)
        .deadline(Duration::from_millis(500))
        .table_elements(1000)
        .instances(10)
        .memories(2)
        .tables(3)
        .handles(400)
        .host_bytes(1 << 20);
    assert_eq!(manifest.limits(), expected);
    assert_eq!(manifest.lifecycle.restart, Restart::Always);
    let permissions = &manifest.permissions;
    assert_eq!(permissions.storage.max_bytes, Some(ByteSize(100_000_000)));
    assert_eq!(permissions.messaging.max_per_minute, Some(60));
    let grants: Vec<String> = manifest
        .grants()
        .iter()
        .map(|grant| format!("{grant}{}", if grant.required { "!" } else { "?" }))
        .collect();
    assert_eq!(
        grants,
        [
            "filesystem.read(/data/**)!",
            "filesystem.read(/etc/hosts)!",
            "filesystem.write(/data/out/*)!",
            "filesystem.write(/tmp/**)?",
            "filesystem.delete(/tmp/**)?",
            "filesystem.list(/data)!",
            "network.connect(*.example.com:443)!",
            "network.listen(127.0.0.1:8080)!",
            "network.resolve(*.example.com)!",
            "process.spawn(/usr/bin/git)!",
            "process.signal(git-*)!",
            "process.kill(git-*)!",
            "process.inspect(*)!",
            "storage.read(app:*)!",
            "storage.write(app:cache)!",
            "storage.delete(app:cache)!",
            "storage.list(app:*)!",
            "messaging.send(counter)!",
            "messaging.request(counter)!",
            "messaging.publish(events.*)!",
            "messaging.subscribe(events.**)!",
        ]
    );
}

#[test]
fn what_is_left_out_is_the_default_and_grants_nothing() {
    let manifest = Manifest::parse(LEAST).unwrap();
    assert_eq!(manifest.limits(), Limits::new().memory(1 << 20));
    assert_eq!(manifest.component.file.as_str(), "component.wasm");
    assert!(manifest.grants().is_empty());
    assert_eq!(manifest.to_toml().parse::<toml::Table>().unwrap().len(), 2);
}

#[test]
fn both_forms_say_the_same() {
    for text in [ALL, LEAST] {
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(Manifest::parse(&manifest.to_toml()).unwrap(), manifest);
        let json = manifest.to_json().to_string();
        let policy = ResourcePolicy::default();
        assert_eq!(Manifest::from_json(&json, &policy).unwrap(), manifest);
    }
}

#[test]
fn a_configuration_is_json_text_for_the_component() {
    let data = |text: &str| Manifest::parse(text).unwrap().config.to_data();
    let said = data(ALL).unwrap();
    let expected = r#"{"begins":"2026-01-02T03:04:05Z","deep":{"er":{"still":[]}},"list":[1,"two",{"three":3.0}],"name":"","on":true,"retries":-3,"share":0.5}"#;
    assert_eq!(str::from_utf8(&said).unwrap(), expected);
    assert_eq!(data(LEAST), None);
    assert_eq!(data(&format!("{LEAST}[config]")), None);
    // With `{"a":""}` around it.
    let long = |bytes: usize| format!("{LEAST}[config]\na = \"{}\"", "x".repeat(bytes - 8));
    assert_eq!(data(&long(MAX_CONFIG)).unwrap().len(), MAX_CONFIG);
    let found = problems(&long(MAX_CONFIG + 1));
    assert_eq!(found[0].kind, ProblemKind::OutOfRange);
    assert!(found[0].message.contains("65536 is the most"), "{found:?}");
    let nested = |lists: usize| {
        let (open, close) = ("[".repeat(lists), "]".repeat(lists));
        format!("{LEAST}[config]\na = {open}{close}")
    };
    assert!(data(&nested(15)).is_some());
    let found = problems(&nested(16));
    assert_eq!(found[0].kind, ProblemKind::OutOfRange);
    assert!(found[0].message.contains("more than 16"), "{found:?}");
    // What only JSON has.
    let json = |config: &str| {
        let text = format!(
            r#"{{"component": {{"name": "a", "version": "1.0.0"}},
            "resources": {{"memory": "1MiB"}}, "config": {config}}}"#
        );
        let read = Manifest::from_json(&text, &ResourcePolicy::default());
        read.map_err(|error| error.to_string())
    };
    assert!(
        json(r#"{"a": null}"#)
            .unwrap_err()
            .contains("leave the key out")
    );
    assert!(
        json(r#"{"a": {"b": 1, "b": 2}}"#)
            .unwrap_err()
            .contains("there twice")
    );
    assert!(
        json(r#"{"a": 18446744073709551615}"#)
            .unwrap_err()
            .contains("is allowed")
    );
    assert_eq!(
        json(r#"{"a": true}"#).unwrap().config.get("a"),
        Some(&true.into())
    );
}

#[test]
fn a_missing_section_is_shown_with_what_to_add() {
    let found = problems("[component]\nname = \"a\"\nversion = \"1.0.0\"\n");
    assert_eq!(found.len(), 1);
    let problem = &found[0];
    assert_eq!(
        (problem.kind, problem.key.as_str()),
        (ProblemKind::Missing, "resources")
    );
    let example = problem.example.as_deref().unwrap();
    assert!(example.contains("[resources]\nmemory ="), "{example}");
    assert_eq!(problem.position, Some(Position { line: 4, column: 1 }));
    let found = problems("");
    let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["component", "resources"]);
    // The sections that are shown are right.
    let shown: Vec<&str> = found
        .iter()
        .filter_map(|it| it.example.as_deref())
        .collect();
    Manifest::parse(&shown.join("\n")).unwrap();
}

/// What a line in the place of one of [`LEAST`] is told, and where in that line.
#[test]
fn what_is_wrong_is_told_with_its_place_and_what_is_allowed() {
    use ProblemKind::{Invalid, Missing, OutOfRange, Syntax, UnknownKey, WrongType};
    for (line, text, kind, column, key, part) in [
        (
            2,
            "name = \"A\"",
            Invalid,
            8,
            "component.name",
            "my-component",
        ),
        (2, "name = 1", WrongType, 8, "component.name", "text"),
        (2, "nmae = \"a\"", UnknownKey, 1, "component.nmae", "`name`"),
        (
            3,
            "version = \"1.0\"",
            Invalid,
            11,
            "component.version",
            "1.0.0",
        ),
        (
            3,
            "version = \"1.0.0\"\nlicence = \"MIT\"",
            UnknownKey,
            1,
            "component.licence",
            "`license`",
        ),
        (
            3,
            "version = \"1.0.0\"\ncolour = 1",
            UnknownKey,
            1,
            "component.colour",
            "allowed are name",
        ),
        (
            3,
            "version = \"1.0.0\"\nauthors = \"me\"",
            WrongType,
            11,
            "component.authors",
            "list",
        ),
        (
            3,
            "version = \"1.0.0\"\ndescription = \"\"",
            Invalid,
            15,
            "component.description",
            "empty",
        ),
        (
            3,
            "version = \"1.0.0\"\nfile = \"../x\"",
            Invalid,
            8,
            "component.file",
            "relative path",
        ),
        (5, "", Missing, 1, "resources.memory", "memory = \"4MiB\""),
        (
            5,
            "memory = \"5MiB\"",
            OutOfRange,
            10,
            "resources.memory",
            "512KiB to 4MiB",
        ),
        (
            5,
            "memory = 524287",
            OutOfRange,
            10,
            "resources.memory",
            "512KiB to 4MiB",
        ),
        (
            5,
            "memory = \"lots\"",
            Invalid,
            10,
            "resources.memory",
            "4MiB",
        ),
        (
            5,
            "memory = 1.5",
            WrongType,
            10,
            "resources.memory",
            "fraction",
        ),
        (
            5,
            "memory = -1",
            OutOfRange,
            10,
            "resources.memory",
            "512KiB",
        ),
        (
            5,
            "memory = 99999999999999999999999999999999999999999999",
            OutOfRange,
            10,
            "resources.memory",
            "512KiB to 4MiB",
        ),
        (
            5,
            "memory = \"1MiB\"\nfuel = -1",
            OutOfRange,
            8,
            "resources.fuel",
            "0 to",
        ),
        (
            5,
            "memory = \"1MiB\"\ndeadline = \"301s\"",
            OutOfRange,
            12,
            "resources.deadline",
            "5m",
        ),
        (
            5,
            "memory = \"1MiB\"\ndeadline = \"none\"",
            OutOfRange,
            12,
            "resources.deadline",
            "5m",
        ),
        (
            5,
            "memory = \"1MiB\"\ndeadline = \"0s\"",
            Invalid,
            12,
            "resources.deadline",
            "500ms",
        ),
        (
            5,
            "memory = \"1MiB\"\nhandles = 100001",
            OutOfRange,
            11,
            "resources.handles",
            "100000",
        ),
        (
            5,
            "memory = \"1MiB\"\ntable_elements = 1",
            UnknownKey,
            1,
            "resources.table_elements",
            "`table-elements`",
        ),
        (
            5,
            "memory = \"1MiB\"\n[permission]",
            UnknownKey,
            2,
            "permission",
            "`permissions`",
        ),
        (
            5,
            "memory = \"1MiB\"\n[permissions.files]",
            UnknownKey,
            14,
            "permissions.files",
            "filesystem",
        ),
        (
            5,
            "memory = \"1MiB\"\n[permissions.filesystem]\nread = [\"a\"]",
            Invalid,
            9,
            "permissions.filesystem.read[0]",
            "absolute",
        ),
        (
            5,
            "memory = \"1MiB\"\n[permissions.filesystem]\nread = \"/a\"",
            WrongType,
            8,
            "permissions.filesystem.read",
            "list",
        ),
        (
            5,
            "memory = \"1MiB\"\n[permissions.filesystem]\nread = { requried = [] }",
            UnknownKey,
            10,
            "permissions.filesystem.read.requried",
            "`required`",
        ),
        (
            5,
            "memory = \"1MiB\"\n[permissions.network]\nconnect = [\"example.com\"]",
            Invalid,
            12,
            "permissions.network.connect[0]",
            "port",
        ),
        (
            5,
            "memory = \"1MiB\"\n[dependencies]\nstorage = \"^1\"",
            Invalid,
            1,
            "dependencies",
            "ns:package",
        ),
        (
            5,
            "memory = \"1MiB\"\n[dependencies]\n\"a:b\" = \"*\"",
            Invalid,
            9,
            "dependencies.a:b",
            "^1.0",
        ),
        (
            5,
            "memory = \"1MiB\"\n[lifecycle]\nrestart = \"sometimes\"",
            Invalid,
            11,
            "lifecycle.restart",
            "never",
        ),
        (
            5,
            "memory = \"1MiB\"\n[lifecycle]\nbackoff = \"2h\"",
            OutOfRange,
            11,
            "lifecycle.backoff",
            "1h",
        ),
        (
            5,
            "memory = \"1MiB\"\n[[config]]",
            WrongType,
            0,
            "config",
            "a table of keys and values",
        ),
        (
            5,
            "memory = \"1MiB\"\n[config]\na = [1, { b = nan }]",
            Invalid,
            15,
            "config.a[1].b",
            "finite",
        ),
        (
            5,
            "memory = \"1MiB\"\n[config]\na = 9223372036854775808",
            OutOfRange,
            5,
            "config.a",
            "9223372036854775807 is allowed",
        ),
        (
            5,
            "memory = \"1MiB\"\nmemory = \"2MiB\"",
            Syntax,
            1,
            "",
            "duplicate",
        ),
        (5, "memory = ", Syntax, 0, "", ""),
    ] {
        let mut lines: Vec<&str> = LEAST.lines().collect();
        lines[line - 1] = text;
        let whole = lines.join("\n");
        let found = problems(&whole);
        let problem = found
            .iter()
            .find(|problem| problem.kind == kind)
            .unwrap_or_else(|| panic!("{text:?}: {found:?}"));
        assert_eq!(problem.key, key, "{text:?}");
        assert!(problem.message.contains(part), "{text:?}: {problem}");
        let position = problem.position.unwrap();
        if column > 0 {
            let last = line + text.matches('\n').count();
            let expected = if kind == Missing { line - 1 } else { last };
            assert_eq!(
                (position.line, position.column),
                (expected, column),
                "{text:?}"
            );
        }
    }
}

#[test]
fn all_that_is_wrong_is_told_in_order() {
    let text = "[component]\nname = \"A\"\nversion = 1\n[resources]\nmemory = \"1TB\"\nfule = 1\n";
    let found = problems(text);
    let lines: Vec<usize> = found.iter().map(|it| it.position.unwrap().line).collect();
    assert_eq!(lines, [2, 3, 5, 6]);
    let error = Manifest::parse(text).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 4, "{error}");
}

#[test]
fn the_embedder_widens_what_may_be_asked_for() {
    let text = LEAST.replace("1MiB", "64MiB");
    assert!(Manifest::parse(&text).is_err());
    let policy = ResourcePolicy::new().memory(0..=1 << 30);
    assert_eq!(
        Manifest::parse_with(&text, &policy)
            .unwrap()
            .limits()
            .memory,
        64 << 20
    );
    let text = LEAST.to_owned() + "deadline = \"none\"\nhandles = 200000\n";
    let most = Limits::new().deadline(None).handles(1 << 20);
    let policy = ResourcePolicy::new().most(most);
    let limits = Manifest::parse_with(&text, &policy).unwrap().limits();
    assert_eq!((limits.deadline, limits.handles), (None, 200_000));
}

#[test]
fn hostile_files_are_refused_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(Manifest::FILE);
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Manifest::from_file(&path)
    };
    assert!(read(LEAST.as_bytes()).is_ok());
    assert!(read(format!("\u{feff}{LEAST}").as_bytes()).is_ok());
    assert!(read(LEAST.replace('\n', "\r\n").as_bytes()).is_ok());
    let error = read(b"[component]\nname = \"\xff\"").unwrap_err();
    let expected = Position { line: 2, column: 9 };
    assert!(matches!(error, ManifestError::Encoding { position, .. } if position == expected));
    assert!(error.to_string().contains(Manifest::FILE), "{error}");
    let error = read(LEAST.replace('1', "\0").as_bytes()).unwrap_err();
    assert!(!error.to_string().contains('\0'), "{error:?}");
    assert!(matches!(
        read(&vec![b'#'; 300 << 10]),
        Err(ManifestError::TooLarge { .. })
    ));
    let error = Manifest::from_file(folder.path()).unwrap_err();
    assert!(matches!(error, ManifestError::Io { .. }), "{error}");
    let error = Manifest::from_file(folder.path().join("none")).unwrap_err();
    assert!(matches!(error, ManifestError::Io { .. }), "{error}");
}

#[test]
fn what_is_nested_or_much_is_bounded() {
    let patterns = |n: usize| {
        let list = "\"/a/*\",".repeat(n);
        format!("{LEAST}[permissions.filesystem]\nread = [{list}]\nwrite = [\"/b\"]\n")
    };
    assert!(Manifest::parse(&patterns(255)).is_ok());
    assert_eq!(problems(&patterns(256))[0].kind, ProblemKind::TooMany);
    assert_eq!(problems(&patterns(20_000))[0].kind, ProblemKind::TooMany);
    for deep in [
        format!("{LEAST}fuel = {}{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("{LEAST}fuel = {}", "{a=".repeat(50_000)),
        format!("{}b = 1", "a.".repeat(100_000)),
        format!("[{}b]", "a.".repeat(100_000)),
        format!("[\"x\".{}b]", "a.".repeat(100_000)),
        format!("[[{}b]]", "'a'.".repeat(50_000)),
        format!("x = {{ {}b = 1 }}", "\"a\" . ".repeat(30_000)),
    ] {
        assert_eq!(problems(&deep)[0].kind, ProblemKind::Syntax);
    }
    let deep = "[".repeat(100_000);
    assert!(Manifest::from_json(&deep, &ResourcePolicy::default()).is_err());
    let many: String = (0..10_000).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(problems(&many).len(), 50);
    let long = format!("{} = 1\n", "k".repeat(100_000));
    assert!(
        problems(&long)
            .iter()
            .all(|problem| problem.to_string().len() < 1000)
    );
    let many: String = (0..200).map(|n| format!("\"a:b{n}\" = \"^1\"\n")).collect();
    let found = problems(&format!(
        "{LEAST}[dependencies]\n{}",
        many.replace("b", "b-x")
    ));
    assert!(found.iter().any(
        |problem| problem.kind == ProblemKind::TooMany || problem.kind == ProblemKind::Invalid
    ));
}

#[test]
fn json_is_as_strict() {
    let policy = ResourcePolicy::default();
    let told = |text: &str| Manifest::from_json(text, &policy).unwrap_err().to_string();
    let twice = r#"{"component": {"name": "a", "name": "b"}}"#;
    assert!(told(twice).contains("there twice"));
    assert!(told("{").contains("line 1"));
    assert!(told("[]").contains("table"));
    let error = told(r#"{"component": null, "resources": {"memory": 1e99}, "x": 1}"#);
    assert!(
        error.contains("null") && error.contains("too large"),
        "{error}"
    );
}

#[test]
fn the_template_is_a_manifest_with_every_key() {
    let text = template(&"my-thing".parse().unwrap());
    let manifest = Manifest::parse(&text).unwrap();
    assert_eq!(manifest.component.name.as_str(), "my-thing");
    // What is in comments is right too.
    let is_key = |line: &str| line.starts_with('[') || line.contains(" = ");
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| is_key(rest))
                .unwrap_or(line)
        })
        .filter(|line| !line.starts_with('{'))
        .collect();
    let manifest = Manifest::parse(&uncommented.join("\n")).unwrap();
    assert!(manifest.grants().len() > 10);
}

/// Every key of what is written is in the schema, and the schema knows no others.
#[test]
fn the_schema_has_every_key() {
    let schema = Manifest::json_schema();
    let json = Manifest::parse(ALL).unwrap().to_json();
    fn resolve<'a>(
        schema: &'a serde_json::Value,
        root: &'a serde_json::Value,
    ) -> &'a serde_json::Value {
        match schema["$ref"].as_str() {
            Some(name) => root.pointer(&name[1..]).unwrap(),
            None => schema,
        }
    }
    fn check(
        value: &serde_json::Value,
        schema: &serde_json::Value,
        root: &serde_json::Value,
        path: &str,
    ) {
        let schema = resolve(schema, root);
        let (Some(table), Some(properties)) = (value.as_object(), schema["properties"].as_object())
        else {
            return;
        };
        assert_eq!(schema["additionalProperties"], false, "{path}");
        let keys: Vec<&String> = properties.keys().collect();
        let written: Vec<&String> = table.keys().collect();
        assert!(
            keys.iter().all(|key| written.contains(key)),
            "{path}: {keys:?} {written:?}"
        );
        for (key, value) in table {
            let known = properties
                .get(key)
                .unwrap_or_else(|| panic!("{path}.{key}"));
            check(value, known, root, &format!("{path}.{key}"));
        }
    }
    check(&json, &schema, &schema, "");
    let required = |name: &str| schema.pointer(name).unwrap().to_string();
    assert_eq!(required("/required"), "[\"component\",\"resources\"]");
    assert_eq!(required("/$defs/Resources/required"), "[\"memory\"]");
    assert_eq!(
        required("/$defs/ComponentInfo/required"),
        "[\"name\",\"version\"]"
    );
}

#[test]
fn the_page_of_the_manual_is_right() {
    let page = include_str!("../../docs/src/reference/manifest.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let manifest = Manifest::parse(example).unwrap();
    assert!(!manifest.grants().is_empty());
    // Every key is named.
    let mut json = Manifest::parse(ALL).unwrap().to_json();
    // What is in it is the component's.
    json["config"] = true.into();
    fn keys(value: &serde_json::Value, all: &mut Vec<String>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            all.push(key.clone());
            keys(value, all);
        }
    }
    let mut all = Vec::new();
    keys(&json, &mut all);
    for key in all.iter().filter(|key| !key.contains(':')) {
        assert!(page.contains(key.as_str()), "{key}");
    }
}
