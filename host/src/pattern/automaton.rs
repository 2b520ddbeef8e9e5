//! Patterns with wildcards, compiled to a deterministic automaton: one step for each
//! byte of what is matched, whatever the pattern is. The price is that some patterns
//! compile to automata of exponential size: the size is bounded, and these are refused.

use std::fmt::Write;
use std::sync::Arc;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::{Anchored, Input, MatchKind};

use super::MAX_AUTOMATON;

/// Decides whether a whole text matches.
#[derive(Clone)]
pub(super) struct Automaton(Arc<dense::DFA<Vec<u32>>>);

impl Automaton {
    /// Of a regular expression that must match the whole text; `None` if the automaton
    /// would be too large.
    pub(super) fn new(expression: &str) -> Option<Self> {
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .dfa_size_limit(Some(MAX_AUTOMATON))
            // What building takes on top is given up right after.
            .determinize_size_limit(Some(4 * MAX_AUTOMATON));
        let nfa = regex_automata::nfa::thompson::Config::new()
            .shrink(false)
            .nfa_size_limit(Some(4 * MAX_AUTOMATON));
        let dfa = dense::Builder::new()
            .configure(config)
            .thompson(nfa)
            .build(&format!(r"\A(?:{expression})\z"));
        dfa.ok().map(|dfa| Automaton(Arc::new(dfa)))
    }

    /// Whether all of the text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let input = Input::new(text).anchored(Anchored::Yes);
        matches!(self.0.try_search_fwd(&input), Ok(Some(_)))
    }
}

/// Any character within a segment.
pub(super) const ANY: &str = "[^/]";

/// Adds a character that stands for itself, in a class or outside.
pub(super) fn push_literal(expression: &mut String, character: char) {
    // Writing to a string cannot fail.
    let _ = write!(expression, r"\x{{{:x}}}", u32::from(character));
}
