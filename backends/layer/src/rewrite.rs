//! What is done to core modules before an engine compiles them, and the way back.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::sync::Arc;

use enginebay_core::parts::{self, Offsets, Rename};
use enginebay_core::{Interruption, Result};
use wasm_encoder::Instruction;
use wasmtime_environ::ModuleTranslation;

use crate::engine::CoreEngine;
use crate::meter::{self, LOOK, Label, Mode, OffsetMap};

/// What is done to modules, so that their guests can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rewrite {
    /// What is put into the code.
    pub(crate) metered: Option<Mode>,
    /// Whether large fills and copies are made in parts.
    in_parts: bool,
}

impl Rewrite {
    pub(crate) fn new<E: CoreEngine>(interruption: Interruption) -> Self {
        let metered = match interruption {
            Interruption::None => None,
            // By the engine's own means.
            Interruption::Deadline if E::support().deadline => None,
            Interruption::Deadline if E::HAS_FLAGS => Some(Mode::Flag),
            Interruption::Deadline | Interruption::Fuel | Interruption::FuelOnly => {
                Some(Mode::Fuel { slices: true })
            }
        };
        Rewrite {
            metered,
            in_parts: interruption.has_deadline(),
        }
    }

    /// A module as the engine gets it, and how frames are led back, if it is not
    /// what it was.
    pub(crate) fn module(
        self,
        module: &ModuleTranslation<'_>,
    ) -> Result<(Arc<[u8]>, Option<Places>)> {
        let metered = self
            .metered
            .map(|mode| meter::meter(module, mode))
            .transpose()?;
        let slow = metered.as_ref().map(|it| Instruction::Call(it.slow));
        let look: &[_] = match (self.metered, slow) {
            (_, None) => &[],
            (Some(Mode::Fuel { .. }), Some(slow)) => {
                &[Instruction::I64Const(LOOK), slow, Instruction::Drop]
            }
            (_, Some(slow)) => &[slow],
        };
        // Most modules are what they were, and need none.
        let label = metered.as_ref().map(|it| it.label);
        let label = LazyCell::new(|| label.unwrap_or_else(|| Label::new(module.wasm)));
        // A metered module has its label already.
        let name = |name: Option<&str>| label.put(name);
        let name: Option<&Rename<'_>> = match &metered {
            Some(_) => None,
            None => Some(&name),
        };
        let (before, metered) = match metered {
            Some(it) => (Cow::Owned(it.wasm), Some(it.offsets)),
            None => (Cow::Borrowed(module.wasm), None),
        };
        let in_parts = if self.in_parts {
            parts::module(&before, look, name)
        } else {
            None
        };
        let (wasm, offsets): (Arc<[u8]>, _) = match in_parts {
            Some(it) => (it.wasm.into(), Some(it.offsets)),
            None => (before.into(), None),
        };
        let changed = metered.is_some() || offsets.is_some();
        if changed {
            parts::check_lengths(&wasm)?;
        }
        let places = changed.then(|| Places {
            label: *label,
            funcs: module.module.functions.len() as u32,
            metered,
            parts: offsets,
        });
        Ok((wasm, places))
    }
}

/// How frames are led back to a module as it was.
#[derive(Debug)]
pub(crate) struct Places {
    /// What its name begins with.
    pub(crate) label: Label,
    /// How many functions it has, with imported ones.
    funcs: u32,
    metered: Option<OffsetMap>,
    /// From the metered module, if it is metered.
    parts: Option<Offsets>,
}

impl Places {
    /// What was at an offset: the operator that is there, or that follows what
    /// was put there. `None` outside of the module's own functions.
    pub(crate) fn offset(&self, offset: u64) -> Option<u64> {
        let offset = match &self.parts {
            Some(parts) => parts.original(offset)?,
            None => offset,
        };
        match &self.metered {
            Some(metered) => {
                let original = metered.offset(usize::try_from(offset).ok()?)?;
                Some(original as u64)
            }
            None => Some(offset),
        }
    }

    /// A function of the module; `None` for one that it did not have.
    pub(crate) fn function(&self, index: u32) -> Option<u32> {
        match &self.metered {
            Some(metered) => metered.function(index),
            None => (index < self.funcs).then_some(index),
        }
    }
}
