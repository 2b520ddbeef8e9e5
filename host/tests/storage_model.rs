//! The storage against a map: random operations, limits and reopening.

use std::collections::BTreeMap;

use enginebay_host::storage::{
    Namespace, Operation, Query, Quota, Storage, StorageError, StorageLimits, StorageOptions,
};
use proptest::prelude::*;

type Model = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Two owners: the first has two namespaces, one of which begins with the other's name.
const NAMES: [&str; 3] = ["a:b", "a:b.c", "b:c"];

fn limits() -> StorageLimits {
    StorageLimits::new()
        .max_bytes(120)
        .max_owner_bytes(180)
        .max_keys(9)
        .max_value(60)
}

#[derive(Clone, Debug)]
enum Step {
    Batch(usize, Vec<Operation>),
    Delete(usize, String),
    CompareAndSet(usize, String, Option<Vec<u8>>, Option<Vec<u8>>),
    Clear(usize),
    Scan(usize, String, Option<String>, usize),
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[ab:\0\u{e9}]{1,3}",
        1 => Just(String::new()),
        1 => "\\PC{1,12}",
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    // Few different ones, so that some are equal to what is expected.
    (0usize..4, 0u8..2).prop_map(|(length, byte)| vec![byte; [0, 1, 20, 61][length]])
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (key(), value()).prop_map(|(key, value)| Operation::set(key, value)),
        3 => key().prop_map(Operation::delete),
        1 => (key(), prop::option::of(value()))
            .prop_map(|(key, expected)| Operation::check(key, expected)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    prop_oneof![
        8 => (name.clone(), prop::collection::vec(operation(), 0..6))
            .prop_map(|(name, operations)| Step::Batch(name, operations)),
        3 => (name.clone(), key()).prop_map(|(name, key)| Step::Delete(name, key)),
        3 => (name.clone(), key(), prop::option::of(value()), prop::option::of(value()))
            .prop_map(|(name, key, old, new)| Step::CompareAndSet(name, key, old, new)),
        1 => name.clone().prop_map(Step::Clear),
        4 => (name, "[ab:\0\u{e9}]{0,2}", prop::option::of(key()), 0usize..5)
            .prop_map(|(name, prefix, after, limit)| Step::Scan(name, prefix, after, limit)),
        1 => Just(Step::Reopen),
    ]
}

fn bytes(map: &BTreeMap<String, Vec<u8>>) -> u64 {
    map.iter()
        .map(|(key, value)| (key.len() + value.len()) as u64)
        .sum()
}

fn owner_bytes(model: &Model, name: &str) -> u64 {
    NAMES
        .iter()
        .filter(|other| other[..2] == name[..2])
        .map(|name| bytes(&model[*name]))
        .sum()
}

/// What the storage is to answer to a batch; the model is changed only for `Ok`.
fn expect_batch(
    model: &mut Model,
    name: &str,
    operations: &[Operation],
) -> Result<(), StorageError> {
    let limits = limits();
    for operation in operations {
        let key = operation.key();
        if key.is_empty() {
            return Err(StorageError::InvalidKey {
                length: 0,
                reason: "is empty",
            });
        }
        if let Operation::Set { value, .. } = operation
            && value.len() as u64 > limits.max_value
        {
            return Err(StorageError::ValueTooLarge {
                limit: limits.max_value,
                length: value.len() as u64,
            });
        }
    }
    let before = model[name].clone();
    for operation in operations {
        if let Operation::Check { key, expected } = operation
            && before.get(key) != expected.as_ref()
        {
            return Err(StorageError::Conflict { key: key.clone() });
        }
    }
    let owner_before = owner_bytes(model, name);
    let mut after = before.clone();
    for operation in operations {
        match operation {
            Operation::Set { key, value } => {
                after.insert(key.clone(), value.clone());
            }
            Operation::Delete { key } => {
                after.remove(key);
            }
            _ => {}
        }
    }
    let (used, requested) = (bytes(&before), bytes(&after));
    let owner_after = owner_before - used + requested;
    let keys = (before.len() as u64, after.len() as u64);
    for (quota, limit, used, requested) in [
        (Quota::NamespaceBytes, limits.max_bytes, used, requested),
        (
            Quota::OwnerBytes,
            limits.max_owner_bytes,
            owner_before,
            owner_after,
        ),
        (Quota::NamespaceKeys, limits.max_keys, keys.0, keys.1),
    ] {
        if requested > limit && requested > used {
            return Err(StorageError::QuotaExceeded {
                quota,
                limit,
                used,
                requested,
            });
        }
    }
    model.insert(name.to_owned(), after);
    Ok(())
}

fn namespace(storage: &Storage, name: usize) -> Namespace {
    storage.namespace(NAMES[name], limits()).unwrap()
}

fn run(storage: &Storage, model: &mut Model, step: &Step) -> Result<(), TestCaseError> {
    match step {
        Step::Batch(name, operations) => {
            let expected = expect_batch(model, NAMES[*name], operations);
            let got = match operations.as_slice() {
                [Operation::Set { key, value }] => namespace(storage, *name).set(key, value),
                _ => namespace(storage, *name).batch(operations),
            };
            prop_assert_eq!(got, expected);
        }
        Step::Delete(name, key) => {
            let was = model[NAMES[*name]].contains_key(key);
            let expected =
                expect_batch(model, NAMES[*name], &[Operation::delete(key)]).map(|()| was);
            prop_assert_eq!(namespace(storage, *name).delete(key), expected);
        }
        Step::CompareAndSet(name, key, old, new) => {
            let change = match new {
                Some(value) => Operation::set(key, value.clone()),
                None => Operation::delete(key),
            };
            let operations = [Operation::check(key, old.clone()), change];
            let expected = match expect_batch(model, NAMES[*name], &operations) {
                Ok(()) => Ok(true),
                Err(StorageError::Conflict { .. }) => Ok(false),
                Err(error) => Err(error),
            };
            let got =
                namespace(storage, *name).compare_and_set(key, old.as_deref(), new.as_deref());
            prop_assert_eq!(got, expected);
        }
        Step::Clear(name) => {
            let map = model.get_mut(NAMES[*name]).unwrap();
            let got = namespace(storage, *name).clear();
            prop_assert_eq!(got, Ok(map.len() as u64));
            map.clear();
        }
        Step::Scan(name, prefix, after, limit) => {
            let mut query = Query::new().prefix(prefix).limit(*limit);
            query.after.clone_from(after);
            let mut expected: Vec<_> = model[NAMES[*name]]
                .iter()
                .filter(|(key, _)| key.starts_with(prefix))
                .filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let limit = (*limit).max(1);
            let next = (expected.len() > limit).then(|| expected[limit - 1].0.clone());
            expected.truncate(limit);
            let page = namespace(storage, *name).scan(&query).unwrap();
            prop_assert_eq!(&page.items, &expected);
            prop_assert_eq!(&page.next, &next);
            let keys = namespace(storage, *name).list_keys(&query).unwrap();
            let expected: Vec<_> = expected.into_iter().map(|(key, _)| key).collect();
            prop_assert_eq!(keys.items, expected);
            prop_assert_eq!(keys.next, next);
        }
        Step::Reopen => {}
    }
    Ok(())
}

/// Everything that can be read is as the model has it.
fn compare(storage: &Storage, model: &Model) -> Result<(), TestCaseError> {
    let mut listed = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let map = &model[*name];
        let page = namespace(storage, number).scan(&Query::new()).unwrap();
        let expected: Vec<_> = map.clone().into_iter().collect();
        prop_assert_eq!(page.items, expected);
        let usage = namespace(storage, number).usage().unwrap();
        prop_assert_eq!((usage.keys, usage.bytes), (map.len() as u64, bytes(map)));
        let owner = storage.owner_usage(&name[..1]).unwrap();
        prop_assert_eq!(owner.bytes, owner_bytes(model, name));
        for (key, value) in map {
            let got = namespace(storage, number).get(key).unwrap();
            prop_assert_eq!(got.as_ref(), Some(value));
        }
        if !map.is_empty() {
            listed.push((*name).to_owned());
        }
    }
    let names = storage.namespaces(None, 10).unwrap().items;
    let names: Vec<_> = names.into_iter().map(|it| it.namespace).collect();
    prop_assert_eq!(names, listed);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_file_is_what_a_map_is(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.db");
        let options = StorageOptions::new();
        let mut storage = Storage::open_with(&path, options.clone()).unwrap();
        let mut model: Model = NAMES.iter().map(|name| ((*name).to_owned(), BTreeMap::new())).collect();
        for step in &steps {
            if matches!(step, Step::Reopen) {
                drop(storage);
                storage = Storage::open_with(&path, options.clone()).unwrap();
                compare(&storage, &model)?;
            }
            run(&storage, &mut model, step)?;
        }
        compare(&storage, &model)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn memory_is_what_a_map_is(steps in prop::collection::vec(step(), 1..80)) {
        let storage = Storage::in_memory().unwrap();
        let mut model: Model = NAMES.iter().map(|name| ((*name).to_owned(), BTreeMap::new())).collect();
        for step in &steps {
            run(&storage, &mut model, step)?;
        }
        compare(&storage, &model)?;
    }
}
