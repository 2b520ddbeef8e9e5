//! The choice of a backend when the program runs, beside the backend itself.

use enginebay::{Backend, Config, Interruption};

use crate::work::{HOST_CALL, TYPED_ADD, add_on, engine, repeat_on};
use crate::{Bench, Pair};

/// Both pairs of each backend.
pub(crate) fn list(to: &mut Vec<Bench>) {
    macro_rules! one {
        ($name:ident, $backend:ty) => {
            pairs::<$backend>(to);
        };
    }
    enginebay::for_each_backend!(one);
}

fn any<B: Backend>() -> enginebay::any::Engine {
    let mut config = Config::new();
    config.interruption(Interruption::None);
    enginebay::any::engine(B::NAME, &config).expect("the backend is on")
}

fn pairs<B: Backend>(to: &mut Vec<Bench>) {
    let mut add = |name: &str, make: fn() -> Pair| {
        to.push(Bench {
            backend: B::NAME,
            name: format!("chosen at run time: {name}"),
            against: "the backend by its type",
            bar: None,
            make: Box::new(make),
        });
    };
    add(TYPED_ADD, || {
        let typed = add_on(&engine::<B>(Interruption::None));
        Pair::new((add_on(&any::<B>()), typed))
    });
    add(HOST_CALL, || {
        let typed = repeat_on(&engine::<B>(Interruption::None), false);
        Pair::of_host_calls((repeat_on(&any::<B>(), false), typed))
    });
}
