//! Guests that compute, for what metering costs: it is in loops, in calls and where
//! the code branches.

/// A component that exports `run`, which takes a number and gives one.
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    /// What `run` gets: a tenth of a millisecond or so where a compiler is at work.
    pub(crate) times: u32,
    /// The whole of the component's text.
    pub(crate) component: fn() -> String,
}

/// All kernels.
pub(crate) const KERNELS: [Kernel; 5] = [
    Kernel {
        name: "tight loop",
        times: 200_000,
        component: || component(TIGHT),
    },
    Kernel {
        name: "fib",
        times: 19,
        component: || component(FIB),
    },
    Kernel {
        name: "memory-heavy",
        times: 30_000,
        component: || component(MEMORY),
    },
    Kernel {
        name: "branches",
        times: 30_000,
        component: || component(BRANCHES),
    },
    Kernel {
        name: "calls through adapters",
        times: 5_000,
        component: adapters,
    },
];

/// Counts, and nothing else.
const TIGHT: &str = r#"
    (func (export "run") (param $n i32) (result i32)
        (local $i i32)
        (loop $again
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $i))"#;

/// Calls itself.
const FIB: &str = r#"
    (func $fib (export "run") (param $n i32) (result i32)
        (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
            (then (local.get $n))
            (else (i32.add
                (call $fib (i32.sub (local.get $n) (i32.const 1)))
                (call $fib (i32.sub (local.get $n) (i32.const 2)))))))"#;

/// One load and one store in each round, over a page.
const MEMORY: &str = r#"
    (memory 2)
    (func (export "run") (param $n i32) (result i32)
        (local $i i32) (local $sum i32) (local $at i32)
        (loop $again
            (local.set $at
                (i32.and (i32.mul (local.get $i) (i32.const 68)) (i32.const 65532)))
            (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
            (i32.store offset=4096 (local.get $at)
                (i32.xor (local.get $sum) (local.get $i)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $sum))"#;

/// Branches that nobody can foresee.
const BRANCHES: &str = r#"
    (func (export "run") (param $n i32) (result i32)
        (local $i i32) (local $x i32) (local $sum i32)
        (loop $again
            (local.set $x
                (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
            (if (i32.and (local.get $x) (i32.const 0x10000))
                (then (local.set $sum (i32.add (local.get $sum) (local.get $x))))
                (else
                    (if (i32.and (local.get $x) (i32.const 0x20000))
                        (then (local.set $sum (i32.xor (local.get $sum) (i32.const 77))))
                        (else (local.set $sum (i32.rotl (local.get $sum) (i32.const 3)))))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $sum))"#;

/// The component around a core module that exports `run`.
fn component(module: &str) -> String {
    format!(
        r#"(component
            (core module $m {module})
            (core instance $i (instantiate $m))
            (func (export "run") (param "n" u32) (result u32)
                (canon lift (core func $i "run"))))"#
    )
}

/// One component calls another, for each round.
fn adapters() -> String {
    r#"(component
        (component $callee
            (core module $m
                (func (export "add") (param i32 i32) (result i32)
                    (i32.add (local.get 0) (local.get 1))))
            (core instance $i (instantiate $m))
            (func (export "add") (param "a" u32) (param "b" u32) (result u32)
                (canon lift (core func $i "add"))))
        (component $caller
            (import "add" (func $add (param "a" u32) (param "b" u32) (result u32)))
            (core func $lowered (canon lower (func $add)))
            (core module $m
                (import "" "add" (func $add (param i32 i32) (result i32)))
                (func (export "run") (param $n i32) (result i32)
                    (local $sum i32)
                    (loop $again
                        (local.set $sum (call $add (local.get $sum) (local.get $n)))
                        (br_if $again
                            (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                    (local.get $sum)))
            (core instance $i (instantiate $m
                (with "" (instance (export "add" (func $lowered))))))
            (func (export "run") (param "n" u32) (result u32)
                (canon lift (core func $i "run"))))
        (instance $callee (instantiate $callee))
        (instance $caller (instantiate $caller (with "add" (func $callee "add"))))
        (export "run" (func $caller "run")))"#
        .into()
}
