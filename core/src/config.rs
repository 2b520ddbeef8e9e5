//! What decides how code is compiled and what a component may be: one
//! [`Config`] per engine, the same for every backend.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// How a running guest can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Interruption {
    /// Not at all: the fastest code, for guests that are trusted to end.
    None,
    /// By wall time and by cancellation. The default.
    #[default]
    Deadline,
    /// By fuel, and by wall time and cancellation too.
    Fuel,
    /// By fuel alone: there is no deadline, and nothing to cancel by. It counts the
    /// same fuel as [`Interruption::Fuel`]; where an engine needs something beside its
    /// fuel to look at the time, the code is faster. For guests whose fuel bounds how
    /// long they run.
    FuelOnly,
}

impl Interruption {
    /// Whether fuel is counted, and can stop a guest.
    pub const fn has_fuel(self) -> bool {
        matches!(self, Interruption::Fuel | Interruption::FuelOnly)
    }

    /// Whether a deadline, or a cancellation, can stop a guest.
    pub const fn has_deadline(self) -> bool {
        matches!(self, Interruption::Deadline | Interruption::Fuel)
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interruption::None => "none",
            Interruption::Deadline => "deadline",
            Interruption::Fuel => "fuel",
            Interruption::FuelOnly => "fuel-only",
        })
    }
}

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident, $text:literal, $default:literal;)*) => {
        /// A feature of core wasm, or of components, that can be switched.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Feature {
            $($(#[$doc])* $name,)*
        }

        impl Feature {
            /// Every feature.
            pub const ALL: &'static [Feature] = &[$(Feature::$name),*];

            /// Its name, as the proposals are named.
            pub fn name(self) -> &'static str {
                match self {
                    $(Feature::$name => $text,)*
                }
            }

            /// Whether it is on unless it is switched off.
            pub fn default_on(self) -> bool {
                match self {
                    $(Feature::$name => $default,)*
                }
            }
        }
    };
}

features! {
    /// Fixed-width SIMD. On.
    Simd, "simd", true;
    /// SIMD whose results may differ between machines. On.
    RelaxedSimd, "relaxed-simd", true;
    /// More than one memory in a module, which calls between components need. On.
    MultiMemory, "multi-memory", true;
    /// Tail calls. On where the engine has them; a module that uses them is
    /// refused by an engine without.
    TailCall, "tail-call", true;
    /// Constant expressions with arithmetic. On.
    ExtendedConst, "extended-const", true;
    /// 64-bit memories. Off.
    Memory64, "memory64", false;
    /// Exceptions. Off: they change what an adapter costs.
    Exceptions, "exceptions", false;
    /// Component-model async: tasks, streams and futures. Off: it makes every
    /// call several times as dear.
    ComponentAsync, "component-async", false;
    /// Threads of components. Off.
    ComponentThreads, "component-threads", false;
    /// The type `error-context`. Off.
    ErrorContext, "error-context", false;
    /// Lists whose length is a part of the type. Off.
    FixedLengthLists, "fixed-length-lists", false;
    /// The type `map`. Off.
    Maps, "maps", false;
    /// Imports and exports that say which interface they implement. Off.
    Implements, "implements", false;
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of [`Feature`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Features(u32);

impl Features {
    /// No features.
    pub const fn none() -> Self {
        Features(0)
    }

    /// What is on by default.
    pub fn defaults() -> Self {
        Feature::ALL
            .iter()
            .copied()
            .filter(|feature| feature.default_on())
            .collect()
    }

    /// Whether the feature is in the set.
    pub fn contains(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u32) != 0
    }

    /// The set with the feature, or without it.
    #[must_use]
    pub fn with(self, feature: Feature, on: bool) -> Self {
        let bit = 1 << feature as u32;
        Features(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// The features in the set.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL
            .iter()
            .copied()
            .filter(move |feature| self.contains(*feature))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        features
            .into_iter()
            .fold(Features::none(), |set, feature| set.with(feature, true))
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Feature::name))
            .finish()
    }
}

/// What a component may be before it is compiled: its size, and what can be
/// counted in it. More is refused with `TooLarge`.
///
/// The defaults let the largest components that are in use pass (a Python
/// program with its interpreter: 18 MB, 14 core modules, 40,000 functions)
/// several times over, and stop inputs that are built to exhaust a compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Complexity {
    /// Bytes of the component. Default: 128 MiB.
    pub size: u64,
    /// Core modules, with those of nested components. Default: 1,000.
    pub modules: u64,
    /// Functions of all core modules. Default: 150,000; the largest programs have
    /// some ten thousands.
    pub functions: u64,
    /// Types of all core modules and components. Default: 200,000.
    pub types: u64,
    /// Parameters and results of the functions of all core modules, imported ones
    /// included, and of their types, with eight more for each type: a compiler makes
    /// functions of its own for each type. Default: 1,000,000, several times what the
    /// largest programs have.
    pub signatures: u64,
    /// Locals of one function, its parameters among them. Default, and the most that can
    /// be allowed: 49,000. Validators take 50,000, and what stops a guest takes some.
    pub locals: u64,
    /// The same of the functions of all core modules: fifty thousand locals of one type
    /// take eight bytes. Default: 5,000,000; the largest programs have some hundred
    /// thousands.
    pub all_locals: u64,
    /// Bytes of one function's body. Default: 4 MiB.
    pub function_size: u64,
    /// Values that the blocks, branches and calls of one function take and give, eight
    /// times those of loops, with eight more for each call, and for each operation on
    /// memories and tables that is one for an engine. A block may have thousands of
    /// them in three bytes of code. Each local that is set in a block to whose end (a
    /// loop: beginning) a branch leads counts four times, but for those that are read only
    /// where it is plain which one was set. Default: 500,000, three times what the largest
    /// functions in programs have.
    pub values: u64,
    /// Blocks, loops, branches and targets of tables of branches of one function, with
    /// four for each function that is taken from a table, and two for each operation on
    /// memories and tables whose cost depends on a length: a compiler may take time that
    /// grows with the square of their number. One inside of others counts once more for
    /// each thousand of them, and a loop for each eight loops. Default: 100,000, several
    /// times what the largest functions in programs have. One table of branches has at
    /// most 65,520 targets besides the last; more cannot be allowed.
    pub blocks: u64,
    /// The same number times the function's locals, parameters and loops: compilers
    /// follow locals, and what stops a guest in a loop, through each place where ways
    /// meet. To this comes, for each loop, the square of how many locals it reads, divided
    /// by 256, and for functions of more than 2,000 locals, the square of how many are in
    /// use at once, divided by 8. Default: 10,000,000; the largest functions in programs have some millions.
    pub locals_in_blocks: u64,
    /// Components inside components. Default: 64.
    pub nesting: u64,
    /// Core and component instances that are created, those that instances create
    /// themselves included. Default: 10,000.
    pub instances: u64,
    /// Bytes of the names of exports, with 64 more for each: the most of a module,
    /// component or type, times the instances that the file says are to be made.
    /// A validator keeps them anew for each of these. Default: 64 MiB.
    pub instance_exports: u64,
    /// Initial bytes of all memories that modules define. Default: 4 GiB.
    pub initial_memory: u64,
    /// Initial elements of all tables that modules define. Default: 10,000,000.
    pub initial_table_elements: u64,
}

impl Default for Complexity {
    fn default() -> Self {
        Complexity {
            size: 128 << 20,
            modules: 1_000,
            functions: 150_000,
            types: 200_000,
            signatures: 1_000_000,
            locals: 49_000,
            all_locals: 5_000_000,
            function_size: 4 << 20,
            values: 500_000,
            blocks: 100_000,
            locals_in_blocks: 10_000_000,
            nesting: 64,
            instances: 10_000,
            instance_exports: 64 << 20,
            initial_memory: 4 << 30,
            initial_table_elements: 10_000_000,
        }
    }
}

/// How an engine compiles and runs code.
///
/// ```
/// use enginebay_core::{Config, Interruption};
/// let mut config = Config::new();
/// config.interruption(Interruption::Fuel).max_stack(256 << 10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    interruption: Option<Interruption>,
    features: Features,
    max_stack: usize,
    deterministic: bool,
    complexity: Complexity,
    tick: Duration,
    slice: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config::new()
    }
}

impl Config {
    /// The defaults: the backend's default interruption, which is
    /// [`Interruption::Deadline`] where it is supported, and 512 KiB of stack.
    pub fn new() -> Self {
        Config {
            interruption: None,
            features: Features::defaults(),
            max_stack: 512 << 10,
            deterministic: false,
            complexity: Complexity::default(),
            tick: Duration::from_millis(1),
            slice: 100_000,
        }
    }

    /// How running guests can be stopped.
    pub fn interruption(&mut self, interruption: Interruption) -> &mut Self {
        self.interruption = Some(interruption);
        self
    }

    /// Switches a feature.
    pub fn feature(&mut self, feature: Feature, on: bool) -> &mut Self {
        self.features = self.features.with(feature, on);
        self
    }

    /// Bytes of stack that wasm may use. Default: 512 KiB, which leaves room
    /// on the 2 MiB stacks that Rust gives its threads. Depth is not comparable
    /// between engines; survival is.
    pub fn max_stack(&mut self, bytes: usize) -> &mut Self {
        self.max_stack = bytes;
        self
    }

    /// Makes results equal to the bit on every machine and backend: NaNs are
    /// canonical and relaxed SIMD is refused. Default: off.
    pub fn deterministic(&mut self, on: bool) -> &mut Self {
        self.deterministic = on;
        self
    }

    /// What a component may be before it is compiled.
    pub fn complexity(&mut self, complexity: Complexity) -> &mut Self {
        self.complexity = complexity;
        self
    }

    /// How often a running guest is looked at for its deadline and for
    /// cancellation. Default: 1 ms.
    pub fn tick(&mut self, tick: Duration) -> &mut Self {
        self.tick = tick;
        self
    }

    /// How much fuel is consumed between two looks at the time, where a backend
    /// has guests that count themselves: some 100 us of machine code, a
    /// millisecond at most where it is interpreted. Not a part of the interface:
    /// it is here for tests, which show that it changes no count.
    #[doc(hidden)]
    pub fn slice(&mut self, fuel: u64) -> &mut Self {
        self.slice = fuel;
        self
    }

    /// What [`Config::slice`] was set to.
    #[doc(hidden)]
    pub fn get_slice(&self) -> u64 {
        self.slice
    }

    /// What [`Config::interruption`] was set to, or the default of a backend
    /// with this support.
    pub fn get_interruption(&self, support: &Support) -> Interruption {
        let default = if support.deadline {
            Interruption::Deadline
        } else {
            Interruption::None
        };
        self.interruption.unwrap_or(default)
    }

    /// What [`Config::feature`] was set to; without relaxed SIMD if results are
    /// to be deterministic.
    pub fn get_features(&self) -> Features {
        let relaxed = self.features.contains(Feature::RelaxedSimd) && !self.deterministic;
        self.features.with(Feature::RelaxedSimd, relaxed)
    }

    /// What [`Config::max_stack`] was set to.
    pub fn get_max_stack(&self) -> usize {
        self.max_stack
    }

    /// What [`Config::deterministic`] was set to.
    pub fn get_deterministic(&self) -> bool {
        self.deterministic
    }

    /// What [`Config::complexity`] was set to.
    pub fn get_complexity(&self) -> &Complexity {
        &self.complexity
    }

    /// What [`Config::tick`] was set to.
    pub fn get_tick(&self) -> Duration {
        self.tick
    }

    /// Checks the options by themselves and against what a backend can do.
    ///
    /// # Errors
    ///
    /// - `InvalidConfig` for a value that makes no sense.
    /// - `Unsupported` for an option that the backend cannot honour.
    pub fn check(&self, backend: &'static str, support: &Support) -> Result<()> {
        let refuse = |option: String| {
            Err(
                Error::unsupported(format!("{option} is not supported by this backend"))
                    .with_context("backend", backend),
            )
        };
        let invalid = |text: &'static str| Err(Error::new(ErrorKind::InvalidConfig, text));
        if self.max_stack < 16 << 10 {
            return invalid("max_stack must be at least 16 KiB");
        }
        if self.tick < Duration::from_micros(100) || self.tick > Duration::from_millis(10) {
            return invalid("tick must be between 100 us and 10 ms");
        }
        if !self.features.contains(Feature::ComponentAsync) {
            if self.features.contains(Feature::ComponentThreads) {
                return invalid("component-threads needs component-async");
            }
            if self.features.contains(Feature::ErrorContext) {
                return invalid("error-context needs component-async");
            }
        }
        match self.get_interruption(support) {
            Interruption::Deadline if !support.deadline => {
                return refuse("interruption: deadline".into());
            }
            by if by.has_fuel() && !support.fuel => return refuse(format!("interruption: {by}")),
            _ => {}
        }
        if self.deterministic && !support.deterministic {
            return refuse("deterministic".into());
        }
        // What is on by default and an engine lacks is refused when a module
        // uses it; what was asked for is refused here.
        for feature in self
            .get_features()
            .iter()
            .filter(|feature| !feature.default_on())
        {
            if !support.features.contains(feature) {
                return refuse(format!("feature {feature}"));
            }
        }
        Ok(())
    }

    /// The options that decide how code is compiled, as a line of text: two
    /// engines of one version with the same line can share artifacts.
    pub(crate) fn fingerprint(&self, support: &Support) -> String {
        let features: Vec<_> = self.get_features().iter().map(Feature::name).collect();
        format!(
            "interruption={} features={} max_stack={} deterministic={}",
            self.get_interruption(support),
            features.join(","),
            self.max_stack,
            self.deterministic,
        )
    }
}

/// What a backend can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Support {
    /// The engine's name.
    pub engine: &'static str,
    /// The engine's version.
    pub version: &'static str,
    /// Whether the engine has the Component Model itself; else it runs
    /// components through enginebay's layer.
    pub native: bool,
    /// Whether the engine compiles to machine code.
    pub jit: bool,
    /// Whether a running guest can be stopped by time and cancellation.
    pub deadline: bool,
    /// Whether fuel is metered.
    pub fuel: bool,
    /// Whether results can be made deterministic.
    pub deterministic: bool,
    /// Whether compiled components can be stored and loaded.
    pub artifacts: bool,
    /// Whether traps carry the frames of the guest's stack. Those of errors of
    /// host functions may be missing all the same.
    pub backtraces: bool,
    /// Which features the engine has.
    pub features: Features,
}

impl Support {
    /// An engine that can do nothing beyond running components.
    pub const fn new(engine: &'static str, version: &'static str) -> Self {
        Support {
            engine,
            version,
            native: false,
            jit: false,
            deadline: false,
            fuel: false,
            deterministic: false,
            artifacts: false,
            backtraces: false,
            features: Features::none(),
        }
    }
}
