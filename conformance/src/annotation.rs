//! What a script says of one directive, as TOML in comments before it: lines that
//! start with `;;@`. Some keys say how the directive is done, the others what is
//! expected besides what the directive itself says.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;

use crate::header::{HeaderLimits, Size};
use crate::script::{Action, Exec};

/// What is said of one directive.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Annotation {
    /// How many times it is done.
    pub(crate) repeat: Option<u32>,
    /// How many threads do it at once; of `thread` only.
    pub(crate) threads: Option<u32>,
    /// Limits of the store that it makes, instead of the header's.
    pub(crate) limits: HeaderLimits,
    /// The store's fuel is set to this before.
    pub(crate) set_fuel: Option<u64>,
    /// The store is cancelled.
    pub(crate) cancel: Option<Cancel>,
    /// An earlier cancellation of the store is taken back before.
    pub(crate) reset_cancel: bool,
    /// The call's future is dropped after so many polls.
    pub(crate) abandon_after: Option<u32>,
    /// The result is kept under this name.
    pub(crate) keep: Option<String>,
    /// Values that were kept are further arguments.
    pub(crate) with: Vec<String>,
    /// Handles that were kept are dropped by the host after the call.
    pub(crate) drop: Vec<String>,
    /// The store is dropped after the call.
    pub(crate) drop_store: bool,

    /// What the error is.
    pub(crate) error: ErrorIs,
    /// What the store has used.
    pub(crate) usage: UsageIs,
    /// What the call has used.
    pub(crate) call: UsageIs,
    /// What poisoned the store, or `no`.
    pub(crate) poisoned: Option<String>,
    /// What the host's functions noted.
    pub(crate) log: Option<Vec<String>>,
    /// The host's resources.
    pub(crate) things: Things,
    /// How many stores there are.
    pub(crate) stores: Option<u32>,
    /// How many of the host's futures there are.
    pub(crate) waiting: Option<u32>,
}

/// When a store is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cancel {
    /// Before the call.
    Before,
    /// Some milliseconds after it began, by another thread.
    Meanwhile,
}

/// What an error is, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ErrorIs {
    /// The kind's name.
    pub(crate) kind: Option<String>,
    /// The trap code's name.
    pub(crate) trap: Option<String>,
    /// What was allowed.
    pub(crate) limit: Option<Size>,
    /// What was asked for.
    pub(crate) requested: Option<Size>,
    /// The fuel that was consumed.
    pub(crate) consumed: Option<u64>,
    /// Which resource ran out.
    pub(crate) what: Option<String>,
    /// By how many milliseconds it may come too late.
    pub(crate) late_ms: Option<u64>,
    /// Pairs of the context.
    pub(crate) context: BTreeMap<String, String>,
    /// The guest's functions on the stack, innermost first, where the backend
    /// has backtraces.
    pub(crate) frames: Option<Vec<String>>,
}

/// What was used, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct UsageIs {
    pub(crate) memory: Option<Size>,
    pub(crate) memory_peak: Option<Size>,
    pub(crate) table_elements: Option<u64>,
    pub(crate) growth_refused: Option<u64>,
    pub(crate) fuel: Option<u64>,
    pub(crate) host_calls: Option<u64>,
    /// Milliseconds that it took at least.
    pub(crate) time_at_least_ms: Option<u64>,
}

/// The resources that the host has made and dropped since the script began.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Things {
    pub(crate) made: Option<u32>,
    pub(crate) dropped: Option<u32>,
}

impl Annotation {
    /// A key that nobody would look at with a directive like this, and for what it is.
    /// It would be kept whatever it says.
    pub(crate) fn misplaced(&self, action: &Action) -> Option<(&'static str, &'static str)> {
        let exec = match action {
            Action::Perform(exec) | Action::Return(exec, _) | Action::Trap(exec, _) => Some(exec),
            _ => None,
        };
        let invokes = matches!(exec, Some(Exec::Invoke(..)));
        let source = match (action, exec) {
            (Action::Make(_, source), _) | (_, Some(Exec::Instantiate(source))) => Some(source),
            _ => None,
        };
        let makes = source.is_some() || matches!(action, Action::Instantiate(..));
        // Of what was defined before it is seen when it is run.
        let core = source.is_some_and(|source| source.core);
        let traps = matches!(action, Action::Trap(_, text) if !text.starts_with("panic: "));
        let refuses =
            matches!(action, Action::Refuse(source) if !source.core && source.wasm.is_ok());
        let only_kind = ErrorIs {
            kind: self.error.kind.clone(),
            ..ErrorIs::default()
        };
        let error = || first([("error", self.error != ErrorIs::default())]);
        let more = || first([("error", self.error != only_kind)]);
        let limits = first([("limits", self.limits != HeaderLimits::default())]);
        let threads = first([("threads", self.threads.is_some())]);
        let kept = self.keep.is_some() || !self.drop.is_empty();
        let abandoned = first([("abandon-after", self.abandon_after.is_some())]);
        let acts = invokes || makes;
        let unless =
            |fits: bool, key: Option<&'static str>, of| key.filter(|_| !fits).map(|key| (key, of));
        let is_thread = matches!(action, Action::Thread(..));
        unless(is_thread, threads, "`thread` only")
            .or_else(|| unless(makes, limits, "what makes an instance"))
            .or_else(|| unless(traps || refuses, error(), "what ends with an error"))
            .or_else(|| unless(traps, more(), "what is run, but for `error.kind`"))
            .or_else(|| {
                let stores = exec.is_some() || makes;
                unless(stores, self.says_of_store(), "what has a store")
            })
            .or_else(|| {
                let of = "calls and instances of components";
                unless(acts && !core, self.of_stores(), of)
            })
            .or_else(|| unless(invokes, self.of_calls(), "calls"))
            .or_else(|| unless(!kept, abandoned, "calls whose result nobody keeps or drops"))
    }

    /// The first key that says what is done, and is for components only.
    pub(crate) fn of_components(&self) -> Option<&'static str> {
        self.of_stores().or(self.of_calls())
    }

    /// The first key that says what is done to a component's store.
    fn of_stores(&self) -> Option<&'static str> {
        first([
            ("set-fuel", self.set_fuel.is_some()),
            ("cancel", self.cancel.is_some()),
            ("reset-cancel", self.reset_cancel),
        ])
    }

    /// The first key that says what is done in a component's call.
    fn of_calls(&self) -> Option<&'static str> {
        first([
            ("abandon-after", self.abandon_after.is_some()),
            ("keep", self.keep.is_some()),
            ("with", !self.with.is_empty()),
            ("drop", !self.drop.is_empty()),
        ])
    }

    /// The first key that says something of the directive's store.
    pub(crate) fn says_of_store(&self) -> Option<&'static str> {
        first([
            ("usage", self.usage != UsageIs::default()),
            ("call", self.call != UsageIs::default()),
            ("poisoned", self.poisoned.is_some()),
            ("drop-store", self.drop_store),
        ])
    }
}

fn first<const N: usize>(keys: [(&'static str, bool); N]) -> Option<&'static str> {
    let mut keys = keys.into_iter();
    keys.find_map(|(key, is_given)| is_given.then_some(key))
}

/// The annotations of a script that are still to be given to a directive.
pub(crate) struct Annotations<'a> {
    lines: VecDeque<(usize, &'a str)>,
}

impl<'a> Annotations<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let lines = text.lines().enumerate();
        let lines = lines.filter_map(|(index, line)| {
            let text = line.trim_start().strip_prefix(";;@")?;
            Some((index + 1, text.trim()))
        });
        Annotations {
            lines: lines.collect(),
        }
    }

    /// Takes those that stand before a line.
    pub(crate) fn before(&mut self, line: usize) -> Result<Annotation, String> {
        let mut toml = String::new();
        let mut at = Vec::new();
        while let Some((number, text)) = self.lines.pop_front_if(|(number, _)| *number < line) {
            toml.push_str(text);
            toml.push('\n');
            at.push(number);
        }
        toml::from_str(&toml).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let index = toml[..start.min(toml.len())].matches('\n').count();
            let number = at.get(index).or(at.last()).copied().unwrap_or(line);
            format!("line {number}: annotation: {}", error.message())
        })
    }

    /// Those behind the last directive are of none.
    pub(crate) fn end(&self) -> Result<(), String> {
        match self.lines.front() {
            Some((number, _)) => Err(format!(
                "line {number}: annotation: there is no directive behind it"
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_belongs_to_the_next_directive() {
        let text =
            ";;@ repeat = 3\n  ;;@ usage.memory = \"64KiB\"\n(a)\n\n(b)\n;;@ log = [\"x\"]\n(c)";
        let mut all = Annotations::of(text);
        let first = all.before(3).unwrap();
        assert_eq!(first.repeat, Some(3));
        assert_eq!(first.usage.memory, Some(Size(65536)));
        assert_eq!(all.before(5).unwrap().repeat, None);
        assert!(all.end().unwrap_err().contains("line 6"));
        assert_eq!(all.before(7).unwrap().log.unwrap(), ["x"]);
        all.end().unwrap();
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line() {
        for (text, part) in [
            (";;@ repeat = 3\n\n;;@ repaet = 4", "line 3"),
            (";;@ usage.memory = true", "line 1"),
            (";;@ error.kint = \"trap\"", "kint"),
            (";;@ cancel = \"later\"", "later"),
        ] {
            let error = Annotations::of(text).before(9).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
