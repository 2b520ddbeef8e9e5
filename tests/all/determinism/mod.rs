//! With `Config::deterministic`, results are equal to the bit on all backends:
//! each is compared with one model (`model.rs`), or with what is written here, so
//! that machines are compared as well.

mod boundary;
mod growth;
mod model;
mod operators;
mod trees;

use crate::common::on_each_backend;
use boundary::*;
use enginebay::generic::Engine;
use enginebay::{Backend, Config};
use growth::*;
use operators::*;
use trees::*;

on_each_backend! {
    float_operators_give_what_the_specification_says
    float_operators_on_constants_give_the_same
    conversions_that_trap_trap_alike
    vector_operators_on_floats_do_it_lane_by_lane
    bits_of_floats_are_moved_as_they_are
    expressions_of_floats_give_what_their_parts_give
    relaxed_vector_operators_are_refused_by_name
    floats_cross_the_boundary_with_their_bits
    dynamic_floats_cross_the_boundary_with_their_bits
    limits_are_asked_before_types
    growths_have_the_same_results_and_usage
    growths_without_room_on_the_machine_are_errors
}

/// Where the tests above are.
const TESTS: &str = module_path!();

/// An engine whose results are deterministic: every backend has one.
pub(crate) fn deterministic<B: Backend>() -> Engine<B> {
    let mut config = Config::new();
    config.deterministic(true);
    Engine::new(&config).unwrap()
}
