//! What an engine of its own component model asks of typed values: with the
//! `wasmtime` feature Wasmtime's traits, without it nothing. The only place
//! where the feature changes a bound.

#[cfg(feature = "wasmtime")]
mod bounds {
    use wasmtime::component as wt;

    /// Wasmtime's `ComponentType`.
    pub trait EngineType: wt::ComponentType {}
    impl<T: wt::ComponentType + ?Sized> EngineType for T {}

    /// Wasmtime's `Lower`.
    pub trait EngineLower: wt::Lower {}
    impl<T: wt::Lower + ?Sized> EngineLower for T {}

    /// Wasmtime's `Lift`.
    pub trait EngineLift: wt::Lift {}
    impl<T: wt::Lift> EngineLift for T {}

    /// Wasmtime's `ComponentNamedList`.
    pub trait EngineNamedList: wt::ComponentNamedList {}
    impl<T: wt::ComponentNamedList> EngineNamedList for T {}
}

#[cfg(not(feature = "wasmtime"))]
mod bounds {
    /// Nothing: no engine's own types are asked for.
    pub trait EngineType {}
    impl<T: ?Sized> EngineType for T {}

    /// Nothing: no engine's own types are asked for.
    pub trait EngineLower {}
    impl<T: ?Sized> EngineLower for T {}

    /// Nothing: no engine's own types are asked for.
    pub trait EngineLift {}
    impl<T> EngineLift for T {}

    /// Nothing: no engine's own types are asked for.
    pub trait EngineNamedList {}
    impl<T> EngineNamedList for T {}
}

pub use bounds::{EngineLift, EngineLower, EngineNamedList, EngineType};
