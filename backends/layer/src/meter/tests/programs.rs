//! Programs for each rule of the price list.

use super::*;

fn check(name: &str, wat: &str) {
    let wasm = wat::parse_str(wat).unwrap_or_else(|error| panic!("{name}: {error}"));
    let plan = Plan {
        much: 50_000,
        sweep: 300,
        around: 3,
        slices: SLICES,
    };
    let counts = compare(name, &wasm, plan);
    println!("{name}: {counts:?}");
}

macro_rules! programs {
    ($($name:ident: $wat:expr;)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), $wat);
        })*
    };
}

programs! {
    straight_code: r#"(module
        (func (export "empty"))
        (func (export "add") (result i32) i32.const 1 i32.const 2 i32.add nop i32.const 3 drop)
        (func (export "return") (result i32) i32.const 1 return)
        (func (export "many") (result i32 i64 f32 f64)
            i32.const 1 i64.const 2 f32.const 3 f64.const 4))"#;
    calls: r#"(module
        (import "host" "log" (func $log (param i32 i64) (result i32)))
        (import "host" "now" (func $now (result i64)))
        (func $inner (param i32) (result i32)
            local.get 0 i32.const 1 i32.add call $now call $log)
        (func (export "twice") (result i32)
            i32.const 5 call $inner call $inner)
        (func $fib (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
                (then (local.get 0))
                (else (i32.add
                    (call $fib (i32.sub (local.get 0) (i32.const 1)))
                    (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
        (func (export "fib") (result i32) (call $fib (i32.const 7)))
        (export "log" (func $log))
        (export "now" (func $now)))"#;
    branches: r#"(module
        (func $classify (param i32) (result i32)
            (block $a (block $b (block $c
                (br_table $a $b $c $c $a (local.get 0)))
                (return (i32.const 30)))
                (br $a))
            i32.const 10)
        (func $values (param i32) (result i32 i64)
            (block (result i32 i64)
                (br_table 0 1 0 (i32.const 1) (i64.const 2) (local.get 0))))
        (func $ifs (param i32) (result i32)
            (if (local.get 0) (then (nop)))
            (if (result i32) (i32.eqz (local.get 0))
                (then (i32.const 4) (br_if 0 (local.get 0)) drop i32.const 3)
                (else (br 1 (i32.const 8)))))
        (func (export "a") (result i32) (call $classify (i32.const 0)))
        (func (export "b") (result i32) (call $classify (i32.const 1)))
        (func (export "c") (result i32) (call $classify (i32.const 2)))
        (func (export "d") (result i32) (call $classify (i32.const 99)))
        (func (export "e") (result i32 i64) (call $values (i32.const 0)))
        (func (export "f") (result i32 i64) (call $values (i32.const 1)))
        (func (export "g") (result i32) (call $ifs (i32.const 0)))
        (func (export "h") (result i32) (call $ifs (i32.const 1))))"#;
    loops: r#"(module
        (func (export "count") (result i32) (local i32)
            (loop $l
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get 0) (i32.const 20))))
            local.get 0)
        (func (export "nested") (result i32) (local i32 i32 i32)
            (loop $outer
                (local.set 1 (i32.const 0))
                (loop $inner
                    (local.set 2 (i32.add (local.get 2) (local.get 1)))
                    (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                    (br_if $inner (i32.lt_u (local.get 1) (i32.const 4))))
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if $outer (i32.lt_u (local.get 0) (i32.const 4))))
            local.get 2)
        (func (export "params") (result i32 i32)
            (local i32)
            i32.const 0 i32.const 10
            (loop $l (param i32 i32) (result i32 i32)
                drop
                i32.const 3 i32.add
                i32.const 9
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get 0) (i32.const 5)))))
        (func (export "endless") (loop (br 0))))"#;
    indirect_calls: r#"(module
        (type $t (func (param i32) (result i32)))
        (type $u (func))
        (table 5 funcref)
        (elem (i32.const 1) $double $triple)
        (elem (i32.const 3) $nothing)
        (func $double (type $t) local.get 0 i32.const 2 i32.mul)
        (func $triple (type $t) local.get 0 i32.const 3 i32.mul)
        (func $nothing)
        (func (export "ok") (result i32)
            (call_indirect (type $t) (call_indirect (type $t) (i32.const 5) (i32.const 1)) (i32.const 2)))
        (func (export "wrong") (result i32)
            (call_indirect (type $t) (i32.const 5) (i32.const 3))))"#;
    indirect_call_of_nothing: r#"(module
        (table 5 funcref)
        (func (export "null") (call_indirect (i32.const 1))))"#;
    indirect_call_out_of_bounds: r#"(module
        (table 5 funcref)
        (func (export "far") (loop (call_indirect (i32.const 5)))))"#;
    tail_calls: r#"(module
        (type $t (func (param i32 i32) (result i32)))
        (table 1 funcref)
        (elem (i32.const 0) $sum)
        (func $sum (type $t)
            (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
            (return_call $sum (i32.sub (local.get 0) (i32.const 1))
                (i32.add (local.get 0) (local.get 1))))
        (func $by_table (type $t)
            (return_call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0)))
        (func (export "sum") (result i32) (call $sum (i32.const 12) (i32.const 0)))
        (func (export "table") (result i32) (call $by_table (i32.const 3) (i32.const 0))))"#;
    memory: r#"(module
        (memory 1 3)
        (data (i32.const 8) "some bytes")
        (func (export "rw") (result i64)
            (i64.store offset=3 (i32.const 5) (i64.load (i32.const 8)))
            (i64.load16_u (i32.const 9)))
        (func (export "size") (result i32) memory.size)
        (func (export "grow") (result i32) (memory.grow (i32.const 1)))
        (func (export "grow_by") (result i32) (local i32)
            (local.set 0 (i32.mul (i32.const 1) (i32.const 1)))
            (memory.grow (local.get 0)))
        (func (export "grow_too_much") (result i32) (memory.grow (i32.const -1)))
        (func (export "oob") (result i32) (local i32)
            (local.set 0 (i32.const 1))
            (i32.load (i32.const -1))))"#;
    memory_beyond_any: r#"(module
        (memory 1 1)
        (func $f (param i32) (result i32)
            (block (br_if 0 (local.get 0))
                (drop (i32.load offset=65533 (i32.const 0)))
                (drop (i32.load offset=65532 (i32.const 0))))
            i32.const 7)
        (func (export "ok") (result i32) (call $f (i32.const 1)))
        (func (export "trap") (result i32) (call $f (i32.const 0))))"#;
    memory_beyond_any_at_the_end: r#"(module
        (memory 0 0)
        (func (export "trap") (result i64)
            i32.const 1 drop
            (if (result i64) (i32.const 1)
                (then (i64.load (i32.const 0)))
                (else (i64.const 1)))))"#;
    more_memories: r#"(module
        (memory $a 1) (memory $b 1 2) (memory $c i64 1)
        (data $d "0123456789")
        (func (export "init") (memory.init $b $d (i32.const 0) (i32.const 0) (i32.const 10)))
        (func (export "copy") (memory.copy $a $b (i32.const 0) (i32.const 0) (i32.const 9)))
        (func (export "copy64") (memory.copy $c $b (i64.const 0) (i32.const 0) (i32.const 9)))
        (func (export "fill64") (local i64)
            (memory.fill $c (i64.const 0) (i32.const 1) (i64.const 130))
            (local.set 0 (i64.extend_i32_u (i32.const 13)))
            (memory.fill $c (i64.const 0) (i32.const 1) (local.get 0)))
        (func (export "grow64") (result i64) (memory.grow $c (i64.const 1)))
        (func (export "huge64") (local i64)
            (local.set 0 (i64.sub (i64.const 0) (i64.const 1)))
            (memory.fill $c (i64.const 0) (i32.const 1) (local.get 0))))"#;
    huge_constant_length: r#"(module
        (memory i64 1)
        (func (export "huge") (memory.fill (i64.const 0) (i32.const 1) (i64.const -1))))"#;
    huge_offset: r#"(module
        (memory i64 1 2)
        (func (export "huge") (result i32)
            (drop (i32.const 1))
            (if (result i32) (i32.const 1)
                (then (i32.load offset=0x1_0000_0000 (i64.const 0)))
                (else (i32.const 1)))))"#;
    bulk: r#"(module
        (memory 1)
        (data $d "0123456789")
        (func $fill (param i32) (memory.fill (i32.const 0) (i32.const 7) (local.get 0)))
        (func (export "small") (memory.fill (i32.const 0) (i32.const 7) (i32.const 128)))
        (func (export "larger") (memory.fill (i32.const 0) (i32.const 7) (i32.const 129)))
        (func (export "none") (memory.fill (i32.const 0) (i32.const 7) (i32.const 0)))
        (func (export "unknown") (call $fill (i32.const 13)))
        (func (export "init") (memory.init $d (i32.const 0) (i32.const 2) (i32.const 8)))
        (func (export "dropped") (data.drop $d)
            (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0)))
        (func (export "copy") (memory.copy (i32.const 0) (i32.const 2) (i32.const 8)))
        (func (export "far") (call $fill (i32.const 13))
            (memory.fill (i32.const 65530) (i32.const 7) (i32.const 8))))"#;
    wide_tables: r#"(module
        (table $a 20 funcref)
        (table $b i64 20 funcref)
        (global $n (mut i32) (i32.const 7))
        (func (export "mixed")
            (table.copy $a $b (i32.const 0) (i64.const 1) (global.get $n))
            (table.copy $b $a (i64.const 2) (i32.const 1) (global.get $n)))
        (func (export "wide")
            (table.copy $b $b (i64.const 0) (i64.const 1) (i64.extend_i32_u (global.get $n)))
            (table.fill $b (i64.const 0) (ref.null func) (i64.extend_i32_u (global.get $n)))))"#;
    tables: r#"(module
        (table $t 4 20 funcref) (table $fixed 3 3 funcref) (table $u 2 funcref)
        (elem $e func $f $f $f)
        (func $f)
        (func (export "size") (result i32) (table.size $t))
        (func (export "grow") (result i32) (table.grow $t (ref.func $f) (i32.const 3)))
        (func (export "grow_by") (result i32)
            (table.grow $t (ref.null func) (i32.add (i32.const 1) (i32.const 1))))
        (func (export "grow_too_much") (result i32)
            (table.grow $t (ref.null func) (i32.const 129)))
        (func (export "fill") (table.fill $t (i32.const 0) (ref.func $f) (i32.const 4)))
        (func (export "copy") (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 3)))
        (func (export "init") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 3)))
        (func (export "known_size")
            (table.fill $fixed (i32.const 0) (ref.null func) (table.size $fixed)))
        (func (export "unknown_size")
            (table.fill $u (i32.const 0) (ref.null func) (table.size $u)))
        (func (export "call") (call_indirect $t (i32.const 1)))
        (func (export "get") (result i32) (ref.is_null (table.get $t (i32.const 1))))
        (func (export "drop") (elem.drop $e)
            (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))))"#;
    vectors: r#"(module
        (memory 1 1)
        (func (export "add") (result v128)
            (i32x4.add (v128.load (i32.const 0)) (v128.const i32x4 1 2 3 4)))
        (func (export "lane") (result v128)
            (v128.load8_lane 3 (i32.const 0) (v128.const i32x4 1 2 3 4)))
        (func (export "beyond") (result v128)
            (drop (i32.const 1))
            (v128.load offset=65521 (i32.const 0))))"#;
    division_by_zero: r#"(module
        (func $div (param i32 i32) (result i32) (local i32)
            (loop $l
                (local.set 2 (i32.add (local.get 2) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get 2) (i32.const 9))))
            (i32.div_s (local.get 0) (local.get 1)))
        (func (export "ok") (result i32) (call $div (i32.const 6) (i32.const 2)))
        (func (export "trap") (result i32) (drop (call $div (i32.const 6) (i32.const 3)))
            (call $div (i32.const 6) (i32.const 0))))"#;
    other_traps: r#"(module
        (global $g (mut i32) (i32.const 0))
        (func (export "ok") (result i32) (i32.trunc_f32_s (f32.const 3)))
        (func (export "trap") (result i32)
            (global.set $g (i32.const 1))
            (drop (global.get $g))
            (i32.trunc_f32_s (f32.const nan))))"#;
    unreachable: r#"(module
        (func $f (param i32)
            (block (br_if 0 (local.get 0)) (drop (i32.const 1)) unreachable))
        (func (export "ok") (call $f (i32.const 1)))
        (func (export "trap") (call $f (i32.const 0)) (call $f (i32.const 1))))"#;
    code_that_cannot_run: r#"(module
        (memory 1)
        (func $f (param i32) (result i32)
            (block (result i32)
                (br 0 (i32.const 4))
                (if (then (drop (call $f (i32.const 1)))) (else (br 2 (i32.const 1))))
                (loop (br 0))
                (memory.fill (i32.const 0) (i32.const 1) (i32.const 5)))
            drop
            (if (result i32) (local.get 0)
                (then (return (i32.const 3)) (block (br 0)) unreachable)
                (else (unreachable))))
        (func (export "ok") (result i32) (call $f (i32.const 1)))
        (func (export "dead_loop") (result i32)
            (loop (return (i32.const 1)) (br 0)) i32.const 2)
        (func (export "dead_if") (result i32)
            (if (i32.const 0) (then (return (i32.const 1)))) i32.const 2)
        (func (export "trap") (result i32) (call $f (i32.const 0))))"#;
    globals: r#"(module
        (import "host" "five" (global $five i32))
        (import "host" "var" (global $var (mut i64)))
        (global $ten i32 (i32.add (global.get $five) (global.get $five)))
        (global $const i32 (i32.const 12))
        (global $mut (mut i32) (i32.const 12))
        (memory 1)
        (func (export "all") (result i32)
            (global.set $var (i64.extend_i32_u (global.get $ten)))
            (i32.add (i32.wrap_i64 (global.get $var)) (global.get $const)))
        (func (export "known") (memory.fill (i32.const 0) (i32.const 0) (global.get $const)))
        (func (export "unknown") (memory.fill (i32.const 0) (i32.const 0) (global.get $mut)))
        (func (export "not_simple") (memory.fill (i32.const 0) (i32.const 0) (global.get $ten)))
        (export "ten" (global $ten)))"#;
}

programs! {
    start: r#"(module
        (global $n (mut i32) (i32.const 0))
        (func $start (global.set $n (i32.const 5)))
        (start $start)
        (func (export "get") (result i32) (global.get $n)))"#;
    start_of_the_host: r#"(module
        (import "host" "start" (func $start))
        (func (export "get") (result i32) (i32.const 5))
        (start $start))"#;
    start_that_traps: r#"(module
        (memory 1)
        (data (i32.const 0) "x")
        (func $start (local i32)
            (loop (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get 0) (i32.const 5))))
            (drop (i32.div_u (i32.const 1) (i32.load (i32.const 4)))))
        (start $start))"#;
    computed_globals: r#"(module
        (import "host" "five" (global $five i32))
        (global i32 (global.get $five))
        (global i64 (i64.mul (i64.const 3) (i64.add (i64.const 1) (i64.const 2))))
        (global funcref (ref.func $f))
        (global funcref (ref.null func))
        (func $f)
        (func (export "f")))"#;
    computed_globals_and_images: r#"(module
        (import "host" "five" (global $five i32))
        (global i32 (i32.add (global.get $five) (i32.const 1)))
        (memory 1)
        (data (i32.const 0) "an image")
        (func $start)
        (start $start))"#;
    computed_globals_and_images_only: r#"(module
        (import "host" "five" (global $five i32))
        (global i32 (i32.add (global.get $five) (i32.const 1)))
        (memory 1)
        (data (i32.const 0) "an image")
        (func (export "f")))"#;
    computed_globals_and_an_empty_image: r#"(module
        (import "host" "five" (global $five i32))
        (global i32 (i32.add (global.get $five) (i32.const 1)))
        (memory 1)
        (data (i32.const 0) "\00\00\00")
        (func $start)
        (start $start))"#;
    images_only: r#"(module
        (memory 1)
        (data (i32.const 0) "an image")
        (data (i32.const 3) "that overlaps")
        (func (export "get") (result i64) (i64.load (i32.const 0))))"#;
    an_image_beside_a_memory_without: r#"(module
        (memory 1) (memory 0)
        (data (i32.const 0) "an image")
        (func (export "get") (result i64) (i64.load (i32.const 0))))"#;
    an_image_beside_an_imported_memory: r#"(module
        (import "host" "memory" (memory 1))
        (memory $own 2)
        (data (memory $own) (i32.const 5000) "an image")
        (data (memory $own) (i32.const 3) "and more")
        (func (export "get") (result i64) (i64.load $own (i32.const 5000))))"#;
    an_image_beside_an_imported_memory_and_a_start: r#"(module
        (import "host" "five" (global $five i32))
        (import "host" "memory" (memory 1))
        (memory $own 1)
        (global i32 (global.get $five))
        (data (memory $own) (i32.const 3) "an image")
        (func $start (drop (i32.load $own (i32.const 3))))
        (start $start))"#;
    dynamic_data: r#"(module
        (import "host" "five" (global $five i32))
        (memory 1)
        (data (i32.const 0) "first")
        (data $passive "passive")
        (data (offset (global.get $five)) "second")
        (data (offset (i32.add (global.get $five) (i32.const 7))) "third")
        (func (export "get") (result i64) (i64.load (i32.const 3)))
        (func (export "init") (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 7))))"#;
    dynamic_data_out_of_bounds: r#"(module
        (import "host" "five" (global $five i32))
        (memory 1)
        (data (i32.const 0) "first")
        (data (offset (i32.sub (global.get $five) (i32.const 7))) "second")
        (data (offset (global.get $five)) "third")
        (func $start)
        (start $start))"#;
    static_data_out_of_bounds: r#"(module
        (memory 1)
        (data (i32.const 0) "first")
        (data (i32.const 65534) "second"))"#;
    data_of_an_imported_memory: r#"(module
        (import "host" "memory" (memory 1))
        (data (i32.const 0) "first")
        (data (i32.const 3) "")
        (func (export "get") (result i64) (i64.load (i32.const 3))))"#;
    sparse_data: r#"(module
        (memory 600)
        (data (i32.const 0) "first")
        (data (i32.const 30000000) "second")
        (func (export "get") (result i64) (i64.load (i32.const 3))))"#;
    data_of_64_bits: r#"(module
        (import "host" "at" (global $at i64))
        (memory i64 1)
        (data (offset (global.get $at)) "first")
        (func (export "get") (result i64) (i64.load (i64.const 3))))"#;
    elements: r#"(module
        (import "host" "five" (global $five i32))
        (import "host" "table" (table $imported 20 funcref))
        (table $own 20 funcref)
        (table $refs 4 funcref)
        (elem (table $own) (i32.const 0) func $a $b)
        (elem (table $own) (global.get $five) func $b $a $b)
        (elem (table $own) (i32.const 10) funcref (ref.func $b) (ref.null func))
        (elem (table $imported) (i32.const 2) func $a)
        (elem (table $refs) (i32.const 1) funcref (ref.null func))
        (elem $passive funcref (ref.func $a) (ref.null func))
        (elem $more func $a $b)
        (elem declare func $c)
        (func $a (result i32) i32.const 1)
        (func $b (result i32) i32.const 2)
        (func $c (result i32) i32.const 3)
        (func (export "one") (result i32) (call_indirect $own (result i32) (i32.const 5)))
        (func (export "two") (result i32) (call_indirect $own (result i32) (i32.const 10)))
        (func (export "three") (result i32) (call_indirect $imported (result i32) (i32.const 2)))
        (func (export "init")
            (table.init $own $passive (i32.const 0) (i32.const 0) (i32.const 2))
            (table.init $own $more (i32.const 0) (i32.const 0) (i32.const 2)))
        (func (export "dropped") (table.init $own 1 (i32.const 0) (i32.const 0) (i32.const 1))))"#;
    default_table: r#"(module
        (import "host" "five" (global $five i32))
        (table 20 funcref)
        (elem (i32.const 0) $a)
        (elem (global.get $five) $a)
        (elem (i32.const 3) funcref (ref.func $a))
        (elem (i32.const 4) $a $a)
        (func $a (result i32) i32.const 1)
        (func (export "one") (result i32) (call_indirect (result i32) (i32.const 5)))
        (func (export "two") (result i32) (call_indirect (result i32) (i32.const 3))))"#;
    elements_out_of_bounds: r#"(module
        (import "host" "five" (global $five i32))
        (table 6 funcref)
        (elem (i32.const 0) $a)
        (elem (global.get $five) $a)
        (elem (global.get $five) $a $a)
        (func $a))"#;
    static_elements_out_of_bounds: r#"(module
        (table 6 funcref)
        (elem (i32.const 0) $a)
        (elem (i32.const 6) $a)
        (func $a))"#;
    data_after_elements_out_of_bounds: r#"(module
        (import "host" "five" (global $five i32))
        (memory 1)
        (table 6 funcref)
        (elem (global.get $five) $a $a)
        (data (offset (global.get $five)) "far")
        (func $a))"#;
    many_elements: &format!(r#"(module
        (import "host" "five" (global $five i32))
        (table 200 funcref)
        (elem (global.get $five) {})
        (func $a)
        (func (export "f") (call_indirect (i32.const 5))))"#, "$a ".repeat(150));
    many_elements_out_of_bounds: &format!(r#"(module
        (import "host" "five" (global $five i32))
        (table 100 funcref)
        (elem (global.get $five) {})
        (func $a))"#, "$a ".repeat(150));
}

programs! {
    lengths_in_locals: r#"(module
        (memory 1)
        (func (export "direct") (local i32)
            (local.set 0 (i32.const 9))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "tee") (local i32)
            (memory.fill (i32.const 0) (i32.const 0) (local.tee 0 (i32.const 9))))
        (func (export "unset") (local i32)
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (func $param (param i32) (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "param") (call $param (i32.const 9)))
        (func $param_set (param i32)
            (local.set 0 (i32.const 7))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "param_set") (call $param_set (i32.const 9)))
        (func (export "chain") (local i32 i32 i32)
            (local.set 0 (i32.const 9)) (local.set 1 (local.get 0)) (local.set 2 (local.get 1))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 2)))
        (func (export "dropped") (local i32)
            (i32.const 0) (i32.const 0) (i32.const 11) (i32.load (i32.const 4)) drop
            memory.fill)
        (func (export "large") (local i32)
            (local.set 0 (i32.const 200))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0))))"#;
    lengths_behind_joins: r#"(module
        (memory 1)
        (func $same (param i32) (local i32)
            (local.set 1 (i32.const 9))
            (if (local.get 0) (then (nop)) (else (drop (i32.const 1))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 1)))
        (func $equal (param i32) (local i32)
            (if (local.get 0) (then (local.set 1 (i32.const 9))) (else (local.set 1 (i32.const 9))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 1)))
        (func $one_way (param i32) (local i32)
            (local.set 1 (i32.const 9))
            (if (local.get 0) (then (return)) (else (local.set 1 (i32.const 8))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 1)))
        (func $from_both_arms (param i32) (local i32)
            (local.set 1 (i32.const 9))
            i32.const 0 i32.const 0 i32.const 8
            (if (param i32) (result i32) (local.get 0)
                (then drop local.get 1) (else drop local.get 1))
            memory.fill)
        (export "from_both_arms" (func $arms))
        (func $arms (call $from_both_arms (i32.const 0)) (call $from_both_arms (i32.const 1)))
        (func $no_else (param i32) (local i32)
            (local.set 1 (i32.const 9))
            (if (local.get 0) (then (local.set 1 (local.get 1))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 1)))
        (func $by_branch (param i32) (local i32)
            (local.set 1 (i32.const 9))
            (block (br_if 0 (local.get 0)) (br_table 0 0 1 (local.get 0)))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 1)))
        (func $swap (param i32) (local i32 i32)
            (local.set 1 (i32.const 5)) (local.set 2 (local.get 1))
            (if (local.get 0) (then (local.set 1 (local.get 2))) (else (local.set 2 (local.get 1))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 2)))
        (func $computed_in_the_other_arm (param i32) (local i32)
            (local.set 1 (i32.const 9))
            (if (local.get 0)
                (then (local.set 1 (i32.load (i32.const 0))))
                (else (memory.fill (i32.const 0) (i32.const 0) (local.get 1)) (drop (i32.const 1)))))
        (func (export "other_arm") (call $computed_in_the_other_arm (i32.const 0)))
        (func (export "leaves") (call $computed_where_it_leaves (i32.const 1)))
        (func $computed_where_it_leaves (param i32) (local i32)
            (local.set 1 (i32.const 9))
            (block
                (block (br_if 0 (local.get 0))
                    (local.set 1 (i32.load (i32.const 0)))
                    (br 1))
                (memory.fill (i32.const 0) (i32.const 0) (local.get 1))
                (drop (i32.const 1))))
        (func $all (param i32)
            (call $same (local.get 0)) (call $equal (local.get 0)) (call $one_way (local.get 0))
            (call $no_else (local.get 0)) (call $by_branch (local.get 0))
            (call $swap (local.get 0)))
        (func (export "yes") (call $all (i32.const 1)))
        (func (export "no") (call $all (i32.const 0))))"#;
    lengths_in_loops: r#"(module
        (memory 1)
        (func (export "inside") (local i32 i32)
            (local.set 0 (i32.const 9))
            (loop
                (memory.fill (i32.const 0) (i32.const 0) (local.get 0))
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get 1) (i32.const 3)))))
        (func (export "read_then_after") (local i32 i32)
            (local.set 0 (i32.const 9))
            (loop
                (drop (local.get 0))
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get 1) (i32.const 3))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "not_read_then_after") (local i32 i32)
            (local.set 0 (i32.const 9))
            (loop
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get 1) (i32.const 3))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "not_repeated") (local i32 i32)
            (local.set 0 (i32.const 9))
            (loop (local.set 1 (i32.const 1)))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "set_again") (local i32 i32 i32)
            (local.set 0 (i32.const 9)) (local.set 2 (local.get 0))
            (loop
                (local.set 0 (local.get 2))
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get 1) (i32.const 3))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "nested") (local i32 i32 i32)
            (local.set 0 (i32.const 9))
            (loop $outer
                (local.set 2 (i32.const 0))
                (loop $inner
                    (local.set 2 (i32.add (local.get 2) (i32.const 1)))
                    (br_if $inner (i32.lt_u (local.get 2) (i32.const 2))))
                (drop (local.get 0))
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if $outer (i32.lt_u (local.get 1) (i32.const 2))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
        (table 5 funcref)
        (func (export "after_a_copy") (local i32 i32)
            (local.set 0 (i32.const 9)) (local.set 1 (i32.const 8))
            (table.copy (i32.const 0) (i32.const 1) (i32.const 2))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0))
            (table.copy (i32.const 0) (i32.const 1) (local.get 1))
            (table.fill (i32.const 0) (ref.null func) (local.get 1))
            (table.fill (i32.const 0) (ref.null func) (i32.const 1))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 1)))
        (func (export "nested_read") (local i32 i32 i32)
            (local.set 0 (i32.const 9))
            (loop $outer
                (local.set 2 (i32.const 0))
                (loop $inner
                    (drop (local.get 0))
                    (local.set 2 (i32.add (local.get 2) (i32.const 1)))
                    (br_if $inner (i32.lt_u (local.get 2) (i32.const 2))))
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if $outer (i32.lt_u (local.get 1) (i32.const 2))))
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0))))"#;
    lengths_of_blocks: r#"(module
        (memory 1)
        (func (export "result")
            (memory.fill (i32.const 0) (i32.const 0) (block (result i32) (i32.const 9))))
        (func $either (param i32)
            (memory.fill (i32.const 0) (i32.const 0)
                (if (result i32) (local.get 0) (then (i32.const 9)) (else (i32.const 9)))))
        (func $same (param i32) (local i32)
            (local.set 1 (i32.const 9))
            (memory.fill (i32.const 0) (i32.const 0)
                (if (result i32) (local.get 0) (then (local.get 1)) (else (local.get 1)))))
        (func $passed (param i32)
            (i32.const 0) (i32.const 0) (i32.const 9)
            (if (param i32) (result i32) (local.get 0) (then (nop)))
            memory.fill)
        (func $passed_through_else (param i32)
            (i32.const 0) (i32.const 0) (i32.const 9)
            (if (param i32) (result i32) (local.get 0) (then (nop)) (else (nop)))
            memory.fill)
        (func $dropped_arm (param i32)
            (i32.const 0) (i32.const 0) (i32.const 9)
            (if (param i32) (result i32) (local.get 0) (then (nop)) (else (drop) (return)))
            memory.fill)
        (func (export "loop_parameter")
            (i32.const 0) (i32.const 0) (i32.const 9)
            (loop (param i32) (result i32) (br_if 0 (i32.const 0)))
            memory.fill)
        (func (export "branch_value")
            (memory.fill (i32.const 0) (i32.const 0)
                (block (result i32) (i32.const 9) (br_if 0 (i32.const 0)))))
        (func (export "table_value")
            (memory.fill (i32.const 0) (i32.const 0)
                (block (result i32)
                    (block (result i32) (br_table 0 1 (i32.const 9) (i32.const 0))))))
        (func (export "parameter_of_a_block")
            (i32.const 0) (i32.const 0) (i32.const 9)
            (block (param i32) (result i32) (nop))
            memory.fill)
        (func $all (param i32)
            (call $either (local.get 0)) (call $same (local.get 0)) (call $passed (local.get 0))
            (call $passed_through_else (local.get 0)) (call $dropped_arm (local.get 0)))
        (func (export "yes") (call $all (i32.const 1)))
        (func (export "no") (call $all (i32.const 0))))"#;
}
