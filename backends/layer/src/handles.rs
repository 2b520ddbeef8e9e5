//! Tables of resource handles: one per component instance, shared by its
//! resource types, and one for the host (Canonical ABI, "Handle state").
//!
//! A slot that is freed is used again first. Index 0 is never given out.

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{CountedResource, Error, ErrorKind, Result, TrapCode};
use wasmtime_environ::component::TypeResourceTableIndex;

/// The most handles that one table may hold.
const MAX: u32 = 1 << 28;

/// What a handle is of: in a component's table one of its resource types, in
/// the host's table nothing that needs to be compared.
pub(crate) type Kind = Option<TypeResourceTableIndex>;

/// Handles of a store that live, lent ones counted once more, and how many may.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) live: u64,
    pub(crate) limit: u64,
}

impl Counter {
    fn add(&mut self) -> Result<()> {
        if self.live < self.limit || mutant::active(Mutant::HandleLimitIgnored) {
            self.live += 1;
            return Ok(());
        }
        Err(Error::of(ErrorKind::ResourceLimit {
            what: CountedResource::Handles,
            limit: self.limit,
        }))
    }
}

#[derive(Debug)]
enum Slot {
    Free { next: u32 },
    Own { kind: Kind, rep: u32, lends: u32 },
    Borrow { kind: Kind, rep: u32, scope: u32 },
}

/// What was removed from a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// An owned handle, with the representation.
    Own(u32),
    /// A borrowed handle, with the call that it was lent for.
    Borrow(u32),
}

#[derive(Debug, Default)]
pub(crate) struct Handles {
    slots: Vec<Slot>,
    next: u32,
}

fn unknown(index: u32) -> Error {
    Error::trap(TrapCode::UnknownHandle).with_context("handle", index)
}

fn same(kind: Kind, wanted: Kind, index: u32) -> Result<()> {
    if kind == wanted || mutant::active(Mutant::HandleTypeIgnored) {
        Ok(())
    } else {
        Err(Error::trap(TrapCode::HandleTypeMismatch).with_context("handle", index))
    }
}

impl Handles {
    fn insert(&mut self, counter: &mut Counter, slot: Slot) -> Result<u32> {
        let at = self.next;
        if at + 1 >= MAX {
            return Err(Error::trap(TrapCode::HandleTableFull));
        }
        counter.add()?;
        match self.slots.get_mut(at as usize) {
            Some(free) => {
                let Slot::Free { next } = std::mem::replace(free, slot) else {
                    unreachable!("the list of free slots leads to free slots");
                };
                self.next = next;
            }
            None => {
                self.slots.push(slot);
                self.next = at + 1;
            }
        }
        Ok(at + 1)
    }

    fn slot(&mut self, index: u32) -> Result<&mut Slot> {
        let at = index.wrapping_sub(1) as usize;
        match self.slots.get_mut(at) {
            None | Some(Slot::Free { .. }) => Err(unknown(index)),
            Some(slot) => Ok(slot),
        }
    }

    pub(crate) fn insert_own(
        &mut self,
        counter: &mut Counter,
        kind: Kind,
        rep: u32,
    ) -> Result<u32> {
        let lends = 0;
        self.insert(counter, Slot::Own { kind, rep, lends })
    }

    /// Puts in a handle that is lent for the call `scope`.
    pub(crate) fn insert_borrow(
        &mut self,
        counter: &mut Counter,
        kind: Kind,
        rep: u32,
        scope: u32,
    ) -> Result<u32> {
        self.insert(counter, Slot::Borrow { kind, rep, scope })
    }

    pub(crate) fn rep(&mut self, wanted: Kind, index: u32) -> Result<u32> {
        match *self.slot(index)? {
            Slot::Own { kind, rep, .. } | Slot::Borrow { kind, rep, .. } => {
                same(kind, wanted, index)?;
                Ok(rep)
            }
            Slot::Free { .. } => Err(unknown(index)),
        }
    }

    /// Lends a handle: gives the representation, and whether the handle is an
    /// owned one, which [`Handles::unlend`] has to be called for.
    pub(crate) fn lend(
        &mut self,
        counter: &mut Counter,
        wanted: Kind,
        index: u32,
    ) -> Result<(u32, bool)> {
        match self.slot(index)? {
            Slot::Own { kind, rep, lends } => {
                same(*kind, wanted, index)?;
                let more = lends
                    .checked_add(1)
                    .ok_or_else(|| Error::trap(TrapCode::HandleTableFull))?;
                counter.add()?;
                *lends = more;
                Ok((*rep, true))
            }
            Slot::Borrow { kind, rep, .. } => {
                same(*kind, wanted, index)?;
                Ok((*rep, false))
            }
            Slot::Free { .. } => Err(unknown(index)),
        }
    }

    /// Ends what [`Handles::lend`] began.
    pub(crate) fn unlend(&mut self, counter: &mut Counter, index: u32) {
        if let Ok(Slot::Own { lends, .. }) = self.slot(index) {
            *lends -= 1;
            counter.live -= 1;
        }
    }

    pub(crate) fn remove(
        &mut self,
        counter: &mut Counter,
        wanted: Kind,
        index: u32,
    ) -> Result<Removed> {
        let removed = match *self.slot(index)? {
            Slot::Own { lends, .. } if lends != 0 && !mutant::active(Mutant::LentHandleDropped) => {
                return Err(Error::trap(TrapCode::HandleLent).with_context("handle", index));
            }
            Slot::Own { kind, rep, .. } => {
                same(kind, wanted, index)?;
                Removed::Own(rep)
            }
            Slot::Borrow { kind, scope, .. } => {
                same(kind, wanted, index)?;
                Removed::Borrow(scope)
            }
            Slot::Free { .. } => return Err(unknown(index)),
        };
        self.slots[index as usize - 1] = Slot::Free { next: self.next };
        self.next = index - 1;
        counter.live -= 1;
        Ok(removed)
    }

    /// Removes an owned handle to pass its resource on.
    pub(crate) fn take_own(
        &mut self,
        counter: &mut Counter,
        wanted: Kind,
        index: u32,
    ) -> Result<u32> {
        match self.remove(counter, wanted, index)? {
            Removed::Own(rep) => Ok(rep),
            Removed::Borrow(_) => {
                Err(Error::trap(TrapCode::HandleTypeMismatch).with_context("handle", index))
            }
        }
    }
}

/// What one call lent and was lent, until it returns.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Owned handles that were lent to the callee.
    pub(crate) lenders: Vec<Lender>,
    /// Borrowed handles of the callee that are not dropped yet.
    pub(crate) borrows: u32,
    /// What `context.get` gave the caller.
    pub(crate) context: [u32; 2],
}

/// A handle, by the table that it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lender {
    /// The component instance in the store, or none for the host's table.
    pub(crate) table: Option<(u32, TypeResourceTableIndex)>,
    pub(crate) index: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: Counter = Counter { live: 0, limit: 3 };

    fn code(result: Result<impl Sized>) -> Option<TrapCode> {
        result.err().and_then(|error| error.trap_code())
    }

    #[test]
    fn slots_are_used_again_last_freed_first() {
        let (mut handles, mut count) = (Handles::default(), COUNT);
        let mut insert =
            |handles: &mut Handles, rep| handles.insert_own(&mut count, None, rep).unwrap();
        assert_eq!(insert(&mut handles, 10), 1);
        assert_eq!(insert(&mut handles, 20), 2);
        assert_eq!(insert(&mut handles, 30), 3);
        handles.remove(&mut count, None, 1).unwrap();
        handles.remove(&mut count, None, 3).unwrap();
        assert_eq!(handles.insert_own(&mut count, None, 40).unwrap(), 3);
        assert_eq!(handles.insert_own(&mut count, None, 50).unwrap(), 1);
        assert_eq!(handles.rep(None, 3).unwrap(), 40);
        assert_eq!(count.live, 3);
        let error = handles.insert_own(&mut count, None, 60).unwrap_err();
        assert!(error.kind().is_limit(), "{error}");
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let (mut handles, mut count) = (Handles::default(), COUNT);
        for index in [0, 1, u32::MAX] {
            assert_eq!(
                code(handles.rep(None, index)),
                Some(TrapCode::UnknownHandle)
            );
        }
        let index = handles.insert_own(&mut count, None, 1).unwrap();
        handles.remove(&mut count, None, index).unwrap();
        let again = handles.remove(&mut count, None, index);
        assert_eq!(code(again), Some(TrapCode::UnknownHandle));
        assert_eq!(count.live, 0);
    }

    #[test]
    fn a_lent_handle_stays() {
        let (mut handles, mut count) = (Handles::default(), COUNT);
        let index = handles.insert_own(&mut count, None, 7).unwrap();
        assert_eq!(handles.lend(&mut count, None, index).unwrap(), (7, true));
        assert_eq!(
            code(handles.remove(&mut count, None, index)),
            Some(TrapCode::HandleLent)
        );
        handles.unlend(&mut count, index);
        assert_eq!(
            handles.remove(&mut count, None, index).unwrap(),
            Removed::Own(7)
        );
        assert_eq!(count.live, 0);
    }

    #[test]
    fn a_borrow_is_not_owned() {
        let (mut handles, mut count) = (Handles::default(), COUNT);
        let index = handles.insert_borrow(&mut count, None, 7, 4).unwrap();
        assert_eq!(handles.lend(&mut count, None, index).unwrap(), (7, false));
        assert_eq!(
            code(handles.take_own(&mut count, None, index)),
            Some(TrapCode::HandleTypeMismatch)
        );
        let index = handles.insert_borrow(&mut count, None, 7, 4).unwrap();
        assert_eq!(
            handles.remove(&mut count, None, index).unwrap(),
            Removed::Borrow(4)
        );
    }
}
