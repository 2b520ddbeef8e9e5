//! Components that are small to send and large to compile.

use std::fmt::Write;

use enginebay::generic::{Component, Linker, Store};
use enginebay::{Backend, Error, ErrorKind, Interruption};

use crate::common::engine;
use crate::{measured, per_mille, report};

/// How many there are of something: `full` is about what the limits allow.
fn scaled(full: usize) -> usize {
    (full * per_mille() / 1000).max(20)
}

/// Compiles, asks for what there is, and instantiates.
fn use_it<B: Backend>(text: &str) {
    let wasm = enginebay::to_binary(text.as_bytes()).unwrap().into_owned();
    for interruption in [Interruption::Deadline, Interruption::Fuel] {
        let result = run::<B>(&wasm, interruption);
        // Too much for an engine, or for a store, is an error as good as any.
        if let Err(error) = result {
            let refused = matches!(
                error.kind(),
                ErrorKind::TooLarge
                    | ErrorKind::InvalidComponent
                    | ErrorKind::Unsupported
                    | ErrorKind::ResourceLimit { .. }
                    | ErrorKind::MemoryLimit { .. }
                    | ErrorKind::DeadlineExceeded { .. }
            );
            assert!(refused, "{interruption}: {error:?}");
            report(&format!("refused, {interruption}"), error);
        }
    }
}

fn run<B: Backend>(wasm: &[u8], interruption: Interruption) -> Result<(), Error> {
    let engine = engine::<B>(interruption);
    let component = Component::new(&engine, wasm)?;
    component.imports();
    component.exports();
    let mut store = Store::new(&engine, ())?;
    Linker::new(&engine).instantiate(&mut store, &component)?;
    Ok(())
}

fn many(count: usize, mut each: impl FnMut(&mut String, usize)) -> String {
    let mut text = String::new();
    for i in 0..count {
        each(&mut text, i);
    }
    text
}

/// A block that is left by a table of so many targets, the last one with them.
fn table(targets: usize) -> String {
    format!("block local.get 0 br_table {}end ", "0 ".repeat(targets))
}

pub(crate) fn there_are_many_of_each<B: Backend>() {
    let component = |name: &str, content: String| {
        let text = format!("(component {content})");
        measured(name, || use_it::<B>(&text));
    };
    let module = |name: &str, content: String| {
        component(
            name,
            format!("(core module $m {content}) (core instance (instantiate $m))"),
        );
    };
    let modules = many(scaled(1_000), |text, i| {
        let _ = write!(
            text,
            "(core module $m{i} (memory 1) (data (i32.const 0) \"{i}\") (func (export \"f\")))
            (core instance (instantiate $m{i}))"
        );
    });
    component("modules", modules);
    let types = |count| {
        many(count, |text, i| {
            let param = |bit: usize| if i >> bit & 1 == 0 { "i32" } else { "i64" };
            let params: Vec<_> = (0..18).map(param).collect();
            let _ = write!(text, "(type (func (param {})))", params.join(" "));
        })
    };
    module("core types", types(scaled(38_000)));
    // A type inside of another would take the text's parser as long again.
    let types = many(scaled(75_000), |text, i| {
        let of = ["u8", "string"][i % 2];
        let _ = write!(text, "(type $l{i} (list {of})) (type (tuple u8 u16 $l{i}))");
    });
    component("types", types);
    let nested = "(component ".repeat(60)
        + "(core module $m) (core instance (instantiate $m))"
        + &")".repeat(60);
    component("nested components", nested);
    let inner = "(component $c0 (core module $m (func (export \"f\"))) \
        (core instance (instantiate $m)))";
    // Each instantiates the one before twice.
    let doubling = many(14, |text, i| {
        let _ = write!(
            text,
            "(component $c{} (alias outer $out $c{i} (component $c)) \
             (instance (instantiate $c)) (instance (instantiate $c)))",
            i + 1
        );
    });
    measured("instances of instances", || {
        let text = format!("(component $out {inner} {doubling} (instance (instantiate $c14)))");
        use_it::<B>(&text);
    });
    let instances = "(core instance (instantiate $m))".repeat(scaled(1_000));
    component(
        "core instances",
        format!("(core module $m (data \"abc\") (func (export \"f\"))) {instances}"),
    );
    // Each writes the same memory once more.
    let size = scaled(50_000_000);
    let data = "a".repeat(size);
    let pages = (size >> 16) + 1;
    component(
        "instances with large segments",
        format!(
            "(core module $memory (memory (export \"m\") {pages}))
            (core instance $memory (instantiate $memory))
            (core module $m (import \"\" \"m\" (memory {pages})) (data (i32.const 0) \"{data}\"))
            {}",
            "(core instance (instantiate $m (with \"\" (instance $memory))))".repeat(scaled(900))
        ),
    );
    let instances = "(instance (instantiate $c))".repeat(scaled(9_000));
    component("instances", format!("(component $c) {instances}"));
    module("functions", "(func)".repeat(scaled(145_000)));
    module(
        "functions of many locals",
        format!("(func (local {})) ", "i32 ".repeat(48_900)).repeat(scaled(100)),
    );
    let params = "i32 ".repeat(1000);
    module(
        "functions of a large type",
        format!(
            "(type (func (param {params}))) {}",
            "(func (type 0))".repeat(scaled(990))
        ),
    );
    let exports = many(scaled(100_000), |text, i| {
        let _ = write!(text, "(export \"e{i}\" (func $f))");
    });
    module("exports", format!("(func $f) {exports}"));
    module(
        "globals",
        "(global i32 (i32.const 1))".repeat(scaled(500_000)),
    );
    module(
        "data segments",
        format!(
            "(memory 1) {}",
            "(data (i32.const 0) \"a\")".repeat(scaled(100_000))
        ),
    );
    module(
        "element segments",
        format!(
            "(table 10 funcref) (func $f) {}",
            "(elem (i32.const 0) $f)".repeat(scaled(100_000))
        ),
    );
    let elements = "$f ".repeat(scaled(1_000_000));
    module(
        "elements",
        format!(
            "(table 1000000 funcref) (func $f) {}",
            format!("(elem (i32.const 0) func {elements})").repeat(if per_mille() == 1000 {
                9
            } else {
                1
            })
        ),
    );
    // Each type is twice as large as the one before.
    let types = many(17, |text, i| {
        let _ = write!(text, "(type $t{} (tuple $t{i} $t{i}))", i + 1);
    });
    let functions = many(scaled(500), |text, i| {
        let _ = write!(
            text,
            "(func (export \"f{i}\") (param \"a\" $t17) (canon lift (core func $i \"f\")
                (memory $i \"memory\") (realloc (func $i \"realloc\"))))"
        );
    });
    component(
        "types of types",
        format!(
            r#"(core module $m (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                (func (export "f") (param i32)))
            (core instance $i (instantiate $m))
            (type $t0 (tuple u8 string)) {types} {functions}"#
        ),
    );
    // The same, from one component to another.
    let functions = |each: fn(usize) -> String| (0..scaled(250)).map(each).collect::<String>();
    let memory = r#"(memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))"#;
    let lifted = functions(|i| {
        format!(
            "(func (export \"f{i}\") (param \"a\" $t10) (canon lift (core func $i \"f\")
                (memory $i \"memory\") (realloc (func $i \"realloc\"))))"
        )
    });
    let imported = functions(|i| format!("(import \"f{i}\" (func $f{i} (param \"a\" $t10)))"));
    let lowered = functions(|i| {
        format!("(core func $g{i} (canon lower (func $f{i}) (memory $i \"memory\")))")
    });
    let imports = functions(|i| format!("(import \"\" \"f{i}\" (func (param i32)))"));
    let exports = functions(|i| format!("(export \"f{i}\" (func $g{i}))"));
    let with = functions(|i| format!("(with \"f{i}\" (func $c \"f{i}\"))"));
    let types = many(10, |text, i| {
        let _ = write!(text, "(type $t{} (tuple $t{i} $t{i}))", i + 1);
    });
    let types = format!("(type $t0 (tuple u8 string)) {types}");
    component(
        "adapters",
        format!(
            r#"(component $c {types}
                (core module $m {memory} (func (export "f") (param i32)))
                (core instance $i (instantiate $m)) {lifted})
            (instance $c (instantiate $c))
            (component $d {types} {imported}
                (core module $memory {memory})
                (core instance $i (instantiate $memory))
                {lowered}
                (core module $m {imports})
                (core instance (instantiate $m (with "" (instance {exports})))))
            (instance (instantiate $d {with}))"#
        ),
    );
}

/// A function that has `before`, many of `each`, and as many of `after`.
fn function(locals: &str, before: &str, each: &str, after: &str, count: usize) -> String {
    let (each, after) = (each.repeat(count), after.repeat(count));
    let mut items = String::from("(memory 1) (table 1 funcref)");
    if each.contains("$wide") {
        let wide = "i32 ".repeat(1000);
        let gets: String = (0..1000).map(|i| format!("local.get {i} ")).collect();
        items += &format!(
            "(type $wide (func (param {wide}) (result {wide}))) (func $wide (type $wide) {gets})"
        );
    }
    format!("{items} (func $f (export \"f\") {locals} {before} {each} {after})")
}

pub(crate) fn functions_are_long<B: Backend>() {
    let compile = |name: &str, module: String| {
        let text =
            format!("(component (core module $m {module}) (core instance (instantiate $m)))");
        measured(name, || use_it::<B>(&text));
    };
    let case = |name: &str, locals: &str, each: &str, after: &str, full: usize| {
        compile(name, function(locals, "", each, after, scaled(full)));
    };
    let i32s = |count: usize| format!("(local {})", "i32 ".repeat(count));
    case("nops", "", "nop ", "", 4_000_000);
    case("constants", "", "i32.const 1 drop ", "", 1_000_000);
    case(
        "stores",
        "",
        "i32.const 8 i32.const 1 i32.store ",
        "",
        500_000,
    );
    case("values", "", "i32.const 1 ", "drop ", 1_000_000);
    case(
        "sums",
        "(result i32) i32.const 1",
        "i32.const 1 i32.add ",
        "",
        1_000_000,
    );
    case(
        "locals",
        &i32s(1000),
        "local.get 0 local.set 999 ",
        "",
        800_000,
    );
    case("blocks", "", "block end ", "", 95_000);
    case("blocks in blocks", "", "block ", "end ", 13_100);
    case("loops", "", "loop end ", "", 3_100);
    case("loops in loops", "", "loop ", "end ", 530);
    case(
        "branches",
        "(param i32)",
        "block local.get 0 br_if 0 end ",
        "",
        47_000,
    );
    case(
        "choices",
        "(param i32)",
        "local.get 0 if else end ",
        "",
        47_000,
    );
    case(
        "choices in choices",
        "(param i32)",
        "local.get 0 if ",
        "end ",
        13_100,
    );
    case(
        "branches out",
        "(param i32)",
        "block ",
        "local.get 0 br_if 0 end ",
        12_200,
    );
    case("calls", "", "call $f ", "", 62_000);
    case(
        "calls by a table",
        "",
        "i32.const 0 call_indirect ",
        "",
        24_000,
    );
    case(
        "functions of a table",
        "",
        "i32.const 0 table.get 0 drop ",
        "",
        24_000,
    );
    case(
        "places in a table",
        "",
        "i32.const 0 ref.func $f table.set 0 ",
        "",
        31_000,
    );
    case(
        "fills",
        "(param i32)",
        "i32.const 0 i32.const 0 local.get 0 memory.fill ",
        "",
        47_000,
    );
    case("growths", "", "i32.const 0 memory.grow drop ", "", 47_000);
    case(
        "divisions",
        "(param i32)",
        "local.get 0 local.get 0 i32.div_s drop ",
        "",
        500_000,
    );
    compile(
        "a table of branches",
        function("(param i32)", "", &table(scaled(65_521)), "", 1),
    );
    case("tables of branches", "(param i32)", &table(1000), "", 95);
    let places = scaled(7_300);
    let targets: String = (0..places).map(|i| format!("{i} ")).collect();
    let long = format!("local.get 0 br_table {}0 ", targets.repeat(8));
    compile(
        "a table of branches to many places",
        function("(param i32)", "", "block ", "end ", places).replacen(
            "end ",
            &format!("{long}end "),
            1,
        ),
    );
    // Each place where ways meet, times each value that passes it.
    let gets = |count: usize| {
        (0..count)
            .map(|i| format!("local.get {i} drop "))
            .collect::<String>()
    };
    let pass = |each: &str, count: usize, locals: usize| {
        let text = function(
            &format!("(param i32) {}", i32s(locals)),
            "",
            each,
            "",
            count,
        );
        let end = text.len() - 1;
        format!("{} {})", &text[..end], gets(locals))
    };
    compile(
        "locals that are used behind choices",
        pass("local.get 0 if end ", scaled(3_100), scaled(3_100)),
    );
    compile(
        "locals that are used behind loops",
        pass(
            "loop local.get 0 br_if 0 end ",
            scaled(1_000),
            scaled(3_900),
        ),
    );
    for (name, loops, locals) in [
        ("locals that are used in a loop", 1, 8_500),
        ("locals that are used in loops in loops", 150, 2_600),
        ("locals that are used deep in loops", 300, 1_000),
    ] {
        let (loops, locals) = (if loops == 1 { 1 } else { scaled(loops) }, scaled(locals));
        let text = function(
            &format!("(param i32) {}", i32s(locals)),
            "",
            "loop ",
            "local.get 0 br_if 0 end ",
            loops,
        );
        compile(
            name,
            text.replacen(
                "local.get 0 br_if 0 end ",
                &format!("{} local.get 0 br_if 0 end ", gets(locals)),
                1,
            ),
        );
    }
    let set = |before: &str, count: usize, after: &str, locals: usize| {
        let sets: String = (1..=locals)
            .map(|i| format!("local.get 0 i32.load offset={i} local.set {i} "))
            .collect();
        let uses: String = (1..=locals)
            .map(|i| format!("local.get 0 local.get {i} i32.store offset={i} "))
            .collect();
        format!(
            "(memory 1) (func (param i32) {} {} {sets} {} {uses})",
            i32s(locals),
            before.repeat(count),
            after.repeat(count)
        )
    };
    compile(
        "locals that are set in choices in choices",
        set("local.get 0 if ", scaled(340), "end ", scaled(350)),
    );
    compile(
        "locals that are set in blocks that are left",
        set(
            "block local.get 0 br_if 0 ",
            scaled(120),
            "end ",
            scaled(1_000),
        ),
    );
    compile(
        "locals that are set in a choice",
        set("local.get 0 if ", 1, "end ", scaled(8_500)),
    );
    compile(
        "locals that are set in loops in loops",
        set(
            "loop ",
            scaled(120),
            "local.get 0 br_if 0 end ",
            scaled(1_000),
        ),
    );
    // What is on the stack is not followed as locals are.
    let loads = "local.get 0 i32.load ".repeat(scaled(48_000));
    let sums = "i32.add ".repeat(scaled(48_000));
    compile(
        "values around loops in loops",
        function(
            "(param i32)",
            &loads,
            "loop ",
            "local.get 0 br_if 0 end ",
            scaled(500),
        )
        .strip_suffix(')')
        .map(|text| format!("{text} local.get 0 {sums} drop)"))
        .unwrap(),
    );
    let wide: String = (0..1000).map(|i| format!("i32.const {i} ")).collect();
    let drops = "drop ".repeat(1000);
    let blocks = |each: &str, count: usize| {
        let text = function("", &wide, each, "", count);
        format!("{} {drops})", &text[..text.len() - 1])
    };
    compile(
        "wide blocks",
        blocks("block (type $wide) end ", scaled(245)),
    );
    compile("wide loops", blocks("loop (type $wide) end ", scaled(31)));
    compile("wide calls", blocks("call $wide ", scaled(245)));
    compile(
        "wide choices",
        blocks("i32.const 1 if (type $wide) end ", scaled(245)),
    );
}

pub(crate) fn what_is_too_much_is_refused_at_once<B: Backend>() {
    let refused = |name: &str, text: String| {
        let wasm = enginebay::to_binary(text.as_bytes()).unwrap().into_owned();
        let engine = engine::<B>(Interruption::Deadline);
        let error = Component::new(&engine, &wasm).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TooLarge, "{name}: {error:?}");
        report(name, "refused");
    };
    refused(
        "modules",
        format!("(component {})", "(core module)".repeat(1_001)),
    );
    refused(
        "nested components",
        "(component ".repeat(66) + &")".repeat(66),
    );
    refused(
        "instances",
        format!(
            "(component (component $c) {})",
            "(instance (instantiate $c))".repeat(10_001)
        ),
    );
    refused(
        "types",
        format!("(component {})", "(type u8)".repeat(200_001)),
    );
    let module = |content: String| format!("(component (core module {content}))");
    refused("functions", module("(func)".repeat(150_001)));
    let params = "i32 ".repeat(1000);
    let types = format!("(type (func (param {params}) (result {params})))");
    refused("types of functions", module(types.repeat(500)));
    refused(
        "functions of a large type",
        module(format!(
            "(type (func (param {params}))) {}",
            "(func (type 0))".repeat(1_000)
        )),
    );
    refused(
        "locals",
        module(format!("(func (local {}))", "i32 ".repeat(49_001))),
    );
    refused(
        "locals of all functions",
        module(format!("(func (local {}))", "i32 ".repeat(48_900)).repeat(103)),
    );
    refused(
        "bytes of a function",
        module(format!("(func {})", "nop ".repeat((4 << 20) + 1))),
    );
    let wide = "i32 ".repeat(1000);
    let block = "block (type $wide) end ".repeat(1000);
    refused(
        "values",
        module(format!(
            "(type $wide (func (param {wide}) (result {wide}))) (func (type $wide) {} {block})",
            (0..1000)
                .map(|i| format!("local.get {i} "))
                .collect::<String>(),
        )),
    );
    refused(
        "blocks",
        module(format!("(func {})", "block end ".repeat(100_001))),
    );
    refused(
        "targets of branches",
        module(format!("(func (param i32) {0} {0})", table(50_000))),
    );
    // Wasmtime takes no more, whatever is allowed.
    refused(
        "targets of a branch",
        module(format!("(func (param i32) {})", table(65_522))),
    );
    refused(
        "calls",
        module(format!("(func $f {})", "call $f ".repeat(125_001))),
    );
    refused(
        "loops",
        module(format!("(func {})", "loop end ".repeat(10_001))),
    );
    refused(
        "loops in loops",
        module(format!(
            "(func {} {})",
            "loop ".repeat(560),
            "end ".repeat(560)
        )),
    );
    refused(
        "blocks in blocks",
        module(format!(
            "(func {} {})",
            "block ".repeat(14_000),
            "end ".repeat(14_000)
        )),
    );
    let used: String = (0..5_000).map(|i| format!("local.get {i} drop ")).collect();
    refused(
        "locals in loops",
        module(format!(
            "(func (local {}) {} {used} {})",
            "i32 ".repeat(5_000),
            "loop ".repeat(101),
            "end ".repeat(101)
        )),
    );
    let sets: String = (0..500)
        .map(|i| format!("i32.const 1 local.set {i} "))
        .collect();
    refused(
        "locals that are set in choices",
        module(format!(
            "(func (local {}) {} {sets} {} {})",
            "i32 ".repeat(500),
            "i32.const 1 if ".repeat(500),
            "end ".repeat(500),
            (0..500)
                .map(|i| format!("local.get {i} drop "))
                .collect::<String>()
        )),
    );
    let locals = "i32 ".repeat(10_000);
    refused(
        "locals in blocks",
        module(format!(
            "(func (local {locals}) {})",
            "block end ".repeat(10_001)
        )),
    );
    refused("memory", module("(memory 65536) (memory 1)".into()));
    refused("table elements", module("(table 10000001 funcref)".into()));
}
