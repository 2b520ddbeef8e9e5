//! Typed values show the handles that are in them, so that an engine can refuse
//! those of another store before it begins a call.
#![forbid(unsafe_code)]

use enginebay_core::{
    ComponentType, Error, ErrorKind, Lower, Map, Resource, ResourceAny, ResourceType,
};

#[derive(ComponentType, Lower)]
struct Mixed {
    name: String,
    any: ResourceAny,
    more: Vec<Option<ResourceAny>>,
}

#[derive(ComponentType, Lower)]
enum Choice {
    Nothing,
    One(ResourceAny),
    Mixed(Mixed),
}

#[test]
fn handles_are_seen_wherever_they_are() {
    fn seen<T: Lower + ?Sized>(value: &T) -> Vec<u32> {
        let mut seen = Vec::new();
        let mut see = |any: &ResourceAny| {
            seen.extend(any.slot(1).map(|(index, _)| index));
            Ok(())
        };
        value.handles(&mut see).unwrap();
        seen
    }
    let any = |index| ResourceAny::new(ResourceType::component(1), 1, (index, 0), true, None);
    let mixed = |at| Mixed {
        name: "a".into(),
        any: any(at),
        more: vec![Some(any(at + 1)), None, Some(any(at + 2))],
    };
    assert_eq!(seen(&(1_u32, any(1), &any(2))), [1, 2]);
    assert_eq!(seen(&[any(1), any(2)][..]), [1, 2]);
    assert_eq!(seen(&(Box::<[_]>::from([any(1)]), Some(any(2)))), [1, 2]);
    assert_eq!(seen(&(Ok::<_, u32>(any(1)), Err::<u32, _>(any(2)))), [1, 2]);
    assert_eq!(seen(&mixed(1)), [1, 2, 3]);
    assert_eq!(seen(&[any(1), any(2)]), [1, 2]);
    assert_eq!(seen(&Map::from([(7, any(2)), (5, any(1))])), [1, 2]);
    let choices = [
        Choice::Nothing,
        Choice::One(any(1)),
        Choice::Mixed(mixed(2)),
    ];
    assert_eq!(seen(&choices[..]), [1, 2, 3, 4]);
    // Resources of the host's are the same in each store.
    struct File;
    assert_eq!(seen(&(Resource::<File>::new_own(1), "text")), [0; 0]);

    let mut count = 0;
    let result = mixed(1).handles(&mut |_| {
        count += 1;
        Err(Error::new(ErrorKind::WrongStore, "no"))
    });
    assert_eq!(*result.unwrap_err().kind(), ErrorKind::WrongStore);
    assert_eq!(count, 1, "the first that is wrong ends it");
}
