//! A failed case made smaller, as long as it still fails.

use enginebay::{Type, Val};

use super::case::{Case, Input};
use super::guest::Echo;
use super::image::{align, align_to, members, size};

/// Smaller cases of one function, those that leave out the most first.
pub(crate) fn smaller(echo: &Echo, case: &Case) -> Vec<(Echo, Case)> {
    let mut all = Vec::new();
    let mut add = |ty: Type, pad: bool, input: Input| {
        let echo = Echo { ty, pad };
        let outer = case.outer;
        all.push((echo, Case { outer, input }));
    };
    match &case.input {
        Input::Echo(value) => {
            for (ty, value) in parts(&echo.ty, value) {
                add(ty, echo.pad, Input::Echo(value));
            }
            for (ty, value) in reduced(&echo.ty, value) {
                add(ty, echo.pad, Input::Echo(value));
            }
            if echo.pad {
                add(echo.ty.clone(), false, case.input.clone());
            }
        }
        Input::Image(bytes, _) | Input::Send(bytes) => {
            let again = |bytes| match &case.input {
                Input::Send(_) => Input::Send(bytes),
                _ => Input::Image(bytes, None),
            };
            let mut at = 0;
            for member in members(&echo.ty).unwrap_or_default() {
                at = align_to(at, align(member));
                let end = at + size(member);
                if end <= bytes.len() {
                    let mut moved = bytes.clone();
                    moved.copy_within(at..end, 0);
                    add(member.clone(), echo.pad, again(moved));
                }
                at = end;
            }
            for half in [bytes.len() / 2, bytes.len().saturating_sub(8)] {
                if half < bytes.len() {
                    add(echo.ty.clone(), echo.pad, again(bytes[..half].to_vec()));
                }
            }
            for start in (0..bytes.len()).step_by(4) {
                let end = bytes.len().min(start + 4);
                if bytes[start..end].iter().any(|byte| *byte != 0) {
                    let mut zeroed = bytes.clone();
                    zeroed[start..end].fill(0);
                    add(echo.ty.clone(), echo.pad, again(zeroed));
                }
            }
        }
    }
    all
}

/// The values inside a value.
fn parts(ty: &Type, value: &Val) -> Vec<(Type, Val)> {
    let all = |ty: &Type, values: &[Val]| {
        let values = values.iter();
        values.map(|value| (ty.clone(), value.clone())).collect()
    };
    match (ty, value) {
        (Type::List(ty), Val::List(values)) => all(ty, values),
        (Type::FixedLengthList(ty, _), Val::FixedLengthList(values)) => all(ty, values),
        (Type::Map(map), Val::Map(entries)) => entries
            .iter()
            .flat_map(|(key, value)| {
                [
                    (map.key.clone(), key.clone()),
                    (map.value.clone(), value.clone()),
                ]
            })
            .collect(),
        (Type::Record(fields), Val::Record(values)) => {
            let both = fields.iter().zip(values);
            both.map(|(field, (_, value))| (field.ty.clone(), value.clone()))
                .collect()
        }
        (Type::Tuple(types), Val::Tuple(values)) => {
            types.iter().cloned().zip(values.iter().cloned()).collect()
        }
        (Type::Option(ty), Val::Option(Some(value))) => vec![((**ty).clone(), (**value).clone())],
        (Type::Variant(cases), Val::Variant(name, Some(value))) => {
            let case = cases.iter().find(|case| *case.name == **name);
            let ty = case.and_then(|case| case.ty.clone());
            ty.map(|ty| (ty, (**value).clone())).into_iter().collect()
        }
        (Type::Result(ty), Val::Result(value)) => {
            let (ty, value) = match value {
                Ok(value) => (&ty.ok, value),
                Err(value) => (&ty.err, value),
            };
            let both = ty.as_ref().zip(value.as_ref());
            both.map(|(ty, value)| (ty.clone(), (**value).clone()))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Each vector with one element or a half less.
pub(crate) fn fewer<T: Clone>(values: &[T]) -> Vec<Vec<T>> {
    let mut all = Vec::new();
    if values.len() > 3 {
        let (left, right) = values.split_at(values.len() / 2);
        all.extend([left.to_vec(), right.to_vec()]);
    }
    for index in 0..values.len().min(20) {
        let mut less = values.to_vec();
        less.remove(index);
        all.push(less);
    }
    all
}

/// The same kind of value with less in it, or with something smaller in it.
fn reduced(ty: &Type, value: &Val) -> Vec<(Type, Val)> {
    let mut all = Vec::new();
    match (ty, value) {
        (_, Val::String(text)) => {
            let chars: Vec<char> = text.chars().collect();
            for less in fewer(&chars) {
                all.push((ty.clone(), Val::String(less.into_iter().collect())));
            }
        }
        (Type::List(element), Val::List(values)) => {
            for less in fewer(values) {
                all.push((ty.clone(), Val::List(less)));
            }
            if let [value] = &values[..] {
                for (element, value) in inner(element, value) {
                    all.push((Type::list(element), Val::List(vec![value])));
                }
            }
        }
        (_, Val::Map(entries)) => {
            for less in fewer(entries) {
                all.push((ty.clone(), Val::Map(less)));
            }
        }
        (Type::Tuple(types), Val::Tuple(values)) => {
            let both: Vec<_> = types.iter().cloned().zip(values.iter().cloned()).collect();
            for less in fewer(&both).into_iter().filter(|less| !less.is_empty()) {
                let (types, values): (Vec<_>, Vec<_>) = less.into_iter().unzip();
                all.push((Type::tuple(types), Val::Tuple(values)));
            }
            for index in 0..both.len() {
                for smaller in inner(&both[index].0, &both[index].1) {
                    let mut both = both.clone();
                    both[index] = smaller;
                    let (types, values): (Vec<_>, Vec<_>) = both.into_iter().unzip();
                    all.push((Type::tuple(types), Val::Tuple(values)));
                }
            }
        }
        // As a tuple it is reduced further.
        (Type::Record(fields), Val::Record(values)) => {
            let types = fields.iter().map(|field| field.ty.clone());
            let values = values.iter().map(|(_, value)| value.clone());
            all.push((Type::tuple(types), Val::Tuple(values.collect())));
        }
        (Type::Option(element), Val::Option(Some(value))) => {
            for (element, value) in inner(element, value) {
                all.push((Type::option(element), Val::Option(Some(Box::new(value)))));
            }
        }
        _ => {}
    }
    all
}

/// All that is smaller and can stand in the same place.
pub(crate) fn inner(ty: &Type, value: &Val) -> Vec<(Type, Val)> {
    let mut all = parts(ty, value);
    all.extend(reduced(ty, value));
    all
}
