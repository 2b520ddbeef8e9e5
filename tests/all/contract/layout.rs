//! Where a part of a function's parameters or of its result is, as flat values and in
//! memory.

use wit_parser::abi::{FlatTypes, WasmType};
use wit_parser::{Handle, Resolve, SizeAlign, Type, TypeDefKind, TypeId, TypeOwner};

/// A part of the parameters.
pub(crate) struct Place {
    pub(crate) ty: Type,
    /// The number of flat values before it.
    pub(crate) flat: usize,
    /// The number of bytes before it, where the parameters are passed in memory.
    pub(crate) offset: usize,
}

/// A function's result that is `err(denied(denial))`.
pub(crate) struct Refusal {
    /// The byte that is 1, for `err`.
    pub(crate) err: usize,
    /// The byte that is the number of the case.
    pub(crate) case: usize,
    pub(crate) denied: usize,
    /// The address and the length of the denial's message.
    pub(crate) message: usize,
}

pub(crate) struct Layout<'a> {
    pub(crate) resolve: &'a Resolve,
    sizes: SizeAlign,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(resolve: &'a Resolve) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        Layout { resolve, sizes }
    }

    /// A type without its names in other interfaces.
    fn origin(&self, mut id: TypeId) -> TypeId {
        while let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[id].kind {
            id = next;
        }
        id
    }

    pub(crate) fn kind(&self, ty: &Type) -> Option<&'a TypeDefKind> {
        match ty {
            Type::Id(id) => Some(&self.resolve.types[self.origin(*id)].kind),
            _ => None,
        }
    }

    /// The name of the resource type that a handle is of.
    pub(crate) fn resource(&self, ty: &Type) -> Option<&'a str> {
        match self.kind(ty)? {
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => {
                self.resolve.types[self.origin(*id)].name.as_deref()
            }
            _ => None,
        }
    }

    pub(crate) fn element(&self, ty: &Type) -> Option<&'a Type> {
        match self.kind(ty)? {
            TypeDefKind::List(element) => Some(element),
            _ => None,
        }
    }

    pub(crate) fn size(&self, ty: &Type) -> usize {
        self.sizes.size(ty).size_wasm32()
    }

    pub(crate) fn size_of_all<'t>(&self, types: impl IntoIterator<Item = &'t Type>) -> usize {
        self.sizes.record(types).size.size_wasm32()
    }

    fn flat(&self, ty: &Type) -> usize {
        let mut storage = [WasmType::I32; 64];
        let mut types = FlatTypes::new(&mut storage);
        assert!(self.resolve.push_flat(ty, &mut types));
        types.to_vec().len()
    }

    /// The field at `index` of what begins at `start`.
    pub(crate) fn field(&self, start: &Place, types: &[Type], index: usize) -> Place {
        let offsets = self.sizes.field_offsets(types);
        Place {
            ty: types[index],
            flat: start.flat + types[..index].iter().map(|ty| self.flat(ty)).sum::<usize>(),
            offset: start.offset + offsets[index].0.size_wasm32(),
        }
    }

    fn record(&self, ty: &Type) -> (Vec<&'a str>, Vec<Type>) {
        let Some(TypeDefKind::Record(record)) = self.kind(ty) else {
            panic!("{ty:?} is no record");
        };
        let fields = record.fields.iter();
        fields.map(|field| (&*field.name, field.ty)).unzip()
    }

    /// A part by its path from a whole: nothing, or names of fields.
    pub(crate) fn part<'p>(&self, whole: Place, path: impl Iterator<Item = &'p str>) -> Place {
        path.fold(whole, |whole, name| {
            let (names, types) = self.record(&whole.ty);
            let index = names.iter().position(|it| *it == name).unwrap();
            self.field(&whole, &types, index)
        })
    }

    /// The result of a function that requires something.
    pub(crate) fn refusal(&self, result: &Type) -> Refusal {
        let Some(TypeDefKind::Result(parts)) = self.kind(result) else {
            panic!("{result:?} is no result");
        };
        let error = parts.err.expect("an error that can be `denied`");
        let Some(TypeDefKind::Variant(variant)) = self.kind(&error) else {
            panic!("{error:?} is no variant");
        };
        let cases = [parts.ok.as_ref(), parts.err.as_ref()];
        let case = self
            .sizes
            .payload_offset(wit_parser::Int::U8, cases)
            .size_wasm32();
        let denied = variant.cases.iter().position(|case| case.name == "denied");
        let denied = denied.expect("a case `denied`");
        let denial = variant.cases[denied].ty.expect("a denial");
        self.assert_is_the_contracts(&denial);
        assert_eq!(variant.tag(), wit_parser::Int::U8);
        let payloads = variant.cases.iter().map(|case| case.ty.as_ref());
        let payload = self.sizes.payload_offset(variant.tag(), payloads);
        let start = Place {
            ty: denial,
            flat: 0,
            offset: case + payload.size_wasm32(),
        };
        Refusal {
            err: 0,
            case,
            denied,
            message: self.part(start, ["message"].into_iter()).offset,
        }
    }

    /// The type is `enginebay:core/capabilities.denial`, and no other of that name.
    fn assert_is_the_contracts(&self, denial: &Type) {
        let Type::Id(id) = denial else {
            panic!("{denial:?} has no name");
        };
        let ty = &self.resolve.types[self.origin(*id)];
        let TypeOwner::Interface(owner) = ty.owner else {
            panic!("{denial:?} is of no interface");
        };
        let owner = self.resolve.id_of(owner);
        assert_eq!(ty.name.as_deref(), Some("denial"));
        assert_eq!(owner.as_deref(), Some("enginebay:core/capabilities@1.0.0"));
    }
}
