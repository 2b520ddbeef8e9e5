//! Programs with an interpreter inside, of 10 to 20 MB each: the same command in
//! Python (`guests/python`) and in JavaScript (`guests/javascript`). They are not
//! in the repository. Where `ENGINEBAY_LARGE_GUESTS` is set, they are built if they
//! are not there, and run; each in a process of its own, which says how long it
//! took and how much memory that process had at most.

use std::env;
use std::process::Command;
use std::sync::MutexGuard;
use std::time::Instant;

use super::*;
use crate::common;

on_each_backend! {
    a_python_program_reads_json_and_writes_it
    a_javascript_program_reads_json_and_writes_it
}

const ASK: &str = "ENGINEBAY_LARGE_GUESTS";
/// Set in the processes that run one program on one backend.
const INSIDE: &str = "ENGINEBAY_LARGE_GUESTS_INSIDE";

const ORDERS: &str = r#"{"orders": [
    {"customer": "Zoë", "items": [{"name": "tea", "count": 2, "cents": 250}]},
    {"customer": "Al", "items": [{"count": 1, "cents": 99}, {"count": 3, "cents": 1000}]},
    {"customer": "Zoë", "items": [{"name": "cake", "count": 1, "cents": 7}]},
    {"customer": "Bo", "items": [{"count": 0, "cents": 5}]}
]}"#;

fn a_python_program_reads_json_and_writes_it<B: Backend>() {
    let missing = "error: FileNotFoundError\n";
    let broken = "error: JSONDecodeError\n";
    in_its_process::<B>("a_python_program_reads_json_and_writes_it", || {
        orders::<B>("python", missing, broken);
    });
}

fn a_javascript_program_reads_json_and_writes_it<B: Backend>() {
    let missing = "error: no-entry\n";
    let broken = "error: SyntaxError\n";
    in_its_process::<B>("a_javascript_program_reads_json_and_writes_it", || {
        orders::<B>("javascript", missing, broken);
    });
}

/// Runs the test in a process of its own, one at a time: the highest use of memory
/// is known of a process, and times are to be those of one program.
fn in_its_process<B: Backend>(test: &str, run: impl FnOnce()) {
    static ONE: Mutex<()> = Mutex::new(());
    if env::var_os(ASK).is_none() {
        println!("skipped: {ASK} is not set");
        return;
    }
    if env::var_os(INSIDE).is_some() {
        return run();
    }
    // Another test that failed is not this one's failure.
    let one: MutexGuard<'_, ()> = ONE.lock().unwrap_or_else(|error| error.into_inner());
    let name = common::name_of_test::<B>(module_path!(), test);
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--quiet"])
        .env(INSIDE, &name)
        .output()
        .unwrap();
    drop(one);
    let output = String::from_utf8_lossy(&child.stdout);
    print!("{output}{}", String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "{name}: {}", child.status);
    // A name that is no test's would run nothing and succeed.
    assert!(output.contains("1 passed"), "{name} was not run");
}

/// The component, which is built if it is not there.
fn built(language: &str) -> &'static [u8] {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests");
    let path = guests
        .join("target/large")
        .join(language)
        .with_extension("wasm");
    if !path.exists() {
        let status = Command::new(guests.join("build-large.sh")).status();
        assert!(
            status.unwrap().success(),
            "the large guests cannot be built"
        );
    }
    fs::read(path).unwrap().leak()
}

/// The highest use of memory of this process so far, where the system says it.
fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    match kibibytes {
        Some(kibibytes) => format!("{} MiB", kibibytes >> 10),
        None => "unknown".to_owned(),
    }
}

fn orders<B: Backend>(language: &str, missing: &str, broken: &str) {
    let bytes = built(language);
    let before = peak_memory();
    let start = Instant::now();
    let program = program::<B>(bytes);
    let compiled = start.elapsed();

    let dir = TempDir::on::<B>(language);
    fs::write(dir.0.join("in.json"), ORDERS).unwrap();
    fs::write(dir.0.join("broken.json"), "{\"orders\": [").unwrap();
    let run = |from: &str| {
        program.run(&[from, "/d/out.json"], |wasi| {
            wasi.env("CURRENCY", "CHF")
                .dir(&dir.0, "/d", DirAccess::ReadWrite);
        })
    };

    let start = Instant::now();
    run("/d/in.json").exited(0).wrote(
        "Al: 4 items, 30.99 CHF\nZoë: 3 items, 5.07 CHF\nBo: 0 items, 0.00 CHF\n\
         4 orders, 36.06 CHF\nchecksum 4e565f5d\n",
    );
    let ran = start.elapsed();
    assert_eq!(
        dir.text("out.json"),
        r#"{"currency":"CHF","owed":{"Al":3099,"Bo":0,"Zoë":507}}"#
    );
    fs::remove_file(dir.0.join("out.json")).unwrap();

    for (from, why) in [("/d/none.json", missing), ("/d/broken.json", broken)] {
        let ended = run(from);
        ended.exited(1).wrote("");
        assert_eq!(ended.stderr, why);
    }
    assert_eq!(dir.names(), ["broken.json", "in.json"]);
    println!(
        "{language} on {}: {:.1} MB, compiled in {compiled:.2?}, ran in {ran:.2?}, \
         peak memory {} (before: {before})",
        B::NAME,
        bytes.len() as f64 / 1e6,
        peak_memory()
    );
}
