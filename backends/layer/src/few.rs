//! Lists that mostly have one element, which costs no allocation.

use std::ops::{Deref, DerefMut};

/// A list.
pub(crate) enum Few<T> {
    None,
    One(T),
    Many(Vec<T>),
}

impl<T> Few<T> {
    pub(crate) fn push(&mut self, item: T) {
        *self = match std::mem::replace(self, Few::None) {
            Few::None => Few::One(item),
            Few::One(first) => {
                let mut items = Vec::with_capacity(4);
                items.push(first);
                items.push(item);
                Few::Many(items)
            }
            Few::Many(mut items) => {
                items.push(item);
                Few::Many(items)
            }
        };
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Few::None => &[],
            Few::One(item) => std::slice::from_ref(item),
            Few::Many(items) => items,
        }
    }
}

impl<T> DerefMut for Few<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Few::None => &mut [],
            Few::One(item) => std::slice::from_mut(item),
            Few::Many(items) => items,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn elements_are_in_the_order_in_which_they_were_pushed() {
        let mut list = Few::None;
        for i in 0..10 {
            assert_eq!(&*list, (0..i).collect::<Vec<_>>());
            list.push(i);
            list[i] += 1;
            list[i] -= 1;
        }
    }
}
