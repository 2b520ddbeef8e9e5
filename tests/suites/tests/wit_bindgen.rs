//! The runtime worlds of wit-bindgen whose guests are written in Rust, on every backend.
//! Each has a component that exports functions, and one that calls them and looks at what
//! comes back; some have others in between. Here the host links them to each other when
//! they are instantiated. What is not built or does not pass stands in `wit-bindgen.toml`
//! with a reason, and fails the test once it passes.
//!
//! The sources are in a package of the registry, and the toolchain builds them for
//! `wasm32-wasip1`, in about a minute. Where `ENGINEBAY_SUITES` is not `required`, the test
//! says that it was skipped.

mod package;
#[path = "../../common/toolchain.rs"]
mod toolchain;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock};

use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::wasi::{self, OutputPipe, WasiCtx};
use enginebay::{Backend, Config, ErrorKind};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;

#[derive(Debug, Deserialize)]
struct Suite {
    #[serde(flatten)]
    package: package::Package,
    folder: PathBuf,
    /// How many worlds there are that are synchronous and have a runner in Rust.
    worlds: usize,
    renamed: Vec<Renamed>,
    exception: Vec<Exception>,
}

/// A function that one component exports and another imports by another name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Renamed {
    world: String,
    export: String,
    import: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    world: String,
    /// A part of what the failure says.
    error: String,
    reason: String,
}

/// The lines at the top of a `test.wit` that are for who runs it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct WitHeader {
    r#async: bool,
    default_bindgen_args: Option<bool>,
    #[serde(deserialize_with = "words")]
    dependencies: Vec<String>,
}

/// Those at the top of a source.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SourceHeader {
    /// Of the command that generates bindings.
    #[serde(deserialize_with = "words")]
    args: Vec<String>,
    lang: Lang,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Lang {
    #[serde(deserialize_with = "words")]
    rustflags: Vec<String>,
    /// Sources of libraries that are linked.
    externs: Vec<String>,
    link_shared: bool,
    extern_dylibs: Vec<String>,
}

/// A folder with a `test.wit` and the sources of components.
#[derive(Debug)]
struct World {
    name: String,
    folder: PathBuf,
    /// Whether all is generated that is not said to be elsewhere.
    generate_all: bool,
    /// The components, those last which call the others. Each has one source or more, and
    /// each of these works with each of the others'.
    parts: Vec<Part>,
    renamed: Vec<Renamed>,
    built: OnceLock<Result<Vec<Vec<Built>>, String>>,
}

#[derive(Debug)]
struct Part {
    /// Of the world in `test.wit`.
    name: String,
    sources: Vec<PathBuf>,
}

#[derive(Debug)]
struct Built {
    source: String,
    component: Vec<u8>,
}

/// What rustc needs besides a source.
struct Tools {
    library: PathBuf,
    dependencies: [PathBuf; 2],
    scratch: PathBuf,
}

/// Where wit-bindgen's library allocates what comes into a guest, by the guest's own
/// allocator, which some of them have to count. For WASI 0.2 the C library does it.
const TARGET: &str = "wasm32-wasip1";

fn main() -> ExitCode {
    let args = Arguments::from_args();
    if !env::var("ENGINEBAY_SUITES").is_ok_and(|it| it == "required") {
        println!("skipped: ENGINEBAY_SUITES is not `required`");
        return ExitCode::SUCCESS;
    }
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/wit-bindgen.toml"));
    let suite: Suite = toml::from_str(&text.expect("the file is there")).expect("it is well");
    let prepared = suite.package.unpacked().and_then(|root| {
        let tools = Tools::new(suite.package.version())?;
        Ok((root.join(&suite.folder), Arc::new(tools)))
    });
    let (root, tools) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut worlds = Vec::new();
    find_worlds(&root, &root, &suite.renamed, &mut worlds);
    let names: Vec<&str> = worlds.iter().map(|world| &*world.name).collect();
    assert_eq!(worlds.len(), suite.worlds, "worlds in {root:?}: {names:?}");
    for exception in &suite.exception {
        assert!(!exception.reason.is_empty(), "{exception:?}");
        assert!(!exception.error.is_empty(), "{exception:?}");
        assert!(names.contains(&&*exception.world), "{exception:?}");
    }
    for renamed in &suite.renamed {
        assert!(names.contains(&&*renamed.world), "{renamed:?}");
    }
    let mut trials = Vec::new();
    macro_rules! trials {
        ($module:ident, $backend:ty) => {
            for world in &worlds {
                let exception = suite.exception.iter().find(|it| it.world == world.name);
                let (world, tools) = (Arc::clone(world), Arc::clone(&tools));
                let (name, exception) = (world.name.clone(), exception.cloned());
                let name = format!("{}::{name}", stringify!($module));
                trials.push(Trial::test(name, move || {
                    match (run::<$backend>(&world, &tools), exception) {
                        (Ok(()), Some(_)) => Err(Failed::from("it passes: it is no exception")),
                        (Err(error), Some(exception)) if error.contains(&exception.error) => Ok(()),
                        (result, _) => result.map_err(Failed::from),
                    }
                }));
            }
        };
    }
    enginebay::for_each_backend!(trials);
    libtest_mimic::run(&args, trials).exit_code()
}

/// A list, or a text of words.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Text(String),
        List(Vec<String>),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::Text(text) => text.split_whitespace().map(str::to_string).collect(),
        Words::List(list) => list,
    })
}

fn header<T: DeserializeOwned>(text: &str) -> T {
    let lines = text.lines().map_while(|line| line.strip_prefix("//@"));
    let lines: Vec<&str> = lines.collect();
    toml::from_str(&lines.join("\n")).unwrap_or_else(|error| panic!("{lines:?}: {error}"))
}

fn find_worlds(root: &Path, folder: &Path, renamed: &[Renamed], worlds: &mut Vec<Arc<World>>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for folder in paths.iter().filter(|path| path.is_dir()) {
        find_worlds(root, folder, renamed, worlds);
    }
    let Ok(wit) = fs::read_to_string(folder.join("test.wit")) else {
        return;
    };
    let header: WitHeader = header(&wit);
    if header.r#async || wit.contains("async func") {
        return;
    }
    let mut parts = vec!["runner".to_string()];
    match header.dependencies.is_empty() {
        true => parts.push("test".to_string()),
        false => parts.extend(header.dependencies),
    }
    let mut parts: Vec<Part> = parts
        .into_iter()
        .map(|name| Part {
            name,
            sources: Vec::new(),
        })
        .collect();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let part = parts.iter_mut().find(|part| name.starts_with(&part.name));
        if let Some(part) = part.filter(|_| name.ends_with(".rs")) {
            part.sources.push(path);
        }
    }
    if parts[0].sources.is_empty() {
        return;
    }
    parts.reverse();
    let name = folder.strip_prefix(root).unwrap().to_string_lossy();
    let name = name.replace('\\', "/");
    let renamed = renamed.iter().filter(|it| it.world == name);
    worlds.push(Arc::new(World {
        renamed: renamed.cloned().collect(),
        name,
        folder: folder.to_path_buf(),
        generate_all: header.default_bindgen_args != Some(false),
        parts,
        built: OnceLock::new(),
    }));
}

fn output(command: &mut Command) -> Result<(), String> {
    let output = command.output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

impl Tools {
    /// Builds the library that the guests use, of the version of the worlds.
    fn new(version: &str) -> Result<Self, String> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit-bindgen/Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("it is there");
        let dependency = format!("wit-bindgen = \"={version}\"\n");
        assert!(text.contains(&dependency), "{manifest:?}: {dependency}");
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("suites/wit-bindgen");
        let mut build = toolchain::command("cargo");
        build.args(["build", "--quiet", "--locked", "--target", TARGET]);
        build.arg("--manifest-path").arg(&manifest);
        build.arg("--target-dir").arg(&scratch);
        output(&mut build).map_err(|error| format!("the guests' library: {error}"))?;
        let dependencies = [TARGET, "."].map(|it| scratch.join(it).join("debug/deps"));
        let entries = fs::read_dir(&dependencies[0]).map_err(|error| error.to_string())?;
        let mut libraries: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("libwit_bindgen-") && name.ends_with(".rlib")
            })
            .collect();
        // An earlier toolchain may have left another.
        let changed = |path: &PathBuf| fs::metadata(path).and_then(|it| it.modified()).ok();
        libraries.sort_by_key(changed);
        Ok(Tools {
            library: libraries.pop().ok_or("the guests' library is not there")?,
            dependencies,
            scratch,
        })
    }

    /// All components of a world.
    fn build(&self, world: &World) -> Result<Vec<Vec<Built>>, String> {
        let part = |part: &Part| {
            if part.sources.is_empty() {
                return Err(format!("{} has no source in Rust", part.name));
            }
            let sources = part.sources.iter();
            sources.map(|it| self.component(world, part, it)).collect()
        };
        world.parts.iter().map(part).collect()
    }

    fn component(&self, world: &World, part: &Part, source: &Path) -> Result<Built, String> {
        let text = fs::read_to_string(source).map_err(|error| error.to_string())?;
        let SourceHeader { args, lang } = header(&text);
        if lang.link_shared || !lang.extern_dylibs.is_empty() {
            return Err("it is made of shared libraries".to_string());
        }
        let scratch = self.scratch.join("guests").join(&world.name);
        fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        let wit = match world.folder.join("deps").exists() {
            true => world.folder.clone(),
            false => world.folder.join("test.wit"),
        };
        let bindings = scratch.join(format!("{stem}-bindings.rs"));
        let call = format!(
            "wit_bindgen::generate!({{ path: {wit:?}, world: {:?}, {} }});\n",
            part.name,
            options(&args, world.generate_all)?
        );
        fs::write(&bindings, call).map_err(|error| error.to_string())?;

        let mut externs = Vec::new();
        for name in &lang.externs {
            let source = world.folder.join(name);
            let stem = source.file_stem().unwrap_or_default().to_string_lossy();
            let library = scratch.join(format!("lib{stem}.rlib"));
            let mut rustc = self.rustc(world, &source, &library, &lang.rustflags);
            output(rustc.arg("--crate-type=rlib"))?;
            externs.push(format!("--extern={stem}={}", library.display()));
        }
        let module = scratch.join(format!("{stem}.wasm"));
        let mut rustc = self.rustc(world, source, &module, &lang.rustflags);
        rustc.arg("--crate-type=cdylib").args(externs);
        rustc.env("BINDINGS", &bindings);
        output(&mut rustc).map_err(|error| format!("{}: {error}", source.display()))?;
        Ok(Built {
            source: stem.into_owned(),
            component: package::adapted(&module, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?,
        })
    }

    fn rustc(&self, world: &World, source: &Path, output: &Path, flags: &[String]) -> Command {
        let mut rustc = toolchain::command("rustc");
        rustc
            .args(["--edition=2021", "-Awarnings", "-Cstrip=debuginfo"])
            .args(["--target", TARGET])
            .arg(format!("--extern=wit_bindgen={}", self.library.display()));
        for folder in &self.dependencies {
            rustc.arg(format!("-Ldependency={}", folder.display()));
        }
        rustc.args(flags).arg(source).arg("-o").arg(output);
        // What paths in a source are relative to.
        rustc.env("CARGO_MANIFEST_DIR", &world.folder);
        rustc
    }
}

/// Arguments of the command that generates bindings as options of the macro.
fn options(args: &[String], generate_all: bool) -> Result<String, String> {
    let mut options = Vec::new();
    if generate_all {
        options.push("generate_all".to_string());
    }
    let (mut features, mut skip, mut with) = (Vec::new(), Vec::new(), Vec::new());
    let (mut derives, mut underived) = (Vec::new(), Vec::new());
    // Values may be arguments of their own, or not.
    let mut args =
        args.iter()
            .flat_map(|arg| match (arg.split_once('='), arg.strip_prefix("-d")) {
                (_, Some(derive)) => vec!["-d", derive],
                (Some((name, value)), None) if name.starts_with("--") => vec![name, value],
                _ => vec![&**arg],
            });
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} has no value"));
        let name = arg.trim_start_matches('-').replace('-', "_");
        match arg {
            "--generate-all" if generate_all => {}
            "--generate-all" | "--raw-strings" | "--std-feature" => options.push(name),
            "--disable-custom-section-link-helpers"
            | "--disable-run-ctors-once-workaround"
            | "--generate-unused-types"
            | "--merge-structurally-equal-types" => options.push(format!("{name}: true")),
            "--bitflags-path" => options.push(format!("{name}: {:?}", value()?)),
            "--chainable-methods" => {
                let filters: Vec<&str> = value()?.split(',').collect();
                options.push(format!("{name}: {filters:?}"));
            }
            "--ownership" => options.push(match value()? {
                "owning" => format!("{name}: Owning"),
                other => format!(
                    "{name}: Borrowing {{ duplicate_if_necessary: {} }}",
                    other == "borrowing-duplicate-if-necessary"
                ),
            }),
            "--features" => features.push(value()?),
            "--skip" => skip.push(value()?),
            "--additional-derive-ignore" => underived.push(value()?),
            "-d" => derives.push(value()?),
            "--with" => {
                let (wit, rust) = value()?.split_once('=').ok_or("--with has no `=`")?;
                with.push(format!("{wit:?}: {rust}"));
            }
            _ => return Err(format!("the macro has no option for {arg}")),
        }
    }
    let lists = [
        ("features", features),
        ("skip", skip),
        ("additional_derives_ignore", underived),
    ];
    for (name, values) in lists.iter().filter(|(_, values)| !values.is_empty()) {
        options.push(format!("{name}: {values:?}"));
    }
    if !derives.is_empty() {
        options.push(format!("additional_derives: [{}]", derives.join(", ")));
    }
    if !with.is_empty() {
        options.push(format!("with: {{ {} }}", with.join(", ")));
    }
    Ok(options.join(", "))
}

fn run<B: Backend>(world: &World, tools: &Tools) -> Result<(), String> {
    let built = world.built.get_or_init(|| tools.build(world));
    let built = built.as_ref().map_err(String::clone)?;
    let mut ways: Vec<Vec<&Built>> = vec![Vec::new()];
    for part in built {
        let longer = ways
            .iter()
            .flat_map(|way| part.iter().map(|it| [&way[..], &[it]].concat()));
        ways = longer.collect();
    }
    ways.iter().try_for_each(|way| {
        let stderr = OutputPipe::new(1 << 20);
        link_and_call::<B>(way, &world.renamed, &stderr).map_err(|error| {
            let sources: Vec<&str> = way.iter().map(|it| &*it.source).collect();
            let said = String::from_utf8_lossy(&stderr.contents()).into_owned();
            format!("{sources:?}: {error}\n{said}")
        })
    })
}

/// Instantiates components, each with what others export, and calls the last.
fn link_and_call<B: Backend>(
    way: &[&Built],
    renamed: &[Renamed],
    stderr: &OutputPipe,
) -> Result<(), String> {
    let show = |error: enginebay::Error| format!("{error:?}");
    let mut config = Config::new();
    for built in way {
        let needed = enginebay::needed_features(&built.component).map_err(show)?;
        for feature in needed.iter() {
            config.feature(feature, true);
        }
    }
    let engine = Engine::<B>::new(&config).map_err(show)?;
    let mut linker = Linker::<B, WasiCtx>::new(&engine);
    wasi::add_to_linker(&mut linker).map_err(show)?;
    // What is in between may export what it imports.
    linker.allow_shadowing(true);
    let context = WasiCtx::builder().stderr_pipe(stderr).build();
    let mut store = Store::new(&engine, context.map_err(show)?).map_err(show)?;
    let components = way.iter().map(|it| Component::new(&engine, &it.component));
    let components = components.collect::<Result<Vec<_>, _>>().map_err(show)?;
    let (runner, others) = components.split_last().ok_or("there is no runner")?;
    let mut waiting: Vec<&Component<B>> = others.iter().collect();
    // What one of them needs another may export, whichever is named first.
    while !waiting.is_empty() {
        let mut still = Vec::new();
        let mut failure = None;
        for component in &waiting {
            match linker.instantiate(&mut store, component) {
                Ok(instance) => {
                    let mut root = linker.root();
                    root.define_exports(&mut store, &instance).map_err(show)?;
                    for Renamed { export, import, .. } in renamed {
                        // It may be another that has it.
                        match root.define_export(import, &mut store, &instance, export) {
                            Err(error) if *error.kind() != ErrorKind::NotFound => {
                                return Err(show(error));
                            }
                            _ => {}
                        }
                    }
                }
                Err(error) if *error.kind() == ErrorKind::Link => {
                    failure = Some(error);
                    still.push(*component);
                }
                Err(error) => return Err(show(error)),
            }
        }
        if let Some(error) = failure.filter(|_| still.len() == waiting.len()) {
            return Err(show(error));
        }
        waiting = still;
    }
    let instance = linker.instantiate(&mut store, runner).map_err(show)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run");
    run.map_err(show)?.call(&mut store, ()).map_err(show)
}
