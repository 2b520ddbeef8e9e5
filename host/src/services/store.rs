//! The storage.

use enginebay_core::Result;

use super::ComponentContext;
use super::convert::storage_error;
use crate::contract::bindings::enginebay::storage::store::{
    Change, Entry, Host, KeyPage, Page, StorageError, Usage,
};
use crate::storage::{Namespace, Operation, Query, StorageError as Error};

/// What a function gives a guest.
type Answer<R> = Result<Result<R, StorageError>>;

/// What the host's log says and the guest is not told.
fn answered<R>(result: Result<R, Error>) -> Answer<R> {
    Ok(result.map_err(|error| {
        let answer = storage_error(error.clone());
        if let StorageError::Unavailable(_) = answer {
            tracing::error!(target: "enginebay::storage", "{error}");
        }
        answer
    }))
}

impl ComponentContext {
    fn namespace(&self, name: &str) -> Result<Namespace, Error> {
        let storage = self.services.storage().ok_or_else(|| Error::Unavailable {
            reason: "this host has no storage".to_string(),
        })?;
        storage.namespace(name, self.options.storage.clone())
    }

    /// Work on a namespace.
    fn on_namespace<R, F>(
        &self,
        name: String,
        work: impl FnOnce(Namespace) -> F + Send + 'static,
    ) -> impl Future<Output = Answer<R>> + Send + 'static
    where
        F: Future<Output = Result<R, Error>> + Send + 'static,
        R: Send + 'static,
    {
        let work = self.namespace(&name).map(work);
        async move {
            answered(match work {
                Ok(work) => work.await,
                Err(error) => Err(error),
            })
        }
    }
}

fn query(prefix: String, after: Option<String>, limit: u32) -> Query {
    let query = Query::new().prefix(prefix);
    let query = query.limit(usize::try_from(limit).unwrap_or(usize::MAX));
    match after {
        Some(after) => query.after(after),
        None => query,
    }
}

fn operations(changes: Vec<Change>) -> Vec<Operation> {
    let changes = changes.into_iter().map(|change| match change {
        Change::Set(Entry { key, value }) => Operation::set(key, value),
        Change::Delete(key) => Operation::delete(key),
    });
    changes.collect()
}

impl Host for ComponentContext {
    fn get(
        &mut self,
        namespace: String,
        key: String,
    ) -> impl Future<Output = Answer<Option<Vec<u8>>>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace.get_async(&key).await
        })
    }

    fn set(
        &mut self,
        namespace: String,
        key: String,
        value: Vec<u8>,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace.set_async(&key, &value).await
        })
    }

    fn delete(
        &mut self,
        namespace: String,
        key: String,
    ) -> impl Future<Output = Answer<bool>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace.delete_async(&key).await
        })
    }

    fn exists(
        &mut self,
        namespace: String,
        key: String,
    ) -> impl Future<Output = Answer<bool>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace.exists_async(&key).await
        })
    }

    fn compare_and_set(
        &mut self,
        namespace: String,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> impl Future<Output = Answer<bool>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace
                .compare_and_set_async(&key, expected.as_deref(), value.as_deref())
                .await
        })
    }

    fn batch(
        &mut self,
        namespace: String,
        changes: Vec<Change>,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace.batch_async(&operations(changes)).await
        })
    }

    fn list_keys(
        &mut self,
        namespace: String,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> impl Future<Output = Answer<KeyPage>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace
                .list_keys_async(query(prefix, after, limit))
                .await
                .map(|page| KeyPage {
                    more: page.next.is_some(),
                    keys: page.items,
                })
        })
    }

    fn scan(
        &mut self,
        namespace: String,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> impl Future<Output = Answer<Page>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace
                .scan_async(query(prefix, after, limit))
                .await
                .map(|page| Page {
                    more: page.next.is_some(),
                    entries: page
                        .items
                        .into_iter()
                        .map(|(key, value)| Entry { key, value })
                        .collect(),
                })
        })
    }

    fn get_usage(
        &mut self,
        namespace: String,
    ) -> impl Future<Output = Answer<Usage>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace.usage_async().await.map(|usage| Usage {
                bytes: usage.bytes,
                keys: usage.keys,
            })
        })
    }

    fn clear(&mut self, namespace: String) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_namespace(namespace, move |namespace| async move {
            namespace.clear_async().await.map(drop)
        })
    }
}
