//! The limit on the size of a value in memory: less than 2^28 bytes for every
//! type (Component Model, validation of `defvaltype`). Only lists whose length is
//! a part of the type come near it. The validator does not check it yet.
//!
//! Sizes are those with 64-bit pointers, whatever memory a component has: a type
//! must not be valid for one and not for the other.

use std::collections::{HashMap, HashSet};

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
    ComponentValType,
};
use wasmparser::types::TypesRef;
use wasmparser::{Parser, Payload, PrimitiveValType, Validator};

use super::{malformed, wasm_features};
use crate::config::{Feature, Features};
use crate::error::{Error, ErrorKind, Result};

/// One byte more than a value may have.
const MAX: u64 = 1 << 28;

/// Checks the types of a component that is valid with these features otherwise.
pub(super) fn check(wasm: &[u8], features: Features) -> Result<()> {
    if !features.contains(Feature::FixedLengthLists) {
        return Ok(());
    }
    let mut validator = Validator::new_with_features(wasm_features(features));
    let mut sizes = Sizes::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        validator.payload(&payload).map_err(malformed)?;
        if let Payload::ComponentTypeSection(section) = &payload
            && let Some(types) = validator.types(0)
        {
            let count = types.component_type_count();
            for index in count.saturating_sub(section.count())..count {
                let ty = types.component_any_type_at(index);
                if !sizes.fits(types, ty) {
                    return Err(Error::new(
                        ErrorKind::InvalidComponent,
                        "a type exceeds the maximum byte size of a value, 2^28 - 1",
                    )
                    .with_context("offset", format_args!("{:#x}", section.range().start)));
                }
            }
        }
    }
    Ok(())
}

/// Size and alignment in bytes.
type Layout = (u64, u64);

/// What is known of types.
#[derive(Default)]
struct Sizes {
    layouts: HashMap<ComponentDefinedTypeId, Layout>,
    /// Types of instances and components that were gone through.
    seen: HashSet<ComponentAnyTypeId>,
}

impl Sizes {
    /// Whether all values that a type speaks of are small enough.
    fn fits(&mut self, types: TypesRef<'_>, ty: ComponentAnyTypeId) -> bool {
        match ty {
            ComponentAnyTypeId::Resource(_) => true,
            ComponentAnyTypeId::Defined(id) => self.defined(types, id).0 < MAX,
            ComponentAnyTypeId::Func(id) => {
                let func = &types[id];
                let mut vals = func.params.iter().map(|(_, ty)| ty).chain(&func.result);
                vals.all(|ty| self.value(types, ty).0 < MAX)
            }
            ComponentAnyTypeId::Instance(id) => {
                let mut items = types[id].exports.values();
                !self.seen.insert(ty) || items.all(|item| self.entity(types, &item.ty))
            }
            ComponentAnyTypeId::Component(id) => {
                let component = &types[id];
                let mut items = component.imports.values().chain(component.exports.values());
                !self.seen.insert(ty) || items.all(|item| self.entity(types, &item.ty))
            }
        }
    }

    fn entity(&mut self, types: TypesRef<'_>, ty: &ComponentEntityType) -> bool {
        match *ty {
            ComponentEntityType::Module(_) => true,
            ComponentEntityType::Func(id) => self.fits(types, ComponentAnyTypeId::Func(id)),
            ComponentEntityType::Value(ty) => self.value(types, &ty).0 < MAX,
            ComponentEntityType::Type { referenced, .. } => self.fits(types, referenced),
            ComponentEntityType::Instance(id) => self.fits(types, ComponentAnyTypeId::Instance(id)),
            ComponentEntityType::Component(id) => {
                self.fits(types, ComponentAnyTypeId::Component(id))
            }
        }
    }

    fn value(&mut self, types: TypesRef<'_>, ty: &ComponentValType) -> Layout {
        match ty {
            ComponentValType::Primitive(ty) => primitive(*ty),
            ComponentValType::Type(id) => self.defined(types, *id),
        }
    }

    fn defined(&mut self, types: TypesRef<'_>, id: ComponentDefinedTypeId) -> Layout {
        if let Some(layout) = self.layouts.get(&id) {
            return *layout;
        }
        let layout = match &types[id] {
            ComponentDefinedType::Primitive(ty) => primitive(*ty),
            ComponentDefinedType::Record(record) => self.fields(types, record.fields.values()),
            ComponentDefinedType::Tuple(tuple) => self.fields(types, tuple.types.iter()),
            ComponentDefinedType::List { .. } | ComponentDefinedType::Map { .. } => POINTER,
            ComponentDefinedType::FixedLengthList {
                element, length, ..
            } => {
                let (size, align) = self.value(types, element);
                (size.saturating_mul(u64::from(*length)), align)
            }
            ComponentDefinedType::Variant(variant) => {
                let cases = variant.cases.values().map(|case| case.ty.as_ref());
                self.cases(types, cases)
            }
            ComponentDefinedType::Option { ty, .. } => self.cases(types, [None, Some(ty)]),
            ComponentDefinedType::Result { ok, err, .. } => {
                self.cases(types, [ok.as_ref(), err.as_ref()])
            }
            ComponentDefinedType::Enum(names) => {
                let size = discriminant(names.len());
                (size, size)
            }
            ComponentDefinedType::Flags(names) => match names.len() {
                0..=8 => (1, 1),
                9..=16 => (2, 2),
                _ => (4, 4),
            },
            ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_)
            | ComponentDefinedType::Future { .. }
            | ComponentDefinedType::Stream { .. } => (4, 4),
        };
        self.layouts.insert(id, layout);
        layout
    }

    fn fields<'a>(
        &mut self,
        types: TypesRef<'_>,
        fields: impl Iterator<Item = &'a ComponentValType>,
    ) -> Layout {
        let (mut size, mut align) = (0u64, 1);
        for field in fields {
            let (field_size, field_align) = self.value(types, field);
            size = up(size, field_align).saturating_add(field_size);
            align = align.max(field_align);
        }
        (up(size, align), align)
    }

    fn cases<'a>(
        &mut self,
        types: TypesRef<'_>,
        cases: impl IntoIterator<Item = Option<&'a ComponentValType>>,
    ) -> Layout {
        let (mut count, mut size, mut align) = (0, 0, 1);
        for case in cases {
            count += 1;
            if let Some(ty) = case {
                let (case_size, case_align) = self.value(types, ty);
                size = size.max(case_size);
                align = align.max(case_align);
            }
        }
        let discriminant = discriminant(count);
        let size = up(discriminant, align).saturating_add(size);
        let align = align.max(discriminant);
        (up(size, align), align)
    }
}

/// A pointer and a length.
const POINTER: Layout = (16, 8);

fn primitive(ty: PrimitiveValType) -> Layout {
    match ty {
        PrimitiveValType::Bool | PrimitiveValType::S8 | PrimitiveValType::U8 => (1, 1),
        PrimitiveValType::S16 | PrimitiveValType::U16 => (2, 2),
        PrimitiveValType::S32
        | PrimitiveValType::U32
        | PrimitiveValType::F32
        | PrimitiveValType::Char
        | PrimitiveValType::ErrorContext => (4, 4),
        PrimitiveValType::S64 | PrimitiveValType::U64 | PrimitiveValType::F64 => (8, 8),
        PrimitiveValType::String => POINTER,
    }
}

fn discriminant(cases: usize) -> u64 {
    match cases {
        0..=256 => 1,
        257..=65_536 => 2,
        _ => 4,
    }
}

fn up(size: u64, align: u64) -> u64 {
    size.checked_next_multiple_of(align).unwrap_or(u64::MAX)
}

#[cfg(all(test, feature = "wat"))]
mod tests {
    use super::*;

    fn is_valid(types: &str) -> bool {
        let wasm = wat::parse_str(format!("(component {types})")).unwrap();
        let all = Feature::ALL.iter().copied().collect();
        check(&wasm, all).is_ok()
    }

    #[test]
    fn sizes_are_those_of_the_canonical_abi() {
        for (fits, exceeds) in [
            ("(type (list u8 268435455))", "(type (list u8 268435456))"),
            ("(type (list u64 33554431))", "(type (list u64 536870912))"),
            (
                "(type (list string 16777215))",
                "(type (list string 16777216))",
            ),
            (
                "(type (tuple u8 (list u32 67108862)))",
                "(type (tuple u8 (list u32 67108863)))",
            ),
            (
                "(type (option (list u8 268435454)))",
                "(type (option (list u8 268435455)))",
            ),
            (
                "(type (result (list u16 134217720) (error u64)))",
                "(type (result (list u16 134217721) (error u64)))",
            ),
        ] {
            assert!(is_valid(fits), "{fits}");
            assert!(!is_valid(exceeds), "{exceeds}");
        }
        assert!(is_valid("(type (list (list u8 268435455)))"));
    }

    #[test]
    fn types_within_types_are_looked_at() {
        for ty in [
            "(type (func (param \"a\" (list u8 268435456))))",
            "(type (instance (export \"f\" (func (result (list u8 268435456))))))",
            "(type (component (import \"f\" (func (param \"a\" (list u8 268435456))))))",
            "(component (type (list u8 268435456)))",
            "(import \"i\" (instance (export \"f\" (func (param \"a\" (list u8 268435456))))))",
        ] {
            assert!(!is_valid(ty), "{ty}");
            assert!(is_valid(&ty.replace("268435456", "268435455")), "{ty}");
        }
    }

    #[test]
    fn a_type_of_many_parts_takes_no_longer_than_one() {
        let mut types = String::from("(type $t0 (tuple u8 u8))");
        for i in 1..60 {
            types += &format!("(type $t{i} (tuple $t{} $t{}))", i - 1, i - 1);
        }
        let wasm = wat::parse_str(format!("(component {types})"));
        // The validator has a limit of its own on this; here it must only end.
        let all = Feature::ALL.iter().copied().collect();
        assert!(check(&wasm.unwrap(), all).is_err());
    }
}
