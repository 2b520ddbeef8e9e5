//! Manifests that are made at random: they come back from both forms, and none is too odd.

use enginebay_host::manifest::{Manifest, ResourcePolicy};
use proptest::prelude::*;
use proptest::sample::select;

fn list(items: Vec<&'static str>) -> impl Strategy<Value = String> {
    let items = prop::collection::vec(select(items), 0..4);
    (items.clone(), items, any::<bool>()).prop_map(|(required, optional, plain)| match plain {
        true => format!("{required:?}"),
        false => format!("{{ required = {required:?}, optional = {optional:?} }}"),
    })
}

/// A manifest with some of its keys.
fn manifest() -> impl Strategy<Value = String> {
    let resources = (
        512_u64..=4096,
        prop::option::of(0..=i64::MAX),
        prop::option::of(1_u64..300_000),
        prop::option::of(0_u64..=1000),
    );
    let paths = || list(vec!["/data/**", "/a", "/x/*.{txt,csv}", "/[a-z]?/é"]);
    let hosts = || list(vec!["*.example.com:443", "[::1]:1-9", "localhost:*"]);
    let topics = || list(vec!["a", "a.*", "**"]);
    let others = || list(vec!["a", "b-1", "*"]);
    let names = || list(vec!["app:*", "app:cache"]);
    (
        "[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4}){0,2}",
        (0_u64..100, 0_u64..100, 0_u64..100),
        prop::option::of("[^\\p{Cc}\"\\\\]{1,40}"),
        resources,
        (paths(), paths(), hosts(), (others(), topics()), names()),
        prop::option::of(0_u32..1000),
    )
        .prop_map(|(name, (x, y, z), description, resources, lists, quota)| {
            let mut text = format!("[component]\nname = \"{name}\"\nversion = \"{x}.{y}.{z}\"\n");
            if let Some(description) = description {
                text += &format!("description = \"x{description}\"\n");
            }
            let (memory, fuel, deadline, tables) = resources;
            text += &format!("[resources]\nmemory = \"{memory}KiB\"\n");
            for (key, value) in [
                ("fuel", fuel.map(|it| it.to_string())),
                ("deadline", deadline.map(|it| format!("\"{it}ms\""))),
                ("tables", tables.map(|it| it.to_string())),
            ] {
                if let Some(value) = value {
                    text += &format!("{key} = {value}\n");
                }
            }
            let (read, write, connect, (send, publish), storage) = lists;
            text += &format!(
                "[permissions]\nfilesystem.read = {read}\nfilesystem.write = {write}\n\
                 network.connect = {connect}\nmessaging.send = {send}\n\
                 messaging.publish = {publish}\nstorage.list = {storage}\n"
            );
            if let Some(quota) = quota {
                text += &format!("network.max-requests-per-minute = {quota}\n");
            }
            text
        })
}

proptest! {
    #[test]
    fn manifests_come_back_from_both_forms(text in manifest()) {
        let manifest = Manifest::parse(&text).unwrap();
        let toml = manifest.to_toml();
        prop_assert_eq!(&Manifest::parse(&toml).unwrap(), &manifest, "{}", toml);
        let json = manifest.to_json().to_string();
        let policy = ResourcePolicy::default();
        prop_assert_eq!(&Manifest::from_json(&json, &policy).unwrap(), &manifest, "{}", json);
    }

    #[test]
    fn no_change_is_too_odd(
        text in manifest(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}=\"'.,*#\\n\0a0é-]{0,3}", 0_usize..4), 1..5),
    ) {
        let mut text: Vec<char> = text.chars().collect();
        for (at, insert, remove) in changes {
            let at = at.index(text.len());
            let end = (at + remove).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text = String::from_iter(text);
        match Manifest::parse(&text) {
            Ok(manifest) => prop_assert_eq!(Manifest::parse(&manifest.to_toml()).unwrap(), manifest),
            Err(error) => {
                prop_assert!(error.problems().iter().all(|it| it.position.is_some()), "{}", error);
            }
        }
    }

    #[test]
    fn no_text_is_too_odd(text in prop_oneof![any::<String>(), "[\\[\\]{}=\"'.,a0\n ]{0,60}"]) {
        prop_assert!(Manifest::parse(&text).is_err());
        prop_assert!(Manifest::from_json(&text, &ResourcePolicy::default()).is_err());
    }
}
