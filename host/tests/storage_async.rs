//! The storage in tasks, of any executor and of none.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use enginebay_host::storage::{Namespace, Operation, Query, Storage, StorageError, StorageLimits};

fn namespace(storage: &Storage) -> Namespace {
    storage
        .namespace("shop:cart", StorageLimits::new())
        .unwrap()
}

/// An executor of one task and nothing else.
fn run<R>(future: impl Future<Output = R>) -> R {
    struct Thread(std::thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Thread(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Uses every method once.
async fn use_all(storage: &Storage) {
    let cart = namespace(storage);
    cart.set_async("a", b"1").await.unwrap();
    assert_eq!(cart.get_async("a").await, Ok(Some(b"1".to_vec())));
    assert_eq!(cart.exists_async("b").await, Ok(false));
    let batch = [Operation::set("b", b"2"), Operation::set("c", b"3")];
    cart.batch_async(&batch).await.unwrap();
    let swapped = cart.compare_and_set_async("c", Some(b"2"), None).await;
    assert_eq!(swapped, Ok(false));
    assert_eq!(cart.delete_async("c").await, Ok(true));
    let keys = cart.list_keys_async(Query::new()).await.unwrap();
    assert_eq!(keys.items, ["a", "b"]);
    let pairs = cart.scan_async(Query::new().after("a")).await.unwrap();
    assert_eq!(pairs.items, [("b".to_owned(), b"2".to_vec())]);
    assert_eq!(cart.usage_async().await.unwrap().keys, 2);
    let count = storage
        .run_async(|storage| Ok(storage.namespaces(None, 10)?.items.len()))
        .await;
    assert_eq!(count, Ok(1));
    assert_eq!(cart.clear_async().await, Ok(2));
    let error = cart.get_async("").await.unwrap_err();
    assert!(matches!(error, StorageError::InvalidKey { .. }));
}

#[test]
fn it_works_without_a_runtime() {
    run(use_all(&Storage::in_memory().unwrap()));
}

#[test]
fn it_works_on_both_kinds_of_tokios_runtimes() {
    let storage = Storage::in_memory().unwrap();
    let single = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    single.block_on(use_all(&storage));
    let many = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let task = many.spawn(async move { use_all(&storage).await });
    many.block_on(task).unwrap();
}

#[test]
fn waiting_methods_may_be_called_on_a_runtimes_thread() {
    let storage = Storage::in_memory().unwrap();
    let cart = namespace(&storage);
    let single = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    single.block_on(async {
        // More than a task's budget without a wait of its own.
        for number in 0..500 {
            cart.set(&number.to_string(), b"1").unwrap();
        }
    });
    assert_eq!(cart.usage().unwrap().keys, 500);
}

#[test]
fn a_thousand_tasks_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path().join("values.db")).unwrap();
    let cart = namespace(&storage);
    let single = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    single.block_on(async {
        let tasks: Vec<_> = (0..1_000)
            .map(|number| {
                let cart = cart.clone();
                tokio::spawn(async move {
                    let key = number.to_string();
                    cart.set_async(&key, key.as_bytes()).await?;
                    cart.get_async(&key).await
                })
            })
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            let value = task.await.unwrap().unwrap();
            assert_eq!(value, Some(number.to_string().into_bytes()));
        }
    });
    assert_eq!(cart.usage().unwrap().keys, 1_000);
}

#[test]
fn a_write_is_made_though_nobody_waits_for_it() {
    let storage = Storage::in_memory().unwrap();
    let cart = namespace(&storage);
    {
        let mut write = pin!(cart.set_async("a", b"1"));
        let mut cx = Context::from_waker(Waker::noop());
        let _ = write.as_mut().poll(&mut cx);
    }
    // Writes are made in their order.
    cart.set("b", b"2").unwrap();
    assert!(cart.exists("a").unwrap());
    // One that was never polled was never asked for.
    drop(cart.set_async("c", b"3"));
    cart.set("b", b"2").unwrap();
    assert!(!cart.exists("c").unwrap());
}

#[test]
fn the_file_is_free_when_the_last_answer_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    for _ in 0..20 {
        let storage = Storage::open(&path).unwrap();
        let cart = namespace(&storage);
        run(async {
            cart.set_async("a", b"1").await.unwrap();
            cart.get_async("a").await.unwrap();
        });
    }
}

#[test]
fn a_panic_in_the_work_is_the_callers() {
    let storage = Storage::in_memory().unwrap();
    let work = storage.run_async(|_| -> Result<(), StorageError> { panic!("ours") });
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(work)));
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&"ours"));
    run(use_all(&storage));
}
