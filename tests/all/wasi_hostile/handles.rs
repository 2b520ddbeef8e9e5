//! Handles that the guest does not have.

use super::*;

on_each_backend! {
    handles_that_are_none_trap
    a_stream_outlives_its_file
    a_parent_is_not_dropped_before_its_child
}

fn handles_that_are_none_trap<B: Backend>() {
    let dir = TempDir::on::<B>("handles");
    for (name, n, code) in [
        ("other-type", 0, TrapCode::HandleTypeMismatch),
        ("drop-other-type", 0, TrapCode::HandleTypeMismatch),
        ("no-handle", 0, TrapCode::UnknownHandle),
        ("no-handle", 77, TrapCode::UnknownHandle),
        ("no-handle", u64::from(u32::MAX), TrapCode::UnknownHandle),
        ("after-drop", 0, TrapCode::UnknownHandle),
        ("poll-after-drop", 0, TrapCode::UnknownHandle),
        ("drop-twice", 0, TrapCode::UnknownHandle),
    ] {
        let mut guest = Guest::<B>::in_dir(&dir.0, DirAccess::ReadOnly);
        let error = guest.stopped(name, "", n);
        assert_eq!(error.trap_code(), Some(code), "{name} {n}: {error}");
        let error = guest.stopped("drop-child-first", "", 0);
        assert!(
            matches!(error.kind(), ErrorKind::Poisoned { .. }),
            "{error}"
        );
    }
}

fn a_stream_outlives_its_file<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("outlives");
    let mut guest = Guest::<B>::in_dir(&inner, DirAccess::ReadOnly);
    assert_eq!(guest.run("file-dropped", "file", "", 0), 8);
}

fn a_parent_is_not_dropped_before_its_child<B: Backend>() {
    let mut guest = Guest::<B>::new(|_| {});
    assert_eq!(guest.run("drop-child-first", "", "", 0), DONE);
    let error = guest.stopped("drop-parent", "", 0);
    assert_eq!(*error.kind(), ErrorKind::Host, "{error}");
    assert!(error.message().contains("child"), "{error}");
}
