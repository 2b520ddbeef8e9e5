//! Components that hold handles, as text: one that defines a resource `g`, and
//! one that asks it, with handles of its own. Both use a resource `h` of the
//! host's. Each runs the operations that it was given before a call.

use std::fmt::Write;

use super::super::guest::{Asking, COPY_IMAGE, Echo, Types, list, memory, options};
use super::super::image::Encoding;
use super::Function;

/// What the host defines.
const HOST: &str = r#"(export "h" (type $h (sub resource)))
    (export "note" (func (param "what" u32) (param "value" u32)))
    (export "make" (func (param "rep" u32) (result (own $h))))
    (export "take" (func (param "v" (own $h))))
    (export "keep" (func (param "v" (own $h))))
    (export "see" (func (param "v" (borrow $h))))
    (export "lend" (func (param "v" (borrow $h))))
"#;

/// The functions of the host's and how operations name them: the last says
/// whether there is a result.
const HOST_OPS: [(u32, &str, bool); 5] = [
    (4, "make", true),
    (5, "take", false),
    (6, "see", false),
    (7, "keep", false),
    (8, "lend", false),
];

/// The others of both components: those of `g` are built in where it is defined.
const OPS: [(u32, &str, bool); 5] = [
    (0, "drop-g", false),
    (1, "drop-h", false),
    (2, "new-g", true),
    (3, "rep-g", true),
    (9, "take-g", false),
];

/// Where operations lie: those that come first, and those that come after.
const BEFORE: u32 = 1024;
const AFTER: u32 = 4096;

/// What the first of the inner component's notes is, and that of a destructor.
pub(crate) const INNER: u32 = 100;
pub(crate) const DESTROYED: u32 = 200;
/// The representation whose destructor traps.
pub(crate) const FATAL: u32 = 13;

/// Lowers what the host defines.
fn lowers() -> String {
    let mut text =
        "(alias export $host \"h\" (type $h)) (core func $drop-h (canon resource.drop $h))\n"
            .to_owned();
    for name in ["note", "make", "take", "keep", "see", "lend"] {
        let _ = writeln!(
            text,
            "(core func ${name} (canon lower (func $host \"{name}\")))"
        );
    }
    text
}

/// What the core module with the code imports besides functions for values.
fn imports(ops: &[(u32, &str, bool)]) -> String {
    let mut text = "(import \"\" \"memory\" (memory 1))
        (import \"\" \"realloc\" (func $realloc (param i32 i32 i32 i32) (result i32)))
        (import \"\" \"note\" (func $note (param i32 i32)))\n"
        .to_owned();
    for (_, name, result) in HOST_OPS.iter().chain(ops) {
        let result = if *result { "(result i32)" } else { "" };
        let _ = writeln!(
            text,
            "(import \"\" \"{name}\" (func ${name} (param i32) {result}))"
        );
    }
    text
}

/// What it is instantiated with.
fn with(ops: &[(u32, &str, bool)]) -> String {
    let mut text = "(export \"memory\" (memory $memory \"memory\")) \
        (export \"realloc\" (func $memory \"realloc\")) (export \"note\" (func $note))"
        .to_owned();
    for (_, name, _) in HOST_OPS.iter().chain(ops) {
        let _ = write!(text, " (export \"{name}\" (func ${name}))");
    }
    text
}

/// Functions that keep operations and run them: each is two words, what to do
/// and with which handle or number.
fn machine(ops: &[(u32, &str, bool)], first: u32) -> String {
    let mut cases = String::new();
    for (op, name, result) in HOST_OPS.iter().chain(ops) {
        let call = format!("(call ${name} (local.get $arg))");
        let code = match result {
            true => format!("(return {call})"),
            false => format!("{call} (return (i32.const 0))"),
        };
        let _ = writeln!(
            cases,
            "(if (i32.eq (local.get $op) (i32.const {op})) (then {code}))"
        );
    }
    format!(
        r#"(global $before (mut i32) (i32.const 0))
        (global $after (mut i32) (i32.const 0))
        (func (export "set") (param i32 i32 i32 i32)
            (memory.copy (i32.const {BEFORE}) (local.get 0) (i32.shl (local.get 1) (i32.const 3)))
            (global.set $before (i32.shl (local.get 1) (i32.const 3)))
            (memory.copy (i32.const {AFTER}) (local.get 2) (i32.shl (local.get 3) (i32.const 3)))
            (global.set $after (i32.shl (local.get 3) (i32.const 3))))
        (func $do (param $op i32) (param $arg i32) (result i32) {cases} (i32.const 0))
        (func $run (param $at i32) (param $len i32)
            (local.set $len (i32.add (local.get $at) (local.get $len)))
            (loop $next
                (if (i32.lt_u (local.get $at) (local.get $len)) (then
                    (call $note (i32.add (i32.const {first}) (i32.load (local.get $at)))
                        (call $do (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))
                    (local.set $at (i32.add (local.get $at) (i32.const 8)))
                    (br $next)))))
        (func $run-before (call $run (i32.const {BEFORE}) (global.get $before)))
        (func $run-after (call $run (i32.const {AFTER}) (global.get $after)))
        "#
    )
}

/// Lifts the function that keeps operations.
const SET: &str = "(func (export \"set\") (param \"before\" $image) (param \"after\" $image) \
     (canon lift (core func $m \"set\") (memory $memory \"memory\") \
     (realloc (func $memory \"realloc\")) (post-return (func $memory \"reset\"))))\n";

/// A function's type as text, and what it is lifted with.
fn signature(function: &Function, ty: &str, encoding: Encoding) -> (String, String) {
    let pad = function.echo.pad();
    if function.gives_back() {
        let ty_ = format!("(param \"v\" {ty}) {pad} (result {ty})");
        return (ty_, options(&function.echo, encoding));
    }
    let options = format!(
        "(memory $memory \"memory\") (realloc (func $memory \"realloc\")) string-encoding={} \
         (post-return (func $memory \"reset\"))",
        encoding.name()
    );
    (format!("(param \"v\" {ty}) {pad}"), options)
}

fn types(functions: &[Function]) -> (Types, Vec<String>) {
    let echoes: Vec<_> = functions.iter().map(|f| f.echo.clone()).collect();
    Types::of(&echoes)
}

fn result(echo: &Echo) -> String {
    format!("(result {})", echo.result().name())
}

/// The component that defines `g`.
fn inner(functions: &[Function], encoding: Encoding) -> String {
    let (types, refs) = types(functions);
    let (mut core, mut lifts) = (String::new(), String::new());
    for (index, (function, ty)) in functions.iter().zip(&refs).enumerate() {
        let echo = &function.echo;
        let (signature, options) = signature(function, ty, encoding);
        let (params, both) = (list(&echo.params()), "(call $run-before) (call $run-after)");
        let _ = writeln!(
            lifts,
            "(func (export \"f{index}\") {signature} (canon lift (core func $m \"f{index}\") \
             {options}))"
        );
        if !function.gives_back() {
            let _ = writeln!(core, "(func (export \"f{index}\") (param {params}) {both})");
            continue;
        }
        let result = result(echo);
        let _ = writeln!(
            core,
            "(func (export \"f{index}\") (param {params}) {result} (local $to i32) {both} {})\n\
             (func (export \"raw{index}\") (param i32 i32) {result} {both} {COPY_IMAGE} {})",
            echo.give_back(),
            echo.image_result()
        );
        let _ = writeln!(
            lifts,
            "(func (export \"raw{index}\") (param \"image\" $image) (result {ty}) \
             (canon lift (core func $m \"raw{index}\") {options}))"
        );
    }
    format!(
        r#"(component $inner (import "host" (instance $host {HOST}))
        (type $image (list u64))
        {lowers}
        (core module $end (import "" "note" (func $note (param i32 i32)))
            (func (export "end") (param i32)
                (call $note (i32.const {DESTROYED}) (local.get 0))
                (if (i32.eq (local.get 0) (i32.const {FATAL})) (then unreachable))))
        (core instance $end (instantiate $end (with "" (instance (export "note" (func $note))))))
        (type $own-g (resource (rep i32) (dtor (func $end "end"))))
        (export $g "g" (type $own-g))
        (core func $drop-g (canon resource.drop $own-g))
        (core func $new-g (canon resource.new $own-g))
        (core func $rep-g (canon resource.rep $own-g))
        {types}{memory}
        (core module $m {imports}{machine}
            (func (export "construct") (param i32) (result i32) (call $new-g (local.get 0)))
            (func (export "rep") (param i32) (result i32) (local.get 0))
            (func (export "take") (param i32))
            {core})
        (core instance $m (instantiate $m (with "" (instance {with}))))
        (func (export "[constructor]g") (param "rep" u32) (result (own $g))
            (canon lift (core func $m "construct")))
        (func (export "[method]g.rep") (param "self" (borrow $g)) (result u32)
            (canon lift (core func $m "rep")))
        (func (export "[static]g.take") (param "v" (own $g)) (canon lift (core func $m "take")))
        {SET}{lifts})
        "#,
        lowers = lowers(),
        types = types.text,
        memory = memory(),
        imports = imports(&OPS[..4]),
        machine = machine(&OPS[..4], INNER),
        with = with(&OPS[..4]),
    )
}

/// The component that asks it.
fn outer(functions: &[Function], encoding: Encoding) -> String {
    let (types, refs) = types(functions);
    let (mut given, mut lowered, mut with_all) = (String::new(), String::new(), with(&OPS));
    let (mut core, mut code, mut lifts) = (String::new(), String::new(), String::new());
    for (index, (function, ty)) in functions.iter().zip(&refs).enumerate() {
        let echo = &function.echo;
        let (signature, options) = signature(function, ty, encoding);
        let params = list(&echo.params());
        let asking = match function.gives_back() {
            true => echo.asking(),
            false => Asking::nothing(),
        };
        let Asking {
            extra,
            returns,
            make,
            to,
            end,
        } = asking;
        let result = match function.gives_back() {
            true => result(echo),
            false => String::new(),
        };
        let mut lower = |name: &str, ty: &str, params: &str| {
            let _ = writeln!(given, "(export \"{name}{index}\" (func {ty}))");
            let _ = writeln!(
                lowered,
                "(core func ${name}{index} (canon lower (func $i \"{name}{index}\") \
                 (memory $memory \"memory\") (realloc (func $memory \"realloc\")) \
                 string-encoding={}))",
                encoding.name()
            );
            let _ = write!(
                with_all,
                " (export \"{name}{index}\" (func ${name}{index}))"
            );
            let _ = writeln!(
                core,
                "(import \"\" \"{name}{index}\" (func ${name}{index} (param {params}{extra}) \
                 {returns}))"
            );
        };
        let mut lift = |name: &str, ty: &str, params: &str, body: String| {
            let _ = writeln!(
                code,
                "(func (export \"{name}{index}\") (param {params}) {result} (local $to i32) \
                 (call $run-before) {make} {body} (call $run-after) {end})"
            );
            let _ = writeln!(
                lifts,
                "(func (export \"{name}{index}\") {ty} (canon lift (core func $m \
                 \"{name}{index}\") {options}))"
            );
        };
        lower("f", &signature, &params);
        let forward = format!("(call $f{index} {}{to})", echo.forwarded());
        lift("f", &signature, &params, forward);
        let results = match function.gives_back() {
            true => format!("(result {ty})"),
            false => String::new(),
        };
        let image = format!("(param \"image\" $image) {results}");
        if function.gives_back() {
            lower("raw", &image, "i32 i32");
            let forward = format!("(call $raw{index} (local.get 0) (local.get 1) {to})");
            lift("raw", &image, "i32 i32", forward);
        }
        let send = format!("{COPY_IMAGE} (call $f{index} {}{to})", echo.sent());
        lift("send", &image, "i32 i32", send);
    }
    format!(
        r#"(component $outer (import "host" (instance $host {HOST}))
        {lowers}
        (import "i" (instance $i (alias outer $outer $h (type $h)) (type $image (list u64))
            (export "g" (type $g (sub resource)))
            (export "[constructor]g" (func (param "rep" u32) (result (own $g))))
            (export "[method]g.rep" (func (param "self" (borrow $g)) (result u32)))
            (export "[static]g.take" (func (param "v" (own $g))))
            {as_imports}{given}))
        (alias export $i "g" (type $g))
        (type $image (list u64))
        (core func $drop-g (canon resource.drop $g))
        (core func $new-g (canon lower (func $i "[constructor]g")))
        (core func $rep-g (canon lower (func $i "[method]g.rep")))
        (core func $take-g (canon lower (func $i "[static]g.take")))
        {types}{memory}{lowered}
        (core module $m {imports}{core}{machine}{code})
        (core instance $m (instantiate $m (with "" (instance {with_all}))))
        {SET}{lifts})
        "#,
        lowers = lowers(),
        as_imports = types.as_imports(),
        types = types.aliases(),
        memory = memory(),
        imports = imports(&OPS),
        machine = machine(&OPS, 0),
    )
}

/// A component that exports two instances, as the differential test's others:
/// `outer` asks `inner`. Both import `host`.
pub(crate) fn component(functions: &[Function], encodings: (Encoding, Encoding)) -> String {
    format!(
        "(component (import \"host\" (instance $host {HOST}))\n{}{}\
         (instance $inner (instantiate $inner (with \"host\" (instance $host))))\n\
         (instance $outer (instantiate $outer (with \"host\" (instance $host)) \
         (with \"i\" (instance $inner))))\n\
         (export \"inner\" (instance $inner))\n(export \"outer\" (instance $outer)))",
        inner(functions, encodings.0),
        outer(functions, encodings.1)
    )
}
