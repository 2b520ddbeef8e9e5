//! Host bindings: Rust for a WIT world, from the host's side. `enginebay::bindgen!` is
//! this library as a macro; a build script can call it and keep what it writes.
//!
//! ```
//! use enginebay_bindgen::{Options, Wit};
//!
//! let wit = Wit::Inline("package a:b; world w { export add: func(a: u32, b: u32) -> u32; }".into());
//! let bindings = Options::new(wit).generate()?;
//! assert!(bindings.to_string().contains("pub fn call_add"));
//! # Ok::<(), enginebay_bindgen::Error>(())
//! ```
//!
//! What is generated is generic over the backend. For a world there is
//!
//! - a struct with a method for each exported function, and one for each exported
//!   interface;
//! - a module for each interface, by namespace, package and name, with its types; for one
//!   that is imported, a trait `Host` that the embedder implements and `add_to_linker`;
//!   what is exported is in the module `exports`;
//! - a trait for functions that the world imports by themselves.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use wit_parser::Resolve;

mod check;
pub mod contract;

mod function;
mod interface;
mod names;
mod stub;
mod types;
mod world;

pub use check::Check;

/// Where a world's WIT is.
#[derive(Clone, Debug)]
pub enum Wit {
    /// A file; or a folder with a package, and its dependencies in `deps/`.
    Path(PathBuf),
    /// A text.
    Inline(String),
    /// A text that uses packages of a folder.
    InlineWith(String, PathBuf),
}

/// Which imported functions are asynchronous on the host's side.
#[derive(Clone, Debug, Default)]
pub enum Async {
    /// None of them.
    #[default]
    None,
    /// All of them.
    All,
    /// These: `ns:pkg/interface#function`, or the name of a function that the world
    /// imports by itself.
    Only(Vec<String>),
}

/// What is generated.
#[derive(Clone, Debug)]
pub struct Options {
    wit: Wit,
    world: Option<String>,
    with: BTreeMap<String, String>,
    asynchronous: Async,
    trappable_imports: bool,
    views: Vec<String>,
    additional_derives: Vec<String>,
    features: Vec<String>,
    root: String,
    checks: check::Checks,
    blocking: Option<String>,
    boxed: bool,
    stub: Option<(String, String)>,
}

impl Options {
    /// The defaults: the only world that there is, synchronous host functions that
    /// cannot fail, and everything generated.
    pub fn new(wit: Wit) -> Self {
        Options {
            wit,
            world: None,
            with: BTreeMap::new(),
            asynchronous: Async::None,
            trappable_imports: false,
            views: Vec::new(),
            additional_derives: Vec::new(),
            features: Vec::new(),
            root: "::enginebay".to_string(),
            checks: check::Checks::default(),
            blocking: None,
            boxed: false,
            stub: None,
        }
    }

    /// The world's name, where the package has several: `world`, or
    /// `ns:pkg/world@version`.
    #[must_use]
    pub fn world(mut self, world: impl Into<String>) -> Self {
        self.world = Some(world.into());
        self
    }

    /// Takes the types of an imported interface (`ns:pkg/interface`) from a Rust module,
    /// in which nothing is generated; or a resource's type
    /// (`ns:pkg/interface/resource`) from a Rust path. Versions may be left out.
    #[must_use]
    pub fn with(mut self, wit: impl Into<String>, rust: impl Into<String>) -> Self {
        self.with.insert(wit.into(), rust.into());
        self
    }

    /// Which imported functions are asynchronous on the host's side. Exported functions
    /// can be called both ways.
    #[must_use]
    pub fn asynchronous(mut self, which: Async) -> Self {
        self.asynchronous = which;
        self
    }

    /// Whether imported functions give an `enginebay::Result`, whose error stops the
    /// guest.
    #[must_use]
    pub fn trappable_imports(mut self, trappable: bool) -> Self {
        self.trappable_imports = trappable;
        self
    }

    /// An imported function, `ns:pkg/interface#function` or the name of one that the
    /// world imports by itself, whose lists stay in the guest's memory: parameters that
    /// are lists come as `WasmList`, unless their elements have handles. In place of
    /// `&mut self` it gets an `Access`, with which they are read.
    #[must_use]
    pub fn view(mut self, function: impl Into<String>) -> Self {
        self.views.push(function.into());
        self
    }

    /// A trait that records, variants, enums and flags derive besides.
    #[must_use]
    pub fn additional_derive(mut self, path: impl Into<String>) -> Self {
        self.additional_derives.push(path.into());
        self
    }

    /// Turns items on that are `@unstable(feature = ...)`.
    #[must_use]
    pub fn feature(mut self, feature: impl Into<String>) -> Self {
        self.features.push(feature.into());
        self
    }

    /// The path of the crate `enginebay`. Default: `::enginebay`.
    #[must_use]
    pub fn root(mut self, root: impl Into<String>) -> Self {
        self.root = root.into();
        self
    }

    /// Looks at something before an imported function is called, which is given as
    /// `ns:pkg/interface#function`. Several are looked at in the order in which they were
    /// given.
    #[must_use]
    pub fn check(mut self, function: impl Into<String>, check: Check) -> Self {
        let checks = &mut self.checks.by_function;
        checks.entry(function.into()).or_default().push(check);
        self
    }

    /// A trait that the embedder's host has to implement, for the functions of checks.
    #[must_use]
    pub fn check_bound(mut self, path: impl Into<String>) -> Self {
        self.checks.bound = Some(path.into());
        self
    }

    /// Generates `add_to_linker_blocking` besides, for synchronous stores: there, a
    /// function that is asynchronous on the host's side is waited for by a Rust function,
    /// which is called with the `&mut Caller` and the future, and gives a `Result` of what
    /// the future gives. The futures of such functions have to be `'static`.
    #[must_use]
    pub fn blocking(mut self, function: impl Into<String>) -> Self {
        self.blocking = Some(function.into());
        self
    }

    /// Links host functions through a pointer (`LinkerInstance::func_wrap_boxed`): a
    /// program with many of them is built faster and is smaller, and each call takes a
    /// nanosecond or two more. Default: `false`.
    #[must_use]
    pub fn boxed(mut self, boxed: bool) -> Self {
        self.boxed = boxed;
        self
    }

    /// Implements all traits of the host for a type, by functions that fail: with what a
    /// Rust function gives for the `&mut` of that type and the WIT name of the function,
    /// `ns:pkg/interface@version#function`. For tests, and for hosts that have an interface
    /// in name only. Needs [`trappable_imports`](Options::trappable_imports).
    #[must_use]
    pub fn stub(mut self, ty: impl Into<String>, function: impl Into<String>) -> Self {
        self.stub = Some((ty.into(), function.into()));
        self
    }

    /// Generates the bindings.
    ///
    /// # Errors
    ///
    /// WIT that does not resolve, with file, line and column; a world that is not there;
    /// options that name nothing in it; types that have no Rust form so far.
    pub fn generate(&self) -> Result<Bindings> {
        let mut resolve = Resolve::default();
        resolve.features.extend(self.features.iter().cloned());
        let (main, mut files) = self.read(&mut resolve)?;
        let world = resolve
            .select_world(&[main], self.world.as_deref())
            .map_err(|error| Error(format!("{error:#}")))?;
        files.sort();
        files.dedup();
        let tokens = world::Generator::new(self, &resolve, world)?.generate()?;
        Ok(Bindings { tokens, files })
    }

    fn read(&self, resolve: &mut Resolve) -> Result<(wit_parser::PackageId, Vec<PathBuf>)> {
        let folder = |resolve: &mut Resolve, path: &Path| match resolve.push_path(path) {
            Ok((package, sources)) => Ok((package, sources.paths().map(Into::into).collect())),
            Err(error) => Err(Error(resolve.render_error(&error))),
        };
        let text = |resolve: &mut Resolve, text: &str| match resolve.push_str("inline", text) {
            Ok(package) => Ok(package),
            Err(error) => Err(Error(resolve.render_error(&error))),
        };
        match &self.wit {
            Wit::Path(path) => folder(resolve, path),
            Wit::Inline(it) => Ok((text(resolve, it)?, Vec::new())),
            Wit::InlineWith(it, path) => {
                let (_, files) = folder(resolve, path)?;
                Ok((text(resolve, it)?, files))
            }
        }
    }
}

/// What was generated. It is displayed as formatted Rust.
#[derive(Clone, Debug)]
pub struct Bindings {
    tokens: TokenStream,
    files: Vec<PathBuf>,
}

impl Bindings {
    /// As tokens, for a macro.
    pub fn tokens(&self) -> &TokenStream {
        &self.tokens
    }

    /// The files that were read, for a build that has to notice when they change.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

impl fmt::Display for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match syn::parse2(self.tokens.clone()) {
            Ok(file) => f.write_str(&prettyplease::unparse(&file)),
            // It compiles, or fails to, with a better message.
            Err(_) => write!(f, "{}", self.tokens),
        }
    }
}

/// Why there are no bindings.
#[derive(Clone, Debug)]
pub struct Error(String);

impl Error {
    fn new(text: impl Into<String>) -> Self {
        Error(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// A result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;
