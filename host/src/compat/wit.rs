//! WIT packages from files and text.

use std::fmt;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use wit_parser::{PackageId, Resolve, WorldId};

/// The most bytes of WIT that are read.
const MAX_BYTES: u64 = 4 << 20;
/// The most files and folders that are looked at.
const MAX_FILES: usize = 4096;

/// A WIT package with what it depends on. Items that are `@unstable` are in it too.
#[derive(Clone, Debug)]
pub struct Wit {
    resolve: Resolve,
    package: PackageId,
}

impl Wit {
    /// Reads a folder with a package, whose dependencies are in its folder `deps`, or a
    /// file with a package that depends on nothing.
    ///
    /// # Errors
    ///
    /// [`WitError::Io`] for what cannot be read, [`WitError::TooLarge`] for more than
    /// 4 MiB or 4096 files, [`WitError::Invalid`] for what is no valid WIT, with file and
    /// line.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, WitError> {
        let path = path.as_ref();
        let mut left = Left {
            bytes: MAX_BYTES,
            files: MAX_FILES,
        };
        left.take(path, 0)?;
        Self::load(|resolve| {
            let pushed = resolve.push_path(path);
            pushed
                .map(|(package, _)| package)
                .map_err(|error| resolve.render_error(&error))
        })
    }

    /// Reads a package from text. `name` stands for the file in messages.
    ///
    /// ```
    /// use enginebay_host::compat::Wit;
    ///
    /// let wit = Wit::parse("greet.wit", "package a:greet@1.0.0; interface i {}")?;
    /// assert_eq!(wit.name().to_string(), "a:greet@1.0.0");
    /// # Ok::<(), enginebay_host::compat::WitError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Wit::read`].
    pub fn parse(name: &str, text: &str) -> Result<Self, WitError> {
        if text.len() as u64 > MAX_BYTES {
            return Err(WitError::TooLarge);
        }
        Self::load(|resolve| {
            let pushed = resolve.push_source(name, text);
            pushed.map_err(|error| resolve.render_error(&error))
        })
    }

    fn load(
        push: impl FnOnce(&mut Resolve) -> Result<PackageId, String>,
    ) -> Result<Self, WitError> {
        let mut resolve = Resolve {
            all_features: true,
            ..Resolve::default()
        };
        // The decoder of packages that are encoded as WebAssembly asserts what it
        // expects of them.
        let pushed = catch_unwind(AssertUnwindSafe(|| push(&mut resolve)));
        match pushed {
            Ok(Ok(package)) => Ok(Wit { resolve, package }),
            Ok(Err(message)) => Err(WitError::Invalid(message)),
            Err(_) => Err(WitError::Invalid(
                "a package that is encoded as WebAssembly is malformed".to_owned(),
            )),
        }
    }

    /// All that was read.
    pub fn resolve(&self) -> &Resolve {
        &self.resolve
    }

    /// The package that was asked for, of those that were read.
    pub fn package(&self) -> PackageId {
        self.package
    }

    /// That package's name, with its version.
    pub fn name(&self) -> &wit_parser::PackageName {
        &self.resolve.packages[self.package].name
    }

    /// A world of the package, by its name; the only one if none is named.
    ///
    /// # Errors
    ///
    /// [`WitError::World`] if there is none of the name, or not exactly one.
    pub fn select(&self, world: Option<&str>) -> Result<WorldId, WitError> {
        let worlds = &self.resolve.packages[self.package].worlds;
        let package = self.name();
        match (world, worlds.first()) {
            (Some(name), _) => worlds.get(name).copied().ok_or_else(|| {
                let known: Vec<_> = worlds.keys().map(|name| format!("`{name}`")).collect();
                WitError::World(format!(
                    "{package} has no world `{name}`, only: {}",
                    known.join(", ")
                ))
            }),
            (None, Some((_, id))) if worlds.len() == 1 => Ok(*id),
            (None, _) => Err(WitError::World(format!(
                "{package} has {} worlds: name one",
                worlds.len()
            ))),
        }
    }
}

/// What a path may still hold.
struct Left {
    bytes: u64,
    files: usize,
}

impl Left {
    /// Takes what is at a path, and in folders two levels down: a package, its `deps`,
    /// and the packages in it.
    fn take(&mut self, path: &Path, level: usize) -> Result<(), WitError> {
        let fail = |source| WitError::Io {
            path: path.display().to_string(),
            source,
        };
        self.files = self.files.checked_sub(1).ok_or(WitError::TooLarge)?;
        let metadata = fs::metadata(path).map_err(fail)?;
        if metadata.is_file() {
            let left = self.bytes.checked_sub(metadata.len());
            self.bytes = left.ok_or(WitError::TooLarge)?;
            return Ok(());
        }
        if !metadata.is_dir() {
            let source = io::Error::other("this is neither a file nor a folder");
            return Err(fail(source));
        }
        if level <= 2 {
            for entry in fs::read_dir(path).map_err(fail)? {
                self.take(&entry.map_err(fail)?.path(), level + 1)?;
            }
        }
        Ok(())
    }
}

/// Why there is no WIT to work with.
#[derive(Debug)]
#[non_exhaustive]
pub enum WitError {
    /// A file or folder could not be read.
    Io {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// There are more than 4 MiB or 4096 files.
    TooLarge,
    /// It is no valid WIT. With file and line, where they are known.
    Invalid(String),
    /// A type is nested too deep in others for a component to have it.
    Depth {
        /// The type; empty if it has no name.
        name: String,
        /// The deepest that is accepted.
        limit: usize,
    },
    /// A type comes before what it consists of, or what it consists of is not there:
    /// the [`Resolve`] is not one of the parser's.
    Order,
    /// There is no world of that name, or no world to choose.
    World(String),
    /// Packages that are compared have different names.
    Package {
        /// The old one's.
        old: String,
        /// The new one's.
        new: String,
    },
    /// What a foreign interface is named by is not of the form
    /// `namespace:package/interface@version`.
    Name(String),
}

impl fmt::Display for WitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WitError::Io { path, source } => write!(f, "cannot read {path}: {source}"),
            WitError::TooLarge => write!(
                f,
                "more than {MAX_BYTES} bytes of WIT or {MAX_FILES} files: name the folder of one \
                 package"
            ),
            WitError::Invalid(message) => write!(f, "invalid WIT: {message}"),
            WitError::Depth { name, limit } => {
                let name = if name.is_empty() { "_" } else { name };
                write!(
                    f,
                    "the type `{name}` is nested more than {limit} types deep, which no component \
                     can be"
                )
            }
            WitError::Order => f.write_str(
                "a type is used before it is defined: give what the parser of WIT made, unchanged",
            ),
            WitError::Package { old, new } => write!(
                f,
                "{old} and {new} are not versions of one package: give two of the same name"
            ),
            WitError::World(message) => f.write_str(message),
            WitError::Name(name) => write!(
                f,
                "`{name}` names no interface: it is `namespace:package/interface@version`, where \
                 package and interface may be `*`"
            ),
        }
    }
}

impl std::error::Error for WitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WitError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
