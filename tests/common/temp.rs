//! What tests with real files and programs share: folders of their own, and things that
//! are made once for all tests of a file.

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Mutex;

use enginebay::Backend;

/// An empty folder that is removed at the end.
pub(crate) struct TempDir(pub(crate) PathBuf);

impl TempDir {
    /// The name must not be that of another folder of the same test file.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("{}-{name}-{}", env!("CARGO_CRATE_NAME"), process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    /// The same for a test that runs on each backend.
    pub(crate) fn on<B: Backend>(name: &str) -> Self {
        Self::new(&format!("{name}-{}", B::NAME))
    }

    pub(crate) fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }

    /// The sorted names of what is in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What was kept and is it, or else what is made now and kept from then on.
pub(crate) fn kept<T: Any + Send + Sync>(
    is_it: impl Fn(&T) -> bool,
    make: impl FnOnce() -> T,
) -> &'static T {
    static KEPT: Mutex<Vec<&'static (dyn Any + Send + Sync)>> = Mutex::new(Vec::new());
    let mut all = KEPT.lock().unwrap();
    let known = all.iter().filter_map(|it| it.downcast_ref::<T>());
    if let Some(found) = { known }.find(|it| is_it(it)) {
        return found;
    }
    let made: &'static T = Box::leak(Box::new(make()));
    all.push(made);
    made
}
