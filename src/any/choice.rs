//! Backends by name.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use enginebay_core::{Backend, Config, Error, ErrorKind, Result, Support};

use super::{AnyEngine, Engine};

macro_rules! define {
    ($d:tt $($feature:literal, $name:ident, $backend:ident;)*) => {
        /// A backend, by name. It need not be on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Choice {
            $(#[doc = concat!("The backend `", $feature, "`.")] $backend,)*
        }

        impl Choice {
            /// All backends, those that are not on as well.
            pub const ALL: &'static [Choice] = &[$(Choice::$backend,)*];

            /// The name, as in Cargo features and on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Choice::$backend => $feature,)*
                }
            }

            /// Whether this program was built with the backend.
            pub const fn is_on(&self) -> bool {
                match self {
                    $(Choice::$backend => cfg!(feature = $feature),)*
                }
            }

            /// What the backend can do, if this program was built with it.
            pub fn support(self) -> Option<Support> {
                match self {
                    $(
                        #[cfg(feature = $feature)]
                        Choice::$backend => Some(<crate::$name::$backend as Backend>::support()),
                    )*
                    #[allow(unreachable_patterns, reason = "unless a backend is off")]
                    _ => None,
                }
            }

            pub(super) fn inner(self, config: &Config) -> Result<AnyEngine> {
                match self {
                    $(
                        #[cfg(feature = $feature)]
                        Choice::$backend => {
                            type B = crate::$name::$backend;
                            config.check(B::NAME, &B::support())?;
                            B::new_engine(config).map(AnyEngine::$backend)
                        }
                    )*
                    #[allow(unreachable_patterns, reason = "unless a backend is off")]
                    _ => Err(off(self)),
                }
            }
        }
    };
}

with_backends!($ define);

/// An engine of the backend with this name.
///
/// # Errors
///
/// - `InvalidConfig` for a name that no backend has.
/// - `Unsupported` for a backend that this program was built without; both name
///   those that it has.
/// - As [`Engine::new`].
pub fn engine(name: &str, config: &Config) -> Result<Engine> {
    name.parse::<Choice>()?.engine(config)
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Choice {
    type Err = Error;

    /// The backend with this name, be it on or not.
    fn from_str(name: &str) -> Result<Self> {
        let choice = Self::ALL.iter().find(|choice| choice.name() == name);
        choice.copied().ok_or_else(|| {
            let message = format!("there is no backend `{name}`: {}", those_that_are_on());
            Error::new(ErrorKind::InvalidConfig, message)
        })
    }
}

impl Default for Choice {
    /// The default backend: the first that is on.
    fn default() -> Self {
        let on = Self::ALL.iter().find(|choice| choice.is_on());
        *on.expect("the crate does not compile without a backend")
    }
}

thread_local! {
    /// What [`with_default`] has set on this thread.
    static DEFAULT: Cell<Option<Choice>> = const { Cell::new(None) };
}

/// The backend of an engine that is made without a choice: the default one,
/// unless [`with_default`] says otherwise.
pub(super) fn chosen() -> Choice {
    DEFAULT.get().unwrap_or_default()
}

/// Runs a function in which [`Any`](super::Any) makes its engines with this
/// backend, if they are made on this thread: so tests that are generic over the
/// backend run on each one inside.
#[doc(hidden)]
pub fn with_default<R>(choice: Choice, run: impl FnOnce() -> R) -> R {
    struct Restore(Option<Choice>);
    impl Drop for Restore {
        fn drop(&mut self) {
            DEFAULT.set(self.0);
        }
    }
    let _restore = Restore(DEFAULT.replace(Some(choice)));
    run()
}

impl Choice {
    /// The backends that this program was built with.
    pub fn on() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(Self::is_on)
    }

    /// An engine of this backend.
    ///
    /// # Errors
    ///
    /// - `Unsupported`, naming those that are on, if this program was built
    ///   without the backend.
    /// - As [`Engine::new`].
    pub fn engine(self, config: &Config) -> Result<Engine> {
        Engine::from_parts(self.inner(config)?, config.clone())
    }
}

fn those_that_are_on() -> String {
    format!("this program has {}", crate::BACKENDS.join(", "))
}

#[cold]
fn off(choice: Choice) -> Error {
    Error::unsupported(format!(
        "this program was built without the backend `{choice}`: {}",
        those_that_are_on()
    ))
}
