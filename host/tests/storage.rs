//! The storage as an embedder sees it: what is stored, what is refused, who sees what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use enginebay_host::storage::{
    MAX_BATCH_OPERATIONS, MAX_KEY_BYTES, MAX_NAMESPACE_PART_BYTES, MAX_PAGE_BYTES, MAX_PAGE_ITEMS,
    MAX_VALUE_BYTES, Namespace, Operation, Query, Quota, Storage, StorageError, StorageLimits,
};

fn memory() -> Storage {
    Storage::in_memory().unwrap()
}

fn namespace(storage: &Storage, name: &str) -> Namespace {
    storage.namespace(name, StorageLimits::new()).unwrap()
}

/// All pairs, a page after the other.
fn all(namespace: &Namespace, query: Query) -> Vec<(String, Vec<u8>)> {
    let mut query = query;
    let mut pairs = Vec::new();
    loop {
        let page = namespace.scan(&query).unwrap();
        pairs.extend(page.items);
        match page.next {
            Some(next) => query = query.after(next),
            None => return pairs,
        }
    }
}

#[test]
fn a_value_is_set_read_replaced_and_deleted() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    assert_eq!(cart.get("apples").unwrap(), None);
    assert!(!cart.exists("apples").unwrap());
    cart.set("apples", b"3").unwrap();
    assert_eq!(cart.get("apples").unwrap().as_deref(), Some(&b"3"[..]));
    cart.set("apples", b"").unwrap();
    assert_eq!(cart.get("apples").unwrap().as_deref(), Some(&b""[..]));
    assert!(cart.exists("apples").unwrap());
    assert!(cart.delete("apples").unwrap());
    assert!(!cart.delete("apples").unwrap());
    assert_eq!(cart.get("apples").unwrap(), None);
}

#[test]
fn values_are_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    {
        let storage = Storage::open(&path).unwrap();
        assert_eq!(storage.path(), Some(path.as_path()));
        namespace(&storage, "shop:cart")
            .set("apples", b"3")
            .unwrap();
    }
    let storage = Storage::open(&path).unwrap();
    let cart = namespace(&storage, "shop:cart");
    assert_eq!(cart.get("apples").unwrap().as_deref(), Some(&b"3"[..]));
    // Nothing else is left in the folder.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    let _storage = Storage::open(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn namespaces_do_not_see_each_other() {
    let storage = memory();
    // However names and keys were joined, some of these would be the same.
    let all_names = ["a:b", "a:b.c", "a:b-c", "a:bb", "a.b:c", "aa:b"];
    let keys = ["b:c", "c", "b", "a:b", ".c", "\0c", ":c", "a:b\0c"];
    for name in all_names {
        for key in keys {
            let value = format!("{name} {key}");
            namespace(&storage, name)
                .set(key, value.as_bytes())
                .unwrap();
        }
    }
    for name in all_names {
        let pairs = all(&namespace(&storage, name), Query::new());
        assert_eq!(pairs.len(), keys.len());
        for (key, value) in pairs {
            assert_eq!(value, format!("{name} {key}").into_bytes());
        }
    }
    let cleared = namespace(&storage, "a:b").clear().unwrap();
    assert_eq!(cleared, keys.len() as u64);
    let left = storage.namespaces(None, 10).unwrap();
    let left: Vec<&str> = left.items.iter().map(|it| it.namespace.as_str()).collect();
    assert_eq!(left, ["a.b:c", "a:b-c", "a:b.c", "a:bb", "aa:b"]);
}

#[test]
fn a_namespace_that_was_emptied_begins_anew() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    for round in 0..3 {
        cart.set("a", b"1").unwrap();
        cart.set("b", b"2").unwrap();
        let removed = if round == 1 {
            u64::from(cart.delete("a").unwrap()) + u64::from(cart.delete("b").unwrap())
        } else {
            cart.clear().unwrap()
        };
        assert_eq!(removed, 2);
        assert_eq!(cart.usage().unwrap(), Default::default());
        assert_eq!(storage.owner_usage("shop").unwrap(), Default::default());
        assert!(storage.namespaces(None, 1).unwrap().items.is_empty());
        assert!(all(&cart, Query::new()).is_empty());
    }
    assert_eq!(cart.clear().unwrap(), 0);
}

#[test]
fn names_that_are_no_namespace_are_refused() {
    let storage = memory();
    let longest = format!("{0}:{0}", "b".repeat(MAX_NAMESPACE_PART_BYTES));
    let long = format!("{longest}b");
    for name in [
        "",
        "a",
        ":",
        "a:",
        ":b",
        "a::b",
        "a:b:",
        "a b:c",
        "a:b\0",
        "a:\u{e4}",
        "a:*",
        "\u{ff41}:b",
        "a:b\n",
        "a:b:c",
        "A:b",
        "a:B",
        "-a:b",
        "a:.b",
        "a/b:c",
        &long,
    ] {
        let error = storage.namespace(name, StorageLimits::new()).unwrap_err();
        assert!(
            matches!(error, StorageError::InvalidNamespace { .. }),
            "{name:?}: {error}"
        );
        assert!(error.to_string().len() < 400 && !error.to_string().contains('\n'));
    }
    for name in ["a:b", "a-1.x_y:0", &longest] {
        assert_eq!(namespace(&storage, name).name(), name);
    }
}

#[test]
fn keys_may_be_any_text_of_a_bounded_length() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    let longest = "k".repeat(MAX_KEY_BYTES);
    // The two ways to write an e with an accent are two keys, as are letters that
    // look alike.
    let keys = [
        "\0",
        "a\0",
        "a\0b",
        "a",
        "..",
        "../x",
        "*",
        "\u{e9}",
        "e\u{301}",
        "\u{430}",
        "\u{202e}x",
        "\u{10ffff}",
        "\u{fffd}",
        " ",
        "\n",
        "a:b",
        "\"",
        "\u{1f980}",
        &longest,
    ];
    for (number, key) in keys.iter().enumerate() {
        cart.set(key, number.to_string().as_bytes()).unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        let value = cart.get(key).unwrap();
        assert_eq!(value, Some(number.to_string().into_bytes()), "{key:?}");
    }
    let listed = cart.list_keys(&Query::new()).unwrap().items;
    let sorted: BTreeSet<&str> = keys.iter().copied().collect();
    assert_eq!(listed, sorted.into_iter().collect::<Vec<_>>());

    for key in ["", &format!("{longest}k"), &"\u{e9}".repeat(600)] {
        let errors = [
            cart.set(key, b"").unwrap_err(),
            cart.get(key).unwrap_err(),
            cart.exists(key).unwrap_err(),
            cart.delete(key).unwrap_err(),
            cart.compare_and_set(key, None, None).unwrap_err(),
            cart.batch(&[Operation::set("fine", b""), Operation::delete(key)])
                .unwrap_err(),
        ];
        for error in errors {
            assert!(
                matches!(error, StorageError::InvalidKey { length, .. } if length == key.len()),
                "{error}"
            );
        }
    }
    assert!(!cart.exists("fine").unwrap());
}

#[test]
fn values_are_bounded_by_the_limits_and_never_above_the_most() {
    let storage = memory();
    let cart = storage
        .namespace("shop:cart", StorageLimits::new().max_value(10))
        .unwrap();
    cart.set("a", &[1; 10]).unwrap();
    for error in [
        cart.set("a", &[2; 11]).unwrap_err(),
        cart.compare_and_set("a", Some(&[1; 10]), Some(&[2; 11]))
            .unwrap_err(),
        cart.batch(&[Operation::delete("a"), Operation::set("b", [2; 11])])
            .unwrap_err(),
    ] {
        let expected = StorageError::ValueTooLarge {
            limit: 10,
            length: 11,
        };
        assert_eq!(error, expected);
    }
    assert_eq!(cart.get("a").unwrap(), Some(vec![1; 10]));

    let limits = StorageLimits::new().max_value(u64::MAX);
    let large = storage.namespace("shop:large", limits).unwrap();
    large.set("a", &vec![1; MAX_VALUE_BYTES]).unwrap();
    assert_eq!(large.get("a").unwrap().unwrap().len(), MAX_VALUE_BYTES);
    let error = large.set("a", &vec![2; MAX_VALUE_BYTES + 1]).unwrap_err();
    assert!(matches!(error, StorageError::ValueTooLarge { .. }));
    // Too long to be the value of any key.
    let long = vec![1; MAX_VALUE_BYTES + 1];
    assert!(!large.compare_and_set("a", Some(&long), None).unwrap());
}

#[test]
fn a_batch_is_made_as_a_whole_in_its_order() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    cart.set("old", b"1").unwrap();
    cart.batch(&[
        Operation::set("a", b"1"),
        Operation::set("a", b"22"),
        Operation::delete("old"),
        Operation::set("b", b"1"),
        Operation::delete("b"),
        Operation::delete("never"),
    ])
    .unwrap();
    assert_eq!(all(&cart, Query::new()), [("a".to_owned(), b"22".to_vec())]);
    assert_eq!(cart.usage().unwrap().bytes, 3);
    cart.batch(&[]).unwrap();
}

#[test]
fn a_check_that_does_not_hold_stops_the_whole_batch() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    cart.set("a", b"1").unwrap();
    for (key, expected) in [
        ("a", Some(b"2".to_vec())),
        ("a", None),
        ("new", Some(Vec::new())),
    ] {
        let error = cart
            .batch(&[
                Operation::set("new", b"x"),
                Operation::delete("a"),
                Operation::check(key, expected),
            ])
            .unwrap_err();
        let conflict = StorageError::Conflict {
            key: key.to_owned(),
        };
        assert_eq!(error, conflict);
        assert_eq!(all(&cart, Query::new()), [("a".to_owned(), b"1".to_vec())]);
    }
    // Checks look at what was before the batch.
    cart.batch(&[
        Operation::delete("a"),
        Operation::check("a", Some(b"1".to_vec())),
        Operation::check("new", None),
    ])
    .unwrap();
    assert!(all(&cart, Query::new()).is_empty());
}

#[test]
fn batches_are_bounded() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    let many = vec![Operation::set("a", b"1"); MAX_BATCH_OPERATIONS + 1];
    let error = cart.batch(&many).unwrap_err();
    assert!(matches!(
        error,
        StorageError::BatchTooLarge { operations, .. } if operations == MAX_BATCH_OPERATIONS + 1
    ));
    let large = vec![Operation::set("a", vec![0; 1 << 20]); 33];
    let error = cart.batch(&large).unwrap_err();
    assert!(matches!(error, StorageError::BatchTooLarge { .. }));
    assert!(!cart.exists("a").unwrap());
    cart.batch(&many[1..]).unwrap();
}

#[test]
fn compare_and_set_makes_replaces_and_removes() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    let swap = |old: Option<&str>, new: Option<&str>| {
        cart.compare_and_set("a", old.map(str::as_bytes), new.map(str::as_bytes))
            .unwrap()
    };
    assert!(!swap(Some("1"), Some("2")));
    assert!(swap(None, None));
    assert!(swap(None, Some("1")));
    assert!(!swap(None, Some("2")));
    assert!(!swap(Some(""), Some("2")));
    assert!(swap(Some("1"), Some("2")));
    assert!(!swap(Some("1"), None));
    assert_eq!(cart.get("a").unwrap().as_deref(), Some(&b"2"[..]));
    assert!(cart.compare_and_set("a", Some(b"2"), None).unwrap());
    assert!(!cart.exists("a").unwrap());
}

#[test]
fn quotas_hold_to_the_byte() {
    let storage = memory();
    let limits = StorageLimits::new().max_bytes(10).max_keys(2);
    let cart = storage.namespace("shop:cart", limits).unwrap();
    // A key of 2 bytes in 1 character, and a value of 6.
    cart.set("\u{e9}", &[0; 6]).unwrap();
    assert_eq!(cart.usage().unwrap().bytes, 8);
    let exceeded = |quota, limit, used, requested| {
        Err(StorageError::QuotaExceeded {
            quota,
            limit,
            used,
            requested,
        })
    };
    let bytes = Quota::NamespaceBytes;
    assert_eq!(cart.set("a", &[0; 2]), exceeded(bytes, 10, 8, 11));
    cart.set("a", &[0; 1]).unwrap();
    assert_eq!(cart.set("a", &[0; 2]), exceeded(bytes, 10, 10, 11));
    assert_eq!(cart.set("b", b""), exceeded(bytes, 10, 10, 11));
    // What matters is what is there after the batch.
    cart.batch(&[Operation::set("b", [0; 8]), Operation::delete("\u{e9}")])
        .unwrap_err();
    cart.batch(&[Operation::set("b", [0; 7]), Operation::delete("\u{e9}")])
        .unwrap();
    assert_eq!(cart.usage().unwrap().bytes, 10);
    cart.set("b", b"").unwrap();
    assert_eq!(cart.set("c", b""), exceeded(Quota::NamespaceKeys, 2, 2, 3));
    assert!(!cart.exists("c").unwrap());
}

#[test]
fn the_namespaces_of_an_owner_share_its_quota() {
    let storage = memory();
    let limits = StorageLimits::new().max_owner_bytes(10);
    let a = storage.namespace("shop:a", limits.clone()).unwrap();
    let b = storage.namespace("shop:b.c", limits.clone()).unwrap();
    let other = storage.namespace("shopping:a", limits).unwrap();
    a.set("k", &[0; 5]).unwrap();
    other.set("k", &[0; 9]).unwrap();
    let error = b.set("k", &[0; 4]).unwrap_err();
    assert_eq!(
        error,
        StorageError::QuotaExceeded {
            quota: Quota::OwnerBytes,
            limit: 10,
            used: 6,
            requested: 11,
        }
    );
    b.set("k", &[0; 3]).unwrap();
    assert_eq!(storage.owner_usage("shop").unwrap().bytes, 10);
    assert_eq!(storage.owner_usage("shop").unwrap().keys, 2);
    assert_eq!(storage.owner_usage("shop:a").unwrap().keys, 0);
    a.clear().unwrap();
    b.set("k", &[0; 9]).unwrap();
}

#[test]
fn a_limit_that_was_lowered_lets_values_shrink() {
    let storage = memory();
    namespace(&storage, "shop:cart").set("a", &[0; 99]).unwrap();
    let limits = StorageLimits::new().max_bytes(10).max_owner_bytes(10);
    let cart = storage.namespace("shop:cart", limits).unwrap();
    cart.set("a", &[0; 100]).unwrap_err();
    cart.set("a", &[1; 99]).unwrap();
    cart.set("a", &[1; 50]).unwrap();
    cart.delete("a").unwrap();
    assert_eq!(cart.usage().unwrap().bytes, 0);
}

#[test]
fn pages_are_complete_and_repeat_nothing() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    namespace(&storage, "shop:aaa").set("k5", b"other").unwrap();
    namespace(&storage, "shop:zzz").set("k5", b"other").unwrap();
    let keys: Vec<String> = (0..2_500).map(|number| format!("k{number}")).collect();
    let sets: Vec<_> = keys
        .iter()
        .map(|key| Operation::set(key, key.as_bytes()))
        .collect();
    cart.batch(&sets).unwrap();
    let sorted: BTreeMap<&String, &String> = keys.iter().map(|key| (key, key)).collect();
    for (prefix, limit) in [
        ("", 7),
        ("k", usize::MAX),
        ("k1", 100),
        ("k2499", 1),
        ("x", 5),
    ] {
        let expected: Vec<(String, Vec<u8>)> = sorted
            .keys()
            .filter(|key| key.starts_with(prefix))
            .map(|key| ((*key).clone(), key.as_bytes().to_vec()))
            .collect();
        let query = Query::new().prefix(prefix).limit(limit);
        assert_eq!(all(&cart, query.clone()), expected);
        let page = cart.list_keys(&query).unwrap();
        let length = expected.len().min(limit).min(MAX_PAGE_ITEMS);
        assert_eq!(page.items.len(), length);
        assert_eq!(page.next.is_some(), expected.len() > length);
    }
    // A limit of 0 is one of 1: a page that goes nowhere would have no end.
    assert_eq!(cart.scan(&Query::new().limit(0)).unwrap().items.len(), 1);
}

#[test]
fn a_page_may_begin_anywhere() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    for key in ["a", "b/1", "b/2", "b/3", "c"] {
        cart.set(key, b"").unwrap();
    }
    let keys = |after: &str| {
        let query = Query::new().prefix("b/").after(after);
        cart.list_keys(&query).unwrap().items
    };
    assert_eq!(keys(""), ["b/1", "b/2", "b/3"]);
    assert_eq!(keys("a"), ["b/1", "b/2", "b/3"]);
    assert_eq!(keys("b"), ["b/1", "b/2", "b/3"]);
    assert_eq!(keys("b/1"), ["b/2", "b/3"]);
    // It need not exist.
    assert_eq!(keys("b/11"), ["b/2", "b/3"]);
    assert!(keys("b/3").is_empty());
    assert!(keys("bb").is_empty());
    assert!(keys("z").is_empty());
}

#[test]
fn pages_are_bounded_by_bytes() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    for number in 0..5 {
        cart.set(&number.to_string(), &vec![number; MAX_PAGE_BYTES / 2])
            .unwrap();
    }
    let page = cart.scan(&Query::new()).unwrap();
    assert_eq!(page.items.len(), 2);
    assert_eq!(page.next.as_deref(), Some("1"));
    assert_eq!(all(&cart, Query::new()).len(), 5);
    // Keys alone are short.
    assert_eq!(cart.list_keys(&Query::new()).unwrap().items.len(), 5);
}

#[test]
fn namespaces_are_listed_in_pages_with_what_they_use() {
    let storage = memory();
    for number in 0..25 {
        let name = format!("owner{}:n{number}", number % 3);
        namespace(&storage, &name).set("key", &[0; 7]).unwrap();
    }
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = storage.namespaces(after.as_deref(), 4).unwrap();
        for item in &page.items {
            assert_eq!((item.usage.keys, item.usage.bytes), (1, 10));
            names.push(item.namespace.clone());
        }
        after = page.next;
        if after.is_none() {
            break;
        }
        assert_eq!(page.items.len(), 4);
    }
    assert_eq!(names.len(), 25);
    assert!(names.is_sorted());
}

#[test]
fn counters_by_compare_and_set_lose_nothing() {
    const EACH: u64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path().join("values.db")).unwrap();
    let visits = namespace(&storage, "shop:visits");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    loop {
                        let old = visits.get("total").unwrap();
                        let count = old.as_deref().map_or(0, |text| {
                            std::str::from_utf8(text).unwrap().parse::<u64>().unwrap()
                        });
                        let new = (count + 1).to_string();
                        let new = Some(new.as_bytes());
                        if visits
                            .compare_and_set("total", old.as_deref(), new)
                            .unwrap()
                        {
                            break;
                        }
                    }
                }
            });
        }
    });
    let total = visits.get("total").unwrap().unwrap();
    assert_eq!(total, (8 * EACH).to_string().into_bytes());
}

#[test]
fn quotas_are_exact_when_many_write_at_once() {
    let storage = memory();
    let limits = StorageLimits::new().max_keys(100).max_bytes(100 * 12);
    let cart = storage.namespace("shop:cart", limits).unwrap();
    let accepted: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let cart = cart.clone();
                scope.spawn(move || {
                    (0..40)
                        .filter(|number| {
                            let key = format!("{writer}-{number:02}");
                            match cart.set(&key, &[0; 8]) {
                                Ok(()) => true,
                                Err(StorageError::QuotaExceeded { .. }) => false,
                                Err(error) => panic!("{error}"),
                            }
                        })
                        .count()
                })
            })
            .collect();
        writers.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert_eq!(accepted, 100);
    let usage = cart.usage().unwrap();
    assert_eq!((usage.keys, usage.bytes), (100, 1_200));
    assert_eq!(all(&cart, Query::new()).len(), 100);
}

#[test]
fn a_scan_sees_one_state_while_others_write() {
    let storage = memory();
    let cart = namespace(&storage, "shop:cart");
    let write = |round: u32| {
        // The number of keys changes with their values.
        let mut sets: Vec<_> = (0..200)
            .map(|key| Operation::set(format!("{key:03}"), round.to_be_bytes()))
            .collect();
        let last = format!("{:03}", 199 - round % 2);
        sets.push(Operation::delete(last));
        cart.batch(&sets).unwrap();
    };
    write(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..200 {
                write(round);
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let page = cart.scan(&Query::new()).unwrap();
            let round = &page.items[0].1;
            assert!(page.items.iter().all(|(_, value)| value == round));
            let missing = if round[3].is_multiple_of(2) {
                "199"
            } else {
                "198"
            };
            assert_eq!(page.items.len(), 199);
            assert!(!page.items.iter().any(|(key, _)| key == missing));
        }
    });
}

#[test]
fn an_export_is_one_state_and_imports_as_it_was() {
    let storage = memory();
    let odd = "\u{0}\"\\\u{202e}\n\u{1f980}";
    for number in 0..1_500u32 {
        let name = format!("shop:n{}", number % 3);
        namespace(&storage, &name)
            .set(&format!("{odd}{number}"), &number.to_be_bytes())
            .unwrap();
    }
    namespace(&storage, "other:n").set("empty", b"").unwrap();
    let mut lines = Vec::new();
    assert_eq!(storage.export(&mut lines).unwrap(), 1_501);
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 1_501);

    let copy = memory();
    namespace(&copy, "kept:n").set("kept", b"1").unwrap();
    let limits = StorageLimits::new();
    assert_eq!(copy.import(lines.as_slice(), &limits).unwrap(), 1_501);
    // Again, which changes nothing.
    copy.import(lines.as_slice(), &limits).unwrap();
    namespace(&copy, "kept:n").clear().unwrap();
    let mut again = Vec::new();
    copy.export(&mut again).unwrap();
    assert_eq!(again, lines);
    assert_eq!(
        copy.namespaces(None, 10).unwrap(),
        storage.namespaces(None, 10).unwrap()
    );
}

#[test]
fn lines_that_are_no_records_are_named() {
    let good = r#"{"namespace":"a:b","key":"k","value":"MQ=="}"#;
    for (bad, reason) in [
        ("", "is no record"),
        ("[]", "is no record"),
        (r#"{"namespace":"a:b","key":"k"}"#, "is no record"),
        (
            r#"{"namespace":"a:b","key":"k","value":"","more":1}"#,
            "is no record",
        ),
        (
            r#"{"namespace":"a:b","key":"k","value":"MQ"}"#,
            "not Base64",
        ),
        (
            r#"{"namespace":"a:b","key":"k","value":"M Q="}"#,
            "not Base64",
        ),
        (
            "{\"namespace\":\"a:b\",\"key\":\"\u{0}\",\"value\":\"\"}",
            "is no record",
        ),
        (&good[..20], "is no record"),
    ] {
        let storage = memory();
        let text = format!("{good}\n{bad}\n{good}\n");
        let error = storage
            .import(text.as_bytes(), &StorageLimits::new())
            .unwrap_err();
        let StorageError::Import { line: 2, .. } = error else {
            panic!("{bad}: {error}");
        };
        assert!(error.to_string().contains(reason), "{bad}: {error}");
    }
    // Lines without an end, and names and keys that may not be.
    let storage = memory();
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    let error = storage.import(endless, &StorageLimits::new()).unwrap_err();
    assert!(error.to_string().contains("is too long"), "{error}");
    for (line, invalid) in [
        (good.replace("a:b", "a"), "the namespace \"a\""),
        (good.replace("\"k\"", "\"\""), "a key of 0 bytes"),
    ] {
        let error = storage
            .import(line.as_bytes(), &StorageLimits::new())
            .unwrap_err();
        assert!(error.to_string().contains(invalid), "{error}");
    }
    // The limits hold for an import too.
    let limits = StorageLimits::new().max_bytes(1);
    let error = storage.import(good.as_bytes(), &limits).unwrap_err();
    assert!(matches!(error, StorageError::QuotaExceeded { .. }));
    assert!(storage.namespaces(None, 1).unwrap().items.is_empty());
}
