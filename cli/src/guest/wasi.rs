//! WASI 0.2 with `wasi:http`, and what the command line grants of it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use enginebay::generic::{Instance, Linker, Store};
use enginebay::wasi::http::{self, HostPattern};
use enginebay::wasi::{self, AddressPattern, DirAccess, OutputPipe, WasiCtx};
use enginebay::{Backend, Error};

use super::certificates;
use crate::args::RunArgs;
use crate::failure::Failure;
use crate::parse::{self, Dir};

/// What to do about a component that imports something else.
pub(crate) const LINK_ADVICE: &str = if cfg!(feature = "host") {
    "only WASI 0.2 is offered to components here; `enginebay serve` has the interfaces of \
     the host contract as well"
} else {
    "only WASI 0.2 is offered to components"
};

/// More examples of what can be run.
pub(crate) const EXAMPLES: &str = "
  enginebay run app.wasm --dir data::/data:ro --env LANG -- /data/in.txt";

/// What a store has for its guest.
pub(crate) type Guest = WasiCtx;

// What the component is given of the host.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Grants")]
pub(crate) struct GrantArgs {
    /// A folder, and the path under which the component sees it; with `:ro`, only
    /// to read.
    #[arg(long, value_name = "HOST::GUEST[:ro]", value_parser = parse::dir)]
    pub(crate) dir: Vec<Dir>,

    /// An environment variable; without a value, that of this program.
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = parse::env)]
    pub(crate) env: Vec<(String, String)>,

    /// All variables of this program's environment. Those of --env come on top.
    #[arg(long)]
    pub(crate) inherit_env: bool,

    /// Use the network with an address, such as 127.0.0.1:80 or *:443: connect to
    /// it and listen on it by TCP, exchange datagrams with it and receive them on
    /// it.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) allow_net: Vec<AddressPattern>,

    /// Connect by TCP to an address, such as 127.0.0.1:80 or *:443.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) allow_tcp_connect: Vec<AddressPattern>,

    /// Listen on an address of this machine by TCP.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) allow_tcp_listen: Vec<AddressPattern>,

    /// Exchange datagrams with an address by UDP.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) allow_udp: Vec<AddressPattern>,

    /// Look up the addresses of names.
    #[arg(long)]
    pub(crate) allow_name_lookup: bool,

    /// Send requests (`wasi:http`) to a host, such as example.com,
    /// *.example.com:443 or *. The name is checked, not the address behind it.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) allow_http: Vec<HostPattern>,

    /// Trust the certificate authorities in a file (PEM) for requests by https,
    /// besides the public ones. It allows no request: --allow-http does.
    #[arg(long, value_name = "FILE")]
    pub(crate) http_root_certificate: Vec<PathBuf>,

    /// How many files, streams, sockets, timers and the like the component may have
    /// at once [default: 512].
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) max_resources: Option<usize>,

    /// Random numbers that depend on this seed alone. Not for secrets. With
    /// --deterministic: 0, unless another is given.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Clocks that begin at this time, such as 2000-01-01T00:00:00Z, go on by
    /// --clock-step at each reading, and to where the component waits for. With
    /// --deterministic: the year 2000, unless another time is given.
    #[arg(long, value_name = "TIME", value_parser = parse::instant)]
    pub(crate) clock: Option<SystemTime>,

    /// How far such clocks go on at each reading, such as 1ms [default: 1us].
    #[arg(long, value_name = "TIME", value_parser = parse::step)]
    pub(crate) clock_step: Option<Duration>,
}

/// How far clocks of the user's go on at each reading.
const CLOCK_STEP: Duration = Duration::from_micros(1);

/// Where they begin with --deterministic, as with
/// [`enginebay::wasi::WasiCtxBuilder::deterministic`].
fn year_2000() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800)
}

/// The environment that a guest gets.
fn environment(grants: &GrantArgs) -> Vec<(String, String)> {
    let mut environment = Vec::new();
    if grants.inherit_env {
        // A component's strings are Unicode: what is not, it cannot get.
        let all = std::env::vars_os();
        let all = all.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        environment.extend(all.filter(|(name, _)| grants.env.iter().all(|(it, _)| it != name)));
    }
    environment.extend(grants.env.iter().cloned());
    environment
}

/// What a guest wrote.
pub(crate) type Output = OutputPipe;

/// Where what a guest writes is kept, and how much of it.
pub(crate) fn output() -> Output {
    OutputPipe::new(16 << 20)
}

/// Makes what a store has for its guest. `stdin` says whether that is this
/// program's standard input.
pub(crate) fn guest(
    args: &RunArgs,
    stdout: Option<&Output>,
    stdin: bool,
) -> Result<Guest, Failure> {
    let grants = &args.grants;
    let program = args.file.file_name().unwrap_or_default();
    let mut wasi = WasiCtx::builder();
    wasi.arg(program.to_string_lossy())
        .args(&args.args)
        .envs(environment(grants))
        .allow_name_lookup(grants.allow_name_lookup)
        .inherit_stderr();
    if stdin {
        wasi.inherit_stdin();
    }
    match stdout {
        Some(pipe) => wasi.stdout_pipe(pipe),
        None => wasi.inherit_stdout(),
    };
    for dir in &grants.dir {
        let access = if dir.read_only {
            DirAccess::ReadOnly
        } else {
            DirAccess::ReadWrite
        };
        wasi.dir(&dir.host, &dir.guest, access);
    }
    for address in grants.allow_net.iter().chain(&grants.allow_tcp_connect) {
        wasi.allow_tcp_connect(*address);
    }
    for address in grants.allow_net.iter().chain(&grants.allow_tcp_listen) {
        wasi.allow_tcp_listen(*address);
    }
    for address in grants.allow_net.iter().chain(&grants.allow_udp) {
        wasi.allow_udp(*address);
    }
    for address in &grants.allow_net {
        wasi.allow_udp_bind(*address);
    }
    for servers in &grants.allow_http {
        wasi.allow_http(servers.clone());
    }
    for file in &grants.http_root_certificate {
        for certificate in certificates::read(file)? {
            wasi.http_root_certificate(certificate);
        }
    }
    if let Some(resources) = grants.max_resources {
        wasi.max_resources(resources);
    }
    if let Some(seed) = grants.seed {
        wasi.seed(seed);
    }
    let start = match grants.clock {
        None if args.engine.deterministic => Some(year_2000()),
        clock => clock,
    };
    match (start, grants.clock_step) {
        (Some(start), step) => {
            wasi.fixed_clocks(start, step.unwrap_or(CLOCK_STEP));
        }
        (None, None) => {}
        (None, Some(_)) => {
            return Err(Failure::Usage(
                "--clock-step needs --clock or --deterministic: else the clocks are the system's"
                    .to_owned(),
            ));
        }
    }
    if args.engine.deterministic {
        wasi.deterministic();
    }
    Ok(wasi.build()?)
}

/// Offers what there is.
pub(crate) fn offer<B: Backend>(linker: &mut Linker<B, Guest>) -> Result<(), Error> {
    wasi::add_to_linker(linker)?;
    http::add_to_linker(linker)
}

/// Runs an instance as a command.
pub(crate) fn run_command<B: Backend>(
    store: &mut Store<B, Guest>,
    instance: &Instance<B>,
) -> Result<u8, Error> {
    Ok(wasi::run(store, instance)?.code())
}

/// The code of a guest that exited.
pub(crate) fn exit_code(error: &Error) -> Option<u8> {
    wasi::exit_code(error)
}
