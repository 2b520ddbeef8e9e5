//! Reading from one state of the database.

use std::ops::Bound;

use redb::ReadTransaction;

use super::engine::{COUNTERS, DATA};
use super::error::StorageError;
use super::limits::{MAX_PAGE_BYTES, MAX_PAGE_ITEMS};
use super::operation::{NamespaceUsage, Page, Query, StorageUsage};

/// What a namespace or an owner uses.
pub(super) fn usage(txn: &ReadTransaction, name: &str) -> Result<StorageUsage, StorageError> {
    let row = txn.open_table(COUNTERS)?.get(name)?;
    Ok(row.map_or_else(StorageUsage::default, |row| {
        let (_, keys, bytes) = row.value();
        StorageUsage { keys, bytes }
    }))
}

/// The number of a namespace, if it has keys.
fn id(txn: &ReadTransaction, namespace: &str) -> Result<Option<u64>, StorageError> {
    let row = txn.open_table(COUNTERS)?.get(namespace)?;
    Ok(row.map(|row| row.value().0))
}

/// Hands the value of a key to `work`, if the key is there.
pub(super) fn value<R>(
    txn: &ReadTransaction,
    namespace: &str,
    key: &str,
    work: impl FnOnce(&[u8]) -> R,
) -> Result<Option<R>, StorageError> {
    let Some(id) = id(txn, namespace)? else {
        return Ok(None);
    };
    let value = txn.open_table(DATA)?.get((id, key))?;
    Ok(value.map(|value| work(value.value())))
}

/// A page of a namespace. `item` makes an item of a key and a value, and says how many
/// bytes of both it holds.
pub(super) fn page<T>(
    txn: &ReadTransaction,
    namespace: &str,
    query: &Query,
    mut item: impl FnMut(&str, &[u8]) -> (T, usize),
) -> Result<Page<T>, StorageError> {
    let mut page = Page {
        items: Vec::new(),
        next: None,
    };
    let Some(id) = id(txn, namespace)? else {
        return Ok(page);
    };
    let limit = query.limit.clamp(1, MAX_PAGE_ITEMS);
    let start = match query.after.as_deref() {
        Some(after) if after >= query.prefix.as_str() => Bound::Excluded((id, after)),
        _ => Bound::Included((id, query.prefix.as_str())),
    };
    let data = txn.open_table(DATA)?;
    let mut bytes = 0;
    let mut last = String::new();
    for row in data.range::<(u64, &str)>((start, Bound::Unbounded))? {
        let (key, value) = row?;
        let (owner, key) = key.value();
        if owner != id || !key.starts_with(&query.prefix) {
            break;
        }
        if page.items.len() == limit || bytes >= MAX_PAGE_BYTES {
            page.next = Some(last);
            break;
        }
        let (made, size) = item(key, value.value());
        page.items.push(made);
        bytes += size;
        last.clear();
        last.push_str(key);
    }
    Ok(page)
}

/// A page of the namespaces that have keys.
pub(super) fn namespaces(
    txn: &ReadTransaction,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<NamespaceUsage>, StorageError> {
    let limit = limit.clamp(1, MAX_PAGE_ITEMS);
    let mut page = Page {
        items: Vec::<NamespaceUsage>::new(),
        next: None,
    };
    let counters = txn.open_table(COUNTERS)?;
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    for row in counters.range::<&str>((start, Bound::Unbounded))? {
        let (name, counted) = row?;
        let (_, keys, bytes) = counted.value();
        // The others are owners.
        if !name.value().contains(':') {
            continue;
        }
        if page.items.len() == limit {
            page.next = page.items.last().map(|last| last.namespace.clone());
            break;
        }
        page.items.push(NamespaceUsage {
            namespace: name.value().to_owned(),
            usage: StorageUsage { keys, bytes },
        });
    }
    Ok(page)
}
