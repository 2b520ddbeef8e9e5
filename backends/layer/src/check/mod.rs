//! What a [`CoreEngine`] must do, as checks that its crate's tests call: one
//! `#[test]` each, made by [`core_engine_tests!`](crate::core_engine_tests).
//!
//! They fail by panics, as tests do, and need the Cargo feature `check`.

#![allow(
    clippy::missing_panics_doc,
    reason = "a check that does not hold panics"
)]

mod calls;
mod growth;
mod modules;
mod traps;

use enginebay_core::{Config, Error, Interruption, Limits, Result, StoreData};

pub use self::calls::*;
pub use self::growth::*;
pub use self::modules::*;
pub use self::traps::*;
use crate::engine::{CoreEngine, CoreExtern, CoreType, Signature};
use crate::store::Data;

macro_rules! checks {
    ($d:tt $($name:ident)*) => {
        /// The checks of this module as tests of a [`CoreEngine`].
        ///
        /// ```ignore
        /// enginebay_layer::core_engine_tests!(crate::MyEngine);
        /// ```
        #[macro_export]
        macro_rules! core_engine_tests {
            ($d engine:ty) => {
                $(
                    #[test]
                    fn $name() {
                        $d crate::check::$name::<$d engine>();
                    }
                )*
            };
        }
    };
}

checks! {
    $
    numbers_cross_as_raw_bits
    many_parameters_cross_in_order
    two_results_come_back
    host_functions_of_every_signature_get_their_slots
    a_host_function_calls_the_guest_again
    a_host_function_can_be_called_by_the_host
    a_shared_function_works_in_every_store
    guests_of_two_modules_call_each_other
    guests_of_two_units_are_nested
    the_error_of_a_host_function_comes_back_as_it_was
    a_used_store_moves_to_another_thread
    every_trap_has_its_code
    traps_of_segments_and_start_functions_have_their_codes
    a_guest_runs_on_the_smallest_stack
    endless_recursion_is_a_stack_overflow
    endless_recursion_through_the_host_is_a_stack_overflow
    growth_within_the_limit_is_granted
    growth_beyond_the_limit_gives_minus_one
    growth_that_fails_is_taken_back
    a_memory_that_starts_too_large_is_refused
    a_table_that_starts_too_large_is_refused
    imports_of_each_kind_arrive_in_any_order
    exports_of_each_kind_are_found
    memories_are_seen_and_written
    globals_are_shared_with_the_guest
    modules_with_two_memories_run
    compiled_code_survives_as_bytes
    every_feature_it_claims_runs
    features_it_lacks_are_refused_by_name
    features_that_are_off_are_refused_by_name
    bytes_that_are_no_module_are_an_error
    nans_are_canonical_where_it_says_so
    the_data_of_a_store_comes_back
}

const I32: CoreType = CoreType::I32;
const I64: CoreType = CoreType::I64;
const F32: CoreType = CoreType::F32;
const F64: CoreType = CoreType::F64;

/// What the stores of the checks hold for the embedder.
const USER: &str = "the embedder's";

fn config() -> Config {
    let mut config = Config::new();
    config.interruption(Interruption::None);
    config
}

fn limits() -> Limits {
    Limits::for_interruption(Interruption::None)
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A store, and what is needed to bring modules into it.
struct Host<E: CoreEngine> {
    unit: E::Unit,
    store: E::Store,
    realm: E::Realm,
}

impl<E: CoreEngine> Host<E> {
    fn new() -> Self {
        Self::with(&config(), limits())
    }

    fn limited(limits: Limits) -> Self {
        Self::with(&config(), limits)
    }

    fn with(config: &Config, limits: Limits) -> Self {
        config.check(E::NAME, &E::support()).unwrap();
        let engine = E::new_engine(config).unwrap();
        let unit = E::new_unit(&engine).unwrap();
        Self::of(&engine, unit, limits)
    }

    fn of(engine: &E::Engine, unit: E::Unit, limits: Limits) -> Self {
        let data = Data::new(StoreData::detached(USER, limits));
        let mut store = E::new_store(engine, data).unwrap();
        let realm = E::realm(&mut E::context(&mut store), &unit).unwrap();
        Host { unit, store, realm }
    }

    fn cx(&mut self) -> E::Context<'_> {
        E::context(&mut self.store)
    }

    fn instantiate(&mut self, text: &str, imports: &[CoreExtern<E>]) -> Result<E::Instance> {
        let module = E::compile(&self.unit, &wasm(text))?;
        let realm = self.realm;
        E::instantiate(&mut self.cx(), realm, &module, imports)
    }

    fn instance(&mut self, text: &str, imports: &[CoreExtern<E>]) -> E::Instance {
        self.instantiate(text, imports)
            .unwrap_or_else(|error| panic!("{error:?}\n{text}"))
    }

    fn func(&mut self, instance: &E::Instance, name: &str) -> E::Func {
        match E::export(&mut self.cx(), instance, name) {
            Some(CoreExtern::Func(func)) => func,
            other => panic!("`{name}` is {other:?}"),
        }
    }

    fn host_func(
        &mut self,
        ty: &Signature,
        func: impl for<'a> Fn(E::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    ) -> CoreExtern<E> {
        let realm = self.realm;
        CoreExtern::Func(E::host_func(&mut self.cx(), realm, ty, func))
    }

    /// Calls an export with arguments, and gives as many results as it has.
    fn call(
        &mut self,
        instance: &E::Instance,
        name: &str,
        ty: &Signature,
        args: &[u64],
    ) -> Result<Vec<u64>> {
        let func = self.func(instance, name);
        call::<E>(&mut self.cx(), &func, ty, args)
    }

    /// Calls an export without parameters and with an `i32`.
    fn get(&mut self, instance: &E::Instance, name: &str) -> Result<i32> {
        let results = self.call(instance, name, &signature([], [I32]), &[])?;
        Ok(results[0] as i32)
    }
}

fn call<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    func: &E::Func,
    ty: &Signature,
    args: &[u64],
) -> Result<Vec<u64>> {
    let callee = E::callee(cx, func, ty)?;
    let mut slots = vec![0; ty.slots()];
    slots[..args.len()].copy_from_slice(args);
    E::call(cx, &callee, &mut slots)?;
    slots.truncate(ty.results.len());
    Ok(slots)
}

fn signature<const P: usize, const R: usize>(
    params: [CoreType; P],
    results: [CoreType; R],
) -> Signature {
    Signature::new(params, results)
}

fn name(ty: CoreType) -> &'static str {
    match ty {
        CoreType::I32 => "i32",
        CoreType::I64 => "i64",
        CoreType::F32 => "f32",
        CoreType::F64 => "f64",
    }
}

fn names(types: &[CoreType]) -> String {
    types
        .iter()
        .map(|ty| name(*ty))
        .collect::<Vec<_>>()
        .join(" ")
}

fn unwrap_err<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("this succeeded"),
        Err(error) => error,
    }
}
