//! What one guest may reach of the outside world: the context, the builder that
//! grants things to it, and how a store's data has one.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use enginebay_core::{CountedResource, Error, ErrorKind, Result};
#[cfg(feature = "http")]
use wasmtime::component::Resource;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{FsPerms, WasiCtxView};

use crate::clocks::{FixedClock, Timers};
#[cfg(feature = "http")]
use crate::http::{HostPattern, Http, Roots};
use crate::network::{AddressPattern, Network};
use crate::pipe::OutputPipe;
use crate::random::Random;

/// The state of one guest's WASI: what it was granted, and its open files,
/// streams and sockets. Part of a store's data; see [`WasiView`].
///
/// ```
/// use enginebay_wasi::{DirAccess, WasiCtx};
///
/// let wasi = WasiCtx::builder()
///     .arg("program")
///     .env("LANG", "C")
///     .dir(std::env::temp_dir(), "/tmp", DirAccess::ReadOnly)
///     .build()?;
/// # Ok::<(), enginebay_core::Error>(())
/// ```
pub struct WasiCtx(Option<Box<State>>);

/// What a host function of WASI works on.
pub(crate) struct State {
    pub(crate) ctx: wasmtime_wasi::WasiCtx,
    pub(crate) table: ResourceTable,
    max_resources: usize,
    pub(crate) random: Random,
    /// Where the clocks are fixed.
    pub(crate) timers: Option<Timers>,
    #[cfg(feature = "http")]
    pub(crate) http: Http,
    /// Places in the table that are for resources of `wasi:http` alone.
    #[cfg(feature = "http")]
    apart: usize,
    /// Those of them that have none.
    #[cfg(feature = "http")]
    kept_free: Vec<Resource<KeptFree>>,
}

/// Stands in the table where a resource of `wasi:http` was.
#[cfg(feature = "http")]
struct KeptFree;

impl wasmtime_wasi::WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.ctx,
            table: &mut self.table,
        }
    }
}

impl State {
    /// Room in the table for one more resource of `wasi:http`, which are counted
    /// apart.
    ///
    /// # Errors
    ///
    /// `Host` if there are too many.
    #[cfg(feature = "http")]
    pub(crate) fn gain_http(&mut self) -> Result<()> {
        let counted = self.http.gain()?;
        if counted + self.kept_free.len() <= self.apart {
            return Ok(());
        }
        match self.kept_free.pop() {
            Some(place) => drop(self.table.delete(place)),
            None => {
                self.apart += 1;
                let places = self.max_resources.saturating_add(self.apart);
                self.table.set_max_capacity(places);
            }
        }
        Ok(())
    }

    /// Keeps the places in the table which resources of `wasi:http` have left for
    /// others of them: whoever makes a thousand of those and drops them would have
    /// room for a thousand files.
    pub(crate) fn settle(&mut self) {
        #[cfg(feature = "http")]
        while self.http.resources() + self.kept_free.len() < self.apart {
            let Ok(place) = self.table.push(KeptFree) else {
                break;
            };
            self.kept_free.push(place);
        }
    }

    /// Says which limit it was, where one stopped the guest.
    pub(crate) fn explained(&self, error: Error) -> Error {
        if error.downcast_ref::<TableFull>().is_none() {
            return error;
        }
        let limit = self.max_resources;
        let kind = ErrorKind::ResourceLimit {
            what: CountedResource::Handles,
            limit: limit as u64,
        };
        Error::new(
            kind,
            format!(
                "the guest has {limit} resources of WASI at once, as many as `max_resources` allows"
            ),
        )
    }
}

/// There are as many resources in a context's table as there may be.
#[derive(Debug)]
pub(crate) struct TableFull;

impl fmt::Display for TableFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the context has no room for another resource")
    }
}

impl std::error::Error for TableFull {}

impl WasiCtx {
    /// What may be granted to a guest; nothing is yet.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }

    pub(crate) fn state(&mut self) -> Result<&mut State> {
        self.0.as_deref_mut().ok_or_else(lost)
    }

    /// Takes the state out, for as long as a host function runs that looks at
    /// the store as well.
    pub(crate) fn take(&mut self) -> Result<Box<State>> {
        self.0.take().ok_or_else(lost)
    }

    pub(crate) fn put_back(&mut self, state: Box<State>) {
        self.0 = Some(state);
    }
}

fn lost() -> Error {
    Error::new(
        ErrorKind::Host,
        "the WASI context was lost when one of its functions panicked",
    )
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx").finish_non_exhaustive()
    }
}

/// A store's data that has a [`WasiCtx`].
///
/// ```
/// use enginebay_wasi::{WasiCtx, WasiView};
///
/// struct Plugin {
///     name: String,
///     wasi: WasiCtx,
/// }
///
/// impl WasiView for Plugin {
///     fn wasi(&mut self) -> &mut WasiCtx {
///         &mut self.wasi
///     }
/// }
/// ```
pub trait WasiView: Send {
    /// The context, the same at each call.
    fn wasi(&mut self) -> &mut WasiCtx;
}

impl WasiView for WasiCtx {
    fn wasi(&mut self) -> &mut WasiCtx {
        self
    }
}

impl<T: WasiView + ?Sized> WasiView for Box<T> {
    fn wasi(&mut self) -> &mut WasiCtx {
        T::wasi(self)
    }
}

/// What a guest may do with a directory and all that is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirAccess {
    /// List it, read files and what is known about them.
    ReadOnly,
    /// That, and create, change and remove them.
    ReadWrite,
}

/// Where the clocks of [`WasiCtxBuilder::deterministic`] begin, in seconds since
/// 1970.
const YEAR_2000: u64 = 946_684_800;

/// Resources of one context unless [`WasiCtxBuilder::max_resources`] says
/// otherwise. Linux gives a process 1,024 files by default; one guest does not
/// take them all.
const MAX_RESOURCES: usize = 512;

/// How far they go on at each reading.
const CLOCK_STEP: Duration = Duration::from_micros(1);

#[derive(Clone, Default)]
enum Input {
    #[default]
    Empty,
    Inherit,
    Bytes(Vec<u8>),
}

#[derive(Clone, Default)]
enum Output {
    #[default]
    Discard,
    Inherit,
    Pipe(OutputPipe),
}

/// Grants things to a guest. What is not granted here, the guest does not have:
///
/// - no arguments, no environment variables, no directories;
/// - an empty standard input, and outputs that discard what is written;
/// - no network: no address can be used, and no name looked up.
///
/// Clocks and random numbers are there for every guest, because the standard
/// libraries of most languages need them to start. They are the host's own
/// unless [`WasiCtxBuilder::fixed_clocks`] and [`WasiCtxBuilder::seed`] replace
/// them, or [`WasiCtxBuilder::deterministic`] both.
///
/// A builder makes any number of contexts.
#[derive(Clone, Default)]
pub struct WasiCtxBuilder {
    args: Vec<String>,
    envs: Vec<(String, String)>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    dirs: Vec<(PathBuf, String, DirAccess)>,
    network: Network,
    #[cfg(feature = "http")]
    http_hosts: Vec<HostPattern>,
    #[cfg(feature = "http")]
    http_roots: Vec<Vec<u8>>,
    seed: Option<u64>,
    clocks: Option<(SystemTime, Duration)>,
    max_resources: Option<usize>,
}

impl WasiCtxBuilder {
    /// Grants nothing.
    pub fn new() -> Self {
        WasiCtxBuilder::default()
    }

    /// Adds an argument. The first one is the program's name.
    pub fn arg(&mut self, arg: impl Into<String>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<S: Into<String>>(&mut self, args: impl IntoIterator<Item = S>) -> &mut Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable; the last value of a name counts.
    pub fn env(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        let name = name.into();
        self.envs.retain(|(other, _)| *other != name);
        self.envs.push((name, value.into()));
        self
    }

    /// Sets environment variables.
    pub fn envs<N: Into<String>, V: Into<String>>(
        &mut self,
        envs: impl IntoIterator<Item = (N, V)>,
    ) -> &mut Self {
        for (name, value) in envs {
            self.env(name, value);
        }
        self
    }

    /// Sets all environment variables that this process has now, except those
    /// that WASI cannot express: names and values that are not Unicode, and
    /// names with a `=`.
    pub fn inherit_env(&mut self) -> &mut Self {
        for (name, value) in std::env::vars_os() {
            if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string())
                && check_env(&name, &value).is_ok()
            {
                self.env(name, value);
            }
        }
        self
    }

    /// Connects the standard streams with those of this process.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Connects standard input with that of this process, which should be read
    /// by one guest at a time. A thread waits for it, so that a guest that waits
    /// can be stopped.
    pub fn inherit_stdin(&mut self) -> &mut Self {
        self.stdin = Input::Inherit;
        self
    }

    /// Connects standard output with that of this process. A guest that writes
    /// to a full pipe cannot be stopped until somebody reads from it.
    pub fn inherit_stdout(&mut self) -> &mut Self {
        self.stdout = Output::Inherit;
        self
    }

    /// As [`WasiCtxBuilder::inherit_stdout`], for standard error.
    pub fn inherit_stderr(&mut self) -> &mut Self {
        self.stderr = Output::Inherit;
        self
    }

    /// The whole of standard input, for each context anew.
    pub fn stdin_bytes(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.stdin = Input::Bytes(bytes.into());
        self
    }

    /// Keeps what is written to standard output.
    pub fn stdout_pipe(&mut self, pipe: &OutputPipe) -> &mut Self {
        self.stdout = Output::Pipe(pipe.clone());
        self
    }

    /// Keeps what is written to standard error.
    pub fn stderr_pipe(&mut self, pipe: &OutputPipe) -> &mut Self {
        self.stderr = Output::Pipe(pipe.clone());
        self
    }

    /// Lets the guest use a directory of the host, under the name `guest_path`.
    /// Nothing outside of it can be reached through it, neither by `..` nor by
    /// symbolic links. It is opened by [`WasiCtxBuilder::build`].
    pub fn dir(
        &mut self,
        host_path: impl Into<PathBuf>,
        guest_path: impl Into<String>,
        access: DirAccess,
    ) -> &mut Self {
        self.dirs
            .push((host_path.into(), guest_path.into(), access));
        self
    }

    /// Lets the guest connect to these addresses by TCP.
    pub fn allow_tcp_connect(&mut self, to: impl Into<AddressPattern>) -> &mut Self {
        self.network.tcp_connect.push(to.into());
        self
    }

    /// Lets the guest listen on these local addresses by TCP. Whoever connects
    /// there is accepted.
    pub fn allow_tcp_listen(&mut self, on: impl Into<AddressPattern>) -> &mut Self {
        self.network.tcp_listen.push(on.into());
        self
    }

    /// Lets the guest send datagrams to these addresses by UDP, and receive
    /// those that come from there. Others are dropped unseen.
    pub fn allow_udp(&mut self, peer: impl Into<AddressPattern>) -> &mut Self {
        self.network.udp.push(peer.into());
        self
    }

    /// Lets the guest choose these local addresses for UDP. Without this, the
    /// system chooses one.
    pub fn allow_udp_bind(&mut self, local: impl Into<AddressPattern>) -> &mut Self {
        self.network.udp_bind.push(local.into());
        self
    }

    /// Lets the guest look up the addresses of names, by the host's resolver. To
    /// use the addresses is granted separately.
    pub fn allow_name_lookup(&mut self, allow: bool) -> &mut Self {
        self.network.name_lookup = allow;
        self
    }

    /// Lets the guest send requests to these servers by `wasi:http`, with the
    /// feature `http`. No other grant is needed for it, and it grants nothing of
    /// `wasi:sockets`.
    ///
    /// What is checked is the name in the request, before it is looked up, **not
    /// the address** that it stands for: see [`http`](crate::http).
    #[cfg(feature = "http")]
    pub fn allow_http(&mut self, to: HostPattern) -> &mut Self {
        self.http_hosts.push(to);
        self
    }

    /// Trusts a certificate authority besides those of `webpki-roots`, which are
    /// trusted by default: a server of the guest's requests by `wasi:http` may have
    /// a certificate that comes from it, directly or by others that the server
    /// sends along. For servers of your own, or for a proxy that reads along.
    ///
    /// The certificate is X.509 in DER form, not PEM. Of itself, only the name, the
    /// key and the name constraints count: neither when it ends nor who signed it.
    /// Where requests may go is granted by
    /// [`allow_http`](WasiCtxBuilder::allow_http) alone.
    ///
    /// [`build`](WasiCtxBuilder::build) refuses one that cannot be read.
    #[cfg(feature = "http")]
    pub fn http_root_certificate(&mut self, der: impl Into<Vec<u8>>) -> &mut Self {
        self.http_roots.push(der.into());
        self
    }

    /// Replaces random numbers by a sequence that depends on the seed alone, and
    /// is the same on each machine. **Also those for secrets**: whoever knows
    /// the seed knows the guest's keys.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.seed = Some(seed);
        self
    }

    /// Replaces the clocks: wall time begins at `start`, monotonic time at zero,
    /// and each reading of either is `step` later than the one before. A guest
    /// that looks at a clock until it has gone on never ends if `step` is zero.
    ///
    /// A guest that waits for timers does not wait: the clocks go on to the first
    /// of them. Only where it waits for something else besides, such as input, a
    /// timer takes the time that it says.
    pub fn fixed_clocks(&mut self, start: SystemTime, step: Duration) -> &mut Self {
        self.clocks = Some((start, step));
        self
    }

    /// Replaces what differs from run to run by what does not, as far as it is not
    /// replaced yet: the clocks begin with the year 2000 (UTC) and go on by a
    /// microsecond at each reading, and random numbers are those of the seed 0.
    ///
    /// What else is granted stays what it is: files, variables, standard input and
    /// the network are the guest's input, and are the same if you make them so.
    /// [`Config::deterministic`](enginebay_core::Config::deterministic) does the
    /// same for what the engine computes.
    pub fn deterministic(&mut self) -> &mut Self {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(YEAR_2000);
        self.clocks.get_or_insert((start, CLOCK_STEP));
        self.seed.get_or_insert(0);
        self
    }

    /// How many resources of WASI the guest may have at once: files, directories,
    /// streams, sockets, timers and whatever else it has handles to. 512 by
    /// default.
    ///
    /// Each may be an open file of this process, of which the system gives it so
    /// many. A guest that makes one more is stopped, with an error of the kind
    /// [`ErrorKind::ResourceLimit`]. Resources of `wasi:http` are counted apart,
    /// and [`Limits::handles`](enginebay_core::Limits::handles) counts a guest's
    /// handles of all kinds.
    pub fn max_resources(&mut self, resources: usize) -> &mut Self {
        self.max_resources = Some(resources);
        self
    }

    /// Makes a context with what was granted.
    ///
    /// # Errors
    ///
    /// - `Io`, naming the path on the host, for a directory that cannot be
    ///   opened.
    /// - `InvalidConfig` for an argument or a variable with a zero byte, for a
    ///   variable whose name is empty or has a `=`, for two directories of one
    ///   name, for clocks that start before 1970, and for a root certificate that
    ///   is none.
    pub fn build(&self) -> Result<WasiCtx> {
        let mut ctx = wasmtime_wasi::WasiCtxBuilder::new();

        if let Some(arg) = self.args.iter().find(|arg| arg.contains('\0')) {
            return Err(invalid(format!("the argument {arg:?} has a zero byte")));
        }
        ctx.args(&self.args);
        for (name, value) in &self.envs {
            check_env(name, value)?;
            ctx.env(name, value);
        }

        match &self.stdin {
            Input::Empty => {}
            Input::Inherit => drop(ctx.inherit_stdin()),
            Input::Bytes(bytes) => drop(ctx.stdin(MemoryInputPipe::new(bytes.clone()))),
        }
        match &self.stdout {
            Output::Discard => {}
            Output::Inherit => drop(ctx.inherit_stdout()),
            Output::Pipe(pipe) => drop(ctx.stdout(pipe.stream())),
        }
        match &self.stderr {
            Output::Discard => {}
            Output::Inherit => drop(ctx.inherit_stderr()),
            Output::Pipe(pipe) => drop(ctx.stderr(pipe.stream())),
        }

        for (i, (host_path, guest_path, access)) in self.dirs.iter().enumerate() {
            if guest_path.contains('\0') {
                return Err(invalid(format!("the path {guest_path:?} has a zero byte")));
            }
            if self.dirs[..i]
                .iter()
                .any(|(_, other, _)| other == guest_path)
            {
                return Err(invalid(format!(
                    "two directories have the name `{guest_path}` for the guest"
                )));
            }
            let perms = match access {
                DirAccess::ReadOnly => FsPerms::ReadOnly,
                DirAccess::ReadWrite => FsPerms::ReadWrite,
            };
            ctx.preopened_dir(host_path, guest_path, perms)
                .map_err(|error| {
                    let path = host_path.display();
                    Error::new(
                        ErrorKind::Io,
                        format!("cannot open the directory `{path}`: {error:#}"),
                    )
                    .with_source(error)
                })?;
        }

        let network = self.network.clone();
        ctx.allow_tcp(network.has_tcp())
            .allow_udp(network.has_udp())
            .allow_ip_name_lookup(network.name_lookup)
            .socket_addr_check(move |address, operation: SocketAddrUse| {
                Box::pin(std::future::ready(network.allows(address, operation)))
            });

        let mut timers = None;
        if let Some((start, step)) = self.clocks {
            let start = start
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_err(|_| invalid("the clocks start before 1970"))?;
            let clock = FixedClock::new(start, step);
            timers = Some(Timers::new(clock.clone()));
            ctx.wall_clock(clock.clone()).monotonic_clock(clock);
        }

        let max_resources = self.max_resources.unwrap_or(MAX_RESOURCES);
        let mut table = ResourceTable::new();
        table.set_max_capacity(max_resources);

        Ok(WasiCtx(Some(Box::new(State {
            ctx: ctx.build(),
            table,
            max_resources,
            random: Random::new(self.seed),
            timers,
            #[cfg(feature = "http")]
            http: Http::new(&self.http_hosts, Roots::with(&self.http_roots)?),
            #[cfg(feature = "http")]
            apart: 0,
            #[cfg(feature = "http")]
            kept_free: Vec::new(),
        }))))
    }
}

impl fmt::Debug for WasiCtxBuilder {
    /// Without what may be secret: arguments, the values of variables, standard
    /// input and the seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let envs: Vec<_> = self.envs.iter().map(|(name, _)| name).collect();
        let mut f = f.debug_struct("WasiCtxBuilder");
        f.field("envs", &envs)
            .field("dirs", &self.dirs)
            .field("network", &self.network)
            .field("max_resources", &self.max_resources);
        #[cfg(feature = "http")]
        f.field("http_hosts", &self.http_hosts)
            .field("http_root_certificates", &self.http_roots.len());
        f.finish_non_exhaustive()
    }
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

fn check_env(name: &str, value: &str) -> Result<()> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(invalid(format!(
            "{name:?} is not a name for an environment variable"
        )));
    }
    if value.contains('\0') {
        return Err(invalid(format!(
            "the environment variable `{name}` has a zero byte"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut WasiCtxBuilder) -> &mut WasiCtxBuilder) -> Error {
        let mut builder = WasiCtx::builder();
        change(&mut builder);
        builder.build().unwrap_err()
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = refused(|b| b.dir("/no/such/place", "/", DirAccess::ReadOnly));
        assert_eq!(*error.kind(), ErrorKind::Io);
        assert!(error.message().contains("/no/such/place"), "{error}");
    }

    #[test]
    fn what_wasi_cannot_express_is_refused() {
        let here = std::env::temp_dir;
        for error in [
            refused(|b| b.arg("a\0b")),
            refused(|b| b.env("", "value")),
            refused(|b| b.env("a=b", "value")),
            refused(|b| b.env("name", "\0")),
            refused(|b| b.dir(here(), "\0", DirAccess::ReadOnly)),
            refused(|b| {
                b.dir(here(), "/a", DirAccess::ReadOnly)
                    .dir(here(), "/a", DirAccess::ReadWrite)
            }),
            refused(|b| {
                b.fixed_clocks(
                    SystemTime::UNIX_EPOCH - Duration::from_secs(1),
                    Duration::ZERO,
                )
            }),
        ] {
            assert_eq!(*error.kind(), ErrorKind::InvalidConfig, "{error}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn what_is_no_certificate_is_no_root() {
        let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        for der in ["", "\x30\x00", pem] {
            let error = refused(|b| b.http_root_certificate(der));
            assert_eq!(*error.kind(), ErrorKind::InvalidConfig, "{error}");
            assert!(error.message().contains("DER"), "{error}");
        }
    }

    #[test]
    fn what_is_chosen_is_not_replaced_by_the_preset() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        let choice = (start, Duration::from_secs(1));
        let mut before = WasiCtx::builder();
        before
            .seed(7)
            .fixed_clocks(choice.0, choice.1)
            .deterministic();
        let mut after = WasiCtx::builder();
        after
            .deterministic()
            .seed(7)
            .fixed_clocks(choice.0, choice.1);
        for builder in [before, after] {
            assert_eq!((builder.seed, builder.clocks), (Some(7), Some(choice)));
        }
        let mut preset = WasiCtx::builder();
        preset.deterministic();
        assert_eq!(preset.seed, Some(0));
        assert!(preset.clocks.is_some());
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let mut builder = WasiCtx::builder();
        builder.env("A", "1").env("B", "2").env("A", "3");
        let envs: Vec<_> = builder.envs.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(envs, [("B", "2"), ("A", "3")]);
    }
}
