//! What a component tries that wants more than it was given.

use enginebay_host::Capability;
use enginebay_host::permission::{MAX_TARGET_BYTES, Permissions, Reason, SecurityMode};

use super::*;

/// With every operation on everything granted, so that only the forbidden list is left.
fn all() -> Checker {
    let permissions = Permissions::builder()
        .mode(SecurityMode::Development)
        .build();
    registered(
        &permissions,
        enginebay_host::capability::Operation::all().map(Grant::any),
    )
}

fn kind(checker: &Checker, request: Request<'_>) -> &'static str {
    match check(checker, request) {
        Ok(()) => "allowed",
        Err(denial) => denial.reason().kind(),
    }
}

#[test]
fn forbidden_paths_are_forbidden_however_they_are_written() {
    let checker = all();
    for path in [
        "/etc/shadow",
        "/ETC/Shadow",
        "/etc/shadow.",
        "/etc/shadow ",
        "/etc /shadow",
        "/etc/shadow:stream",
        "/etc/\u{17f}hadow",
        "/etc/sha\u{200d}dow",
        "/dev",
        "/dev/sda",
        "/proc/self/mem",
        "/home/me/.ssh",
        "/home/me/.SSH/id_rsa",
        "/home/me/.s\u{200c}sh/config",
        "/home/me/.\u{17f}\u{17f}h/config",
        "/home/me/.ssh./config",
        "/a/b/c/id_ed25519",
        "/home/me/.config/gcloud/credentials.db",
        "/Users/me/Library/Keychains/login.keychain-db",
    ] {
        assert_eq!(kind(&checker, read(path)), "forbidden", "{path:?}");
        assert_eq!(
            kind(&checker, request(WRITE, path, 0)),
            "forbidden",
            "{path:?}"
        );
    }
    for path in [
        "/",
        "/etc",
        "/etc/shadows",
        "/devil",
        "/home/me/.sshx",
        "/x/gcloud",
        "/x/ssh",
    ] {
        assert_eq!(kind(&checker, read(path)), "allowed", "{path:?}");
    }
}

#[test]
fn paths_that_are_not_in_one_form_are_denied_in_every_mode() {
    let checker = all();
    for path in [
        "",
        "data",
        "./data",
        "/data/../etc/shadow",
        "/data/..",
        "/data/.",
        "//etc/shadow",
        "/data//a",
        "/data/",
        "/data\\..\\a",
        "/data\0/a",
        "/data/a\n",
        "C:\\Windows",
    ] {
        assert_eq!(kind(&checker, read(path)), "malformed", "{path:?}");
    }
    for path in [
        "/data/...",
        "/data/..a",
        "/data/\u{2024}\u{2024}/a",
        "/data/%2e%2e/a",
    ] {
        assert_eq!(kind(&checker, read(path)), "allowed", "{path:?}");
    }
}

#[test]
fn metadata_addresses_are_forbidden_however_they_are_written() {
    let checker = all();
    for (host, expected) in [
        ("169.254.169.254", "forbidden"),
        ("169.254.170.2", "forbidden"),
        ("::ffff:169.254.169.254", "forbidden"),
        ("[::ffff:a9fe:a9fe]", "forbidden"),
        ("::169.254.169.254", "forbidden"),
        ("64:ff9b::a9fe:a9fe", "forbidden"),
        ("2002:a9fe:a9fe::1", "forbidden"),
        ("fd00:ec2::254", "forbidden"),
        ("FD00:EC2:0::254", "forbidden"),
        ("metadata.google.internal", "forbidden"),
        ("METADATA.google.internal.", "forbidden"),
        ("2852039166", "malformed"),
        ("0xa9fea9fe", "malformed"),
        ("0xA9.0xFE.43518", "malformed"),
        ("0251.0376.0251.0376", "malformed"),
        ("169.254.43518", "malformed"),
        ("fe80::1%eth0", "malformed"),
        ("\u{ff4d}etadata.google.internal", "malformed"),
        ("example.com/x", "malformed"),
        ("user@example.com", "malformed"),
        ("example.com:80", "malformed"),
        ("example.com", "allowed"),
        ("169.253.0.1", "allowed"),
        ("::1", "allowed"),
    ] {
        assert_eq!(kind(&checker, connect(host, 80)), expected, "{host:?}");
        assert_eq!(
            kind(&checker, request(RESOLVE, host, 0)),
            expected,
            "{host:?}"
        );
    }
}

#[test]
fn port_22_is_forbidden_and_others_are_not() {
    let checker = all();
    assert_eq!(kind(&checker, connect("example.com", 22)), "forbidden");
    assert_eq!(kind(&checker, connect("10.0.0.1", 22)), "forbidden");
    assert_eq!(kind(&checker, connect("example.com", 443)), "allowed");
}

#[test]
fn an_address_that_was_found_can_be_asked_for() {
    let permissions = Permissions::new();
    let forbidden = |address: &str| {
        permissions
            .forbidden()
            .find_address(address.parse().unwrap(), 443)
            .is_some()
    };
    assert!(forbidden("169.254.169.254") && forbidden("::ffff:169.254.169.254"));
    assert!(!forbidden("93.184.216.34") && !forbidden("::1"));
}

#[test]
fn shells_are_forbidden_wherever_they_are() {
    let checker = all();
    for command in [
        "sh",
        "/bin/sh",
        "/opt/x/BASH",
        "cmd.exe",
        "PowerShell.EXE",
        "sudo",
        "env",
    ] {
        assert_eq!(
            kind(&checker, request(SPAWN, command, 0)),
            "forbidden",
            "{command}"
        );
    }
    for command in ["git", "/usr/bin/git", "fishing", "shasum"] {
        assert_eq!(
            kind(&checker, request(SPAWN, command, 0)),
            "allowed",
            "{command}"
        );
    }
    for command in ["bin/sh", "./sh", "/bin/../bin/sh", "..", "\\\\host\\sh"] {
        assert_eq!(
            kind(&checker, request(SPAWN, command, 0)),
            "malformed",
            "{command}"
        );
    }
}

#[test]
fn targets_of_any_length_are_answered_and_errors_stay_short() {
    let checker = all();
    for length in [255, 256, 257, MAX_TARGET_BYTES] {
        let path = format!("/{}", "x".repeat(length - 1));
        assert_eq!(kind(&checker, read(&path)), "allowed", "{length}");
    }
    let long = format!("/{}", "\u{e9}".repeat(10_000_000));
    let denial = check(&checker, read(&long)).unwrap_err();
    assert_eq!(denial.reason().kind(), "malformed");
    assert!(
        denial.to_string().len() < 1_000,
        "{}",
        denial.to_string().len()
    );
    let Capability::Filesystem { path, .. } = denial.capability() else {
        panic!("{denial}")
    };
    assert!(path.len() < 300 && path.ends_with("..."));
}

#[test]
fn a_path_of_many_segments_is_answered() {
    let checker = all();
    let deep = "/a".repeat(MAX_TARGET_BYTES / 2);
    assert_eq!(kind(&checker, read(&deep)), "allowed");
    let hidden = format!("{}/.ssh", "/a".repeat(1_000));
    assert_eq!(kind(&checker, read(&hidden)), "forbidden");
}

#[test]
fn case_and_composition_of_letters_matter_to_grants() {
    let checker = registered(&Permissions::new(), [required(READ, "/data/caf\u{e9}/**")]);
    check(&checker, read("/data/caf\u{e9}/a")).unwrap();
    for path in [
        "/data/cafe\u{301}/a",
        "/Data/caf\u{e9}/a",
        "/data/CAF\u{c9}/a",
    ] {
        assert_eq!(
            check(&checker, read(path)).unwrap_err().reason(),
            &Reason::NotGranted
        );
    }
}

#[test]
fn an_error_shows_no_character_that_moves_others() {
    let checker = registered(&Permissions::new(), []);
    let denial = check(&checker, read("/a\u{202e}b\u{2028}c")).unwrap_err();
    assert_eq!(
        denial.to_string(),
        "denied: filesystem.read(/a\\u{202e}b\\u{2028}c) is not granted to `counter`"
    );
    let denial = check(&checker, read("/a\u{1b}[31m")).unwrap_err();
    assert!(!denial.to_string().contains('\u{1b}'), "{denial:?}");
}

#[test]
fn an_embedder_adds_to_the_list_or_begins_with_none() {
    use enginebay_host::permission::ForbiddenList;
    let mut list = ForbiddenList::standard();
    list.forbid_path("/srv/*/Ledger", "closed").unwrap();
    list.forbid_host("*.corp.example", "inside").unwrap();
    list.forbid_command("terraform", "not from here");
    list.forbid(optional(PUBLISH, "admin.**"), "for people");
    let permissions = Permissions::builder()
        .mode(SecurityMode::Development)
        .forbidden(list)
        .build();
    let checker = registered(&permissions, []);
    for (operation, target) in [
        (READ, "/srv/a/Ledger"),
        (READ, "/srv/a/LEDGER"),
        (READ, "/srv/.../ledger"),
        (CONNECT, "db.corp.example"),
        (SPAWN, "/opt/terraform"),
        (PUBLISH, "admin.stop"),
        (READ, "/dev/null"),
    ] {
        let asked = request(operation, target, 443);
        assert_eq!(kind(&checker, asked), "forbidden", "{asked}");
    }
    assert_eq!(kind(&checker, request(PUBLISH, "events", 0)), "allowed");

    let permissions = Permissions::builder()
        .forbidden(ForbiddenList::none())
        .build();
    let checker = registered(
        &permissions,
        [required(READ, "/dev/**"), required(SPAWN, "sh")],
    );
    check(&checker, read("/dev/null")).unwrap();
    check(&checker, request(SPAWN, "sh", 0)).unwrap();
}
