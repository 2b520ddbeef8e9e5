//! Engines: a backend with a configuration, shared by whatever is compiled and
//! run with it.

use std::fmt;
use std::sync::Arc;

use crate::artifact;
use crate::backend::Backend;
use crate::config::{Config, Interruption, Support};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Ticker;
use crate::limits::Limits;

/// A backend with a configuration. Cheap to clone; shared by threads.
///
/// An engine whose guests can be interrupted has one ticker thread, which is
/// parked while none of its stores is in a call.
pub struct Engine<B: Backend> {
    inner: B::Engine,
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    interruption: Interruption,
    ticker: Option<Arc<Ticker>>,
}

impl<B: Backend> Engine<B> {
    /// An engine with this configuration.
    ///
    /// # Errors
    ///
    /// - `InvalidConfig` for a value that makes no sense.
    /// - `Unsupported`, naming the option, for what the backend cannot honour.
    /// - `Engine` if the engine cannot be made.
    pub fn new(config: &Config) -> Result<Self> {
        config.check(B::NAME, &B::support())?;
        Self::from_parts(B::new_engine(config)?, config.clone())
    }

    /// Wraps an engine that a backend's escape hatch made; `config` says what
    /// it was made with.
    #[doc(hidden)]
    pub fn from_parts(inner: B::Engine, config: Config) -> Result<Self> {
        let interruption = config.get_interruption(&B::support_of(&inner));
        let ticker = match interruption.has_deadline() {
            false => None,
            true => {
                let engine = inner.clone();
                let ticker = Ticker::start(config.get_tick(), move || B::interrupt(&engine))
                    .map_err(|error| {
                        Error::new(ErrorKind::Engine, "the ticker thread could not be started")
                            .with_source(error)
                    })?;
                Some(Arc::new(ticker))
            }
        };
        Ok(Engine {
            inner,
            shared: Arc::new(Shared {
                config,
                interruption,
                ticker,
            }),
        })
    }

    /// What the engine was made with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// How guests on this engine can be stopped.
    pub fn interruption(&self) -> Interruption {
        self.shared.interruption
    }

    /// The limits of a store that is given none: [`Limits::new`], less what
    /// this engine's interruption cannot enforce.
    pub fn default_limits(&self) -> Limits {
        Limits::for_interruption(self.shared.interruption)
    }

    /// What the backend can do.
    pub fn support(&self) -> Support {
        B::support_of(&self.inner)
    }

    /// The backend's name.
    pub fn backend(&self) -> &'static str {
        B::name_of(&self.inner)
    }

    /// What an artifact has to have been made by to be of use here: the backend,
    /// the engine's version, the processor and operating system, and the options
    /// that decide how code is compiled, as a line of text. A cache that has this
    /// in its keys never finds an artifact that is refused for another engine.
    ///
    /// ```
    /// # use enginebay_core::{Backend, Engine};
    /// # fn example<B: Backend>(engine: &Engine<B>, component: &[u8]) {
    /// let key = (engine.artifact_identity(), component);
    /// # }
    /// ```
    pub fn artifact_identity(&self) -> String {
        artifact::identity(self)
    }

    /// The engine's own engine, for what is special to it.
    pub fn inner(&self) -> &B::Engine {
        &self.inner
    }

    /// Puts the clock forward that this engine's deadlines go by. Not a part of
    /// the interface: it is here for tests, which need not wait then.
    #[doc(hidden)]
    pub fn put_clock_forward(&self, by: std::time::Duration) {
        if let Some(ticker) = &self.shared.ticker {
            ticker.put_forward(by);
        }
    }

    pub(crate) fn ticker(&self) -> Option<&Arc<Ticker>> {
        self.shared.ticker.as_ref()
    }

    /// A number that no other engine has while this one lives.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<B: Backend> Clone for Engine<B> {
    fn clone(&self) -> Self {
        Engine {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Engine<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("backend", &self.backend())
            .field("config", &self.shared.config)
            .finish()
    }
}
