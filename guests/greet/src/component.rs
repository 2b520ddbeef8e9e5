//! What `greet` and `greet-host` have in common. Each crate compiles this file against
//! the bindings of its own world.

use std::cell::Cell;
use std::f64::consts::PI;

use crate::exports::example::greet::api::{
    Color, Counter, CounterBorrow, Guest, GuestCounter, Permissions, Person, Shape,
};

/// From this age on, `birthday` is an error.
const OLDEST: u8 = 150;

pub(crate) struct Component;

pub(crate) fn greet(name: &str) -> String {
    format!("Hello, {name}!")
}

pub(crate) fn add(a: u32, b: u32) -> u32 {
    a.wrapping_add(b)
}

impl Guest for Component {
    type Counter = CounterState;

    fn describe(p: Person) -> String {
        let Person { name, age, tags } = p;
        if tags.is_empty() {
            format!("{name} is {age}")
        } else {
            format!("{name} is {age} [{}]", tags.join(", "))
        }
    }

    fn birthday(p: Person) -> Result<Person, String> {
        if p.age >= OLDEST {
            return Err(format!("{} is too old for a birthday: {}", p.name, p.age));
        }
        Ok(Person {
            age: p.age + 1,
            ..p
        })
    }

    fn area(s: Shape) -> Option<f64> {
        match s {
            Shape::Circle(radius) => Some(PI * radius * radius),
            Shape::Rectangle((width, height)) => Some(width * height),
            Shape::None => None,
        }
    }

    fn sum(values: Vec<u32>) -> u64 {
        values.into_iter().map(u64::from).sum()
    }

    fn reverse(mut values: Vec<String>) -> Vec<String> {
        values.reverse();
        values
    }

    fn next_color(c: Color) -> Color {
        match c {
            Color::Red => Color::Green,
            Color::Green => Color::Blue,
            Color::Blue => Color::Red,
        }
    }

    fn union(a: Permissions, b: Permissions) -> Permissions {
        a | b
    }

    fn echo(bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
}

/// The state behind one `counter` handle. Methods get it by shared reference.
pub(crate) struct CounterState(Cell<u32>);

impl GuestCounter for CounterState {
    fn new(start: u32) -> Self {
        Self(Cell::new(start))
    }

    fn increment(&self, by: u32) -> u32 {
        let value = self.0.get().wrapping_add(by);
        self.0.set(value);
        value
    }

    fn value(&self) -> u32 {
        self.0.get()
    }

    fn sum(a: CounterBorrow<'_>, b: CounterBorrow<'_>) -> u32 {
        let a = a.get::<Self>().value();
        let b = b.get::<Self>().value();
        a.wrapping_add(b)
    }

    fn into_value(c: Counter) -> u32 {
        c.into_inner::<Self>().value()
    }
}
