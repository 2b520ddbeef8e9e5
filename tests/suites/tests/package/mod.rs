//! Packages of the registry, whose files are the data of a test.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use serde::Deserialize;
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
use wit_component::ComponentEncoder;

/// One version of a package, known by its hash.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    package: String,
    version: String,
    /// Of the file that the registry gives.
    blake3: String,
}

impl Package {
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The folder with the package's files. They are fetched if they are not there.
    ///
    /// # Errors
    ///
    /// What keeps it from being had here.
    ///
    /// # Panics
    ///
    /// If what is there is not what the hash says.
    pub(crate) fn unpacked(&self) -> Result<PathBuf, String> {
        let name = format!("{}-{}", self.package, self.version);
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("suites");
        let folder = target.join(&name);
        // Of what was unpacked, only all is moved to its place.
        if folder.exists() {
            return Ok(folder);
        }
        let file = match self.cached(&name) {
            Some(file) => file,
            None => {
                self.fetch()?;
                let missing = || format!("Cargo fetched {name}, but it is not in its cache");
                self.cached(&name).ok_or_else(missing)?
            }
        };
        let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let hash = blake3::hash(&bytes).to_hex();
        // Another file under this name is nothing to be passed over.
        assert_eq!(*hash, *self.blake3, "the hash of {}", file.display());
        let unpack = || -> io::Result<()> {
            fs::create_dir_all(&target)?;
            let scratch = tempfile::tempdir_in(&target)?;
            tar::Archive::new(GzDecoder::new(&*bytes)).unpack(scratch.path())?;
            fs::rename(scratch.path().join(&name), &folder)
        };
        unpack().map_err(|error| format!("cannot unpack {name}: {error}"))?;
        Ok(folder)
    }

    /// The file in Cargo's cache, whichever registry it came from.
    fn cached(&self, name: &str) -> Option<PathBuf> {
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")))?;
        let registries = fs::read_dir(home.join("registry/cache")).ok()?;
        let files = registries.map(|it| Some(it.ok()?.path().join(format!("{name}.crate"))));
        files.flatten().find(|file| file.exists())
    }

    /// Has Cargo fetch the package, which it does to tell about it.
    fn fetch(&self) -> Result<(), String> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let spec = format!("{}@{}", self.package, self.version);
        let output = Command::new(cargo)
            .args(["info", "--quiet", &spec])
            // Of the workspace nothing is to be looked at or locked.
            .current_dir(env::temp_dir())
            .output()
            .map_err(|error| format!("cannot run Cargo: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!(
                "cannot fetch {spec}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )),
        }
    }
}

/// Copies a folder and what is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => {
                fs::copy(entry.path(), to)?;
            }
        }
    }
    Ok(())
}

/// The module as a component, by an adapter of WASI's preview 1.
pub(crate) fn adapted(module: &Path, adapter: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = fs::read(module).map_err(|error| error.to_string())?;
    ComponentEncoder::default()
        .module(&bytes)
        .and_then(|encoder| encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("{}: {error:#}", module.display()))
}
