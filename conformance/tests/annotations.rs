//! What a script expects beyond results is looked at: each expectation passes where
//! it holds, and fails where it does not, with its name.

use enginebay::DefaultBackend;
use enginebay_conformance::{Outcome, Runner, Script};

/// A guest that does one of several things; `DIRECTIVE` comes behind it.
const GUEST: &str = r#"
(component definition $Guest
  (import "enginebay:test/host" (instance $host
    (export "note-number" (func (param "number" u32)))
    (export "fail" (func (param "text" string)))
    (export "panic" (func (param "text" string)))
    (export "thing" (type $thing (sub resource)))
    (export "[constructor]thing" (func (param "value" u32) (result (own $thing))))))
  (alias export $host "thing" (type $thing))
  (core module $libc (memory (export "memory") 1) (data (i32.const 0) "text"))
  (core instance $libc (instantiate $libc))
  (core func $note (canon lower (func $host "note-number")))
  (core func $fail (canon lower (func $host "fail") (memory $libc "memory")))
  (core func $panic (canon lower (func $host "panic") (memory $libc "memory")))
  (core func $make (canon lower (func $host "[constructor]thing")))
  (core func $drop (canon resource.drop $thing))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "note" (func $note (param i32)))
    (import "" "fail" (func $fail (param i32 i32)))
    (import "" "panic" (func $panic (param i32 i32)))
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (table 3 funcref)
    (global $calls (mut i32) (i32.const 0))
    (func (export "count") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (global.get $calls))
    (func (export "note") (call $note (i32.const 7)))
    (func (export "thing") (call $drop (call $make (i32.const 5))))
    (func (export "keep") (result i32) (call $make (i32.const 5)))
    (func (export "fail") (call $fail (i32.const 0) (i32.const 4)))
    (func (export "panic") (call $panic (i32.const 0) (i32.const 4)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "need") (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)))
    (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func $outer (export "divide") (result i32) (i32.add (call $inner (i32.const 0)) (i32.const 1)))
    (func (export "spin") (loop $l (br $l))))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $libc "memory")) (export "note" (func $note))
    (export "fail" (func $fail)) (export "panic" (func $panic))
    (export "make" (func $make)) (export "drop" (func $drop))))))
  (func (export "count") (result u32) (canon lift (core func $i "count")))
  (func (export "note") (canon lift (core func $i "note")))
  (func (export "thing") (canon lift (core func $i "thing")))
  (func (export "keep") (result (own $thing)) (canon lift (core func $i "keep")))
  (func (export "fail") (canon lift (core func $i "fail")))
  (func (export "panic") (canon lift (core func $i "panic")))
  (func (export "grow") (result s32) (canon lift (core func $i "grow")))
  (func (export "need") (canon lift (core func $i "need")))
  (func (export "divide") (result u32) (canon lift (core func $i "divide")))
  (func (export "spin") (canon lift (core func $i "spin"))))
(component instance $guest $Guest)
"#;

const HEADER: &str = ";;! limits.memory = \"64KiB\"\n;;! limits.fuel = 1000\n";

/// Runs a script on the default backend: what failed, or is unsupported.
fn wrong(directives: &str) -> Vec<String> {
    let text = format!("{HEADER}{GUEST}{directives}");
    let script = Script::parse("test", &text).unwrap();
    let report = Runner::<DefaultBackend>::new().run(&script);
    let steps = report.steps.iter();
    let wrong = steps.filter(|step| step.outcome != Outcome::Pass);
    wrong.map(|step| step.to_string()).collect()
}

/// The key, what holds, what does not, and the directive.
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("error.kind", "\"trap\"", "\"host\"", DIVIDE),
    (
        "error.trap",
        "\"integer-division-by-zero\"",
        "\"integer-overflow\"",
        DIVIDE,
    ),
    (
        "error.frames",
        "[\"inner\", \"outer\"]",
        "[\"outer\"]",
        DIVIDE,
    ),
    ("error.limit", "\"64KiB\"", "65537", NEED),
    ("error.requested", "\"128KiB\"", "65536", NEED),
    ("error.consumed", "1000", "999", SPIN),
    ("error.context.function", "\"fail\"", "\"other\"", FAIL),
    ("usage.memory", "\"64KiB\"", "0", COUNT),
    ("usage.memory-peak", "\"64KiB\"", "0", COUNT),
    ("usage.table-elements", "3", "2", COUNT),
    ("usage.growth-refused", "1", "0", GROW),
    ("call.growth-refused", "1", "0", GROW),
    ("usage.fuel", "6", "5", COUNT),
    ("call.fuel", "6", "7", COUNT),
    ("call.host-calls", "1", "0", NOTE),
    ("usage.time-at-least-ms", "0", "60000", COUNT),
    ("log", "[\"7\"]", "[]", NOTE),
    ("log", "[\"drop 5\"]", "[\"drop 6\"]", THING),
    ("things.made", "1", "0", THING),
    ("things.dropped", "1", "2", THING),
    ("stores", "1", "2", COUNT),
    ("waiting", "0", "1", COUNT),
    ("poisoned", "\"no\"", "\"trap\"", COUNT),
    ("poisoned", "\"trap\"", "\"no\"", DIVIDE),
    ("poisoned", "\"host\"", "\"host-panic\"", FAIL),
];

const COUNT: &str = "(assert_return (invoke \"count\") (u32.const 1))";
const NOTE: &str = "(assert_return (invoke \"note\"))";
const THING: &str = "(assert_return (invoke \"thing\"))";
const GROW: &str = "(assert_return (invoke \"grow\") (s32.const -1))";
const DIVIDE: &str = "(assert_trap (invoke \"divide\") \"integer divide by zero\")";
const NEED: &str = "(assert_trap (invoke \"need\") \"memory limit reached\")";
const SPIN: &str = "(assert_trap (invoke \"spin\") \"out of fuel\")";
const FAIL: &str = "(assert_trap (invoke \"fail\") \"host error: text\")";

#[test]
fn every_expectation_can_fail() {
    for (key, right, other, directive) in ROWS {
        let annotated = |value| format!(";;@ {key} = {value}\n{directive}");
        assert_eq!(wrong(&annotated(right)), [""; 0], "{key} = {right}");
        let wrong = wrong(&annotated(other));
        assert_eq!(wrong.len(), 1, "{key} = {other}: {wrong:?}");
        let key = key.trim_end_matches("-at-least-ms");
        assert!(wrong[0].contains(key), "{wrong:?}");
    }
}

/// Keys that would be kept whatever they say are refused where a script is parsed.
#[test]
fn keys_that_cannot_fail_are_refused() {
    const INVALID: &str = "(assert_invalid (component (import \"a\" (func (type 9)))) \"type\")";
    const MALFORMED: &str = "(assert_malformed (component quote \"(nothing\") \"nothing\")";
    const CORE: &str = "(module (func (export \"f\")))";
    const PANIC: &str = "(assert_trap (invoke \"panic\") \"panic: text\")";
    const DEFINE: &str = "(component definition $More)";
    for (key, directive) in [
        ("threads = 2", COUNT),
        ("error.kind = \"trap\"", COUNT),
        ("error.kind = \"trap\"", DEFINE),
        ("error.kind = \"host-panic\"", PANIC),
        ("error.kind = \"invalid-component\"", MALFORMED),
        ("error.limit = 1", INVALID),
        ("limits.fuel = 1", COUNT),
        ("usage.memory = 0", INVALID),
        ("call.fuel = 0", DEFINE),
        ("poisoned = \"no\"", "(register \"g\" $guest)"),
        ("drop-store = true", DEFINE),
        ("set-fuel = 1", CORE),
        ("cancel = \"before\"", INVALID),
        ("reset-cancel = true", DEFINE),
        ("keep = \"it\"", CORE),
        ("with = [\"it\"]", "(component instance $more $Guest)"),
        ("abandon-after = 1\n;;@ drop = [\"it\"]", COUNT),
    ] {
        let text = format!("{HEADER}{GUEST};;@ {key}\n{directive}");
        let error = Script::parse("test", &text).unwrap_err().to_string();
        let name = key.split([' ', '.']).next().unwrap();
        assert!(
            error.contains(&format!("annotation: `{name}` is for")),
            "{key}: {error}"
        );
    }
    // What is a core module, and what has no store, is seen when it is run.
    let core = format!("{CORE}\n;;@ keep = \"it\"\n(invoke \"f\")");
    let defined = "(module definition $m)\n;;@ set-fuel = 1\n(module instance $i $m)";
    let large = ";;@ usage.memory = 0\n(assert_trap (component (core module (memory 65536))\
                 (core module (memory 1))) \"too large\")";
    for (directives, part) in [
        (&*core, "`keep` is for components"),
        (defined, "`set-fuel` is for components"),
        (large, "`usage` is about a store"),
    ] {
        let wrong = wrong(directives);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].contains(part), "{wrong:?}");
    }
}

#[test]
fn the_texts_of_ends_are_compared() {
    for (invoke, right, other) in [
        ("fail", "host error: text", "host error: other"),
        ("fail", "host error: text", "panic: text"),
        ("panic", "panic: text", "panic: other"),
        ("panic", "panic: text", "host error: text"),
        (
            "spin",
            "out of fuel: 1000 consumed",
            "out of fuel: 999 consumed",
        ),
        ("divide", "integer divide by zero", "integer overflow"),
        ("divide", "trap", "denied"),
    ] {
        let trap = |text| format!("(assert_trap (invoke \"{invoke}\") \"{text}\")");
        assert_eq!(wrong(&trap(right)), [""; 0], "{invoke}: {right}");
        assert_eq!(wrong(&trap(other)).len(), 1, "{invoke}: {other}");
    }
    let after = |text| format!("{DIVIDE}(assert_trap (invoke \"count\") \"{text}\")");
    assert_eq!(wrong(&after("poisoned: trap: integer divide")), [""; 0]);
    assert_eq!(wrong(&after("poisoned: trap: integer overflow")).len(), 1);
    assert_eq!(
        wrong("(assert_trap (invoke \"count\") \"poisoned: \")").len(),
        1
    );
}

#[test]
fn what_is_repeated_must_hold_each_time() {
    let repeat = |directive| format!(";;@ repeat = 3\n{directive}");
    assert_eq!(wrong(&repeat(NOTE)), [""; 0]);
    let counted = wrong(&repeat(COUNT));
    assert!(counted[0].contains("in turn 2 of 3"), "{counted:?}");
    // What is made again replaces what was there.
    let made = ";;@ repeat = 3\n;;@ stores = 2\n(component instance $more $Guest)";
    assert_eq!(wrong(made), [""; 0]);
}

#[test]
fn threads_report_what_failed_in_one_of_them() {
    let thread = |inner: &str| {
        format!(
            ";;@ threads = 3\n;;@ repeat = 2\n(thread $t\n(component instance $g $Guest)\n\
             {inner})\n(wait $t)"
        )
    };
    assert_eq!(wrong(&thread(COUNT)), [""; 0]);
    let failed = wrong(&thread("(assert_return (invoke \"count\") (u32.const 2))"));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("in thread 1, round 1"), "{failed:?}");
    // Without a `wait`, the script's end waits.
    let unwaited = format!("(thread $t (component instance $g $Guest) {DIVIDE} {DIVIDE})");
    assert_eq!(wrong(&unwaited).len(), 1);
    assert_eq!(wrong("(wait $nobody)").len(), 1);
}

#[test]
fn stores_are_cancelled_filled_and_dropped() {
    let cancelled = ";;@ cancel = \"before\"\n(assert_trap (invoke \"count\") \"cancelled\")";
    assert_eq!(wrong(cancelled), [""; 0]);
    let meanwhile = ";;@ set-fuel = 1000000000000\n;;@ cancel = \"meanwhile\"\n\
                     (assert_trap (invoke \"spin\") \"cancelled\")";
    assert_eq!(wrong(meanwhile), [""; 0]);
    assert_eq!(
        wrong(";;@ set-fuel = 0\n(assert_trap (invoke \"count\") \"out of fuel\")"),
        [""; 0]
    );
    let dropped = format!(";;@ drop-store = true\n;;@ stores = 0\n{COUNT}\n{NOTE}");
    let failed = wrong(&dropped);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0].contains("the instance's store is gone"),
        "{failed:?}"
    );
}

#[test]
fn results_are_kept_and_dropped() {
    let kept = ";;@ keep = \"it\"\n;;@ drop = [\"it\"]\n;;@ log = [\"drop 5\"]\n(invoke \"keep\")";
    assert_eq!(wrong(kept), [""; 0]);
    let twice = ";;@ keep = \"it\"\n;;@ drop = [\"it\", \"it\"]\n(invoke \"keep\")";
    assert_eq!(wrong(twice).len(), 1);
    assert_eq!(
        wrong(";;@ with = [\"nothing\"]\n(invoke \"note\")").len(),
        1
    );
}
