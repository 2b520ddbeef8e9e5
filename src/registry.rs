//! The list of backends, and all that is made from it: a module for each, the
//! default backend's names, and [`for_each_backend!`](crate::for_each_backend).
//! To add a backend is to add a row.

/// The names of one backend's types.
macro_rules! aliases {
    ($backend:ty) => {
        /// The backend's engine.
        pub type Engine = enginebay_core::Engine<$backend>;
        /// A component that the backend compiled.
        pub type Component = enginebay_core::Component<$backend>;
        /// What the host offers to components on the backend.
        pub type Linker<T> = enginebay_core::Linker<$backend, T>;
        /// One instance in a linker.
        pub type LinkerInstance<'a, T> = enginebay_core::LinkerInstance<'a, $backend, T>;
        /// A component with its imports resolved.
        pub type InstancePre<T> = enginebay_core::InstancePre<$backend, T>;
        /// Where instances live.
        pub type Store<T> = enginebay_core::Store<$backend, T>;
        /// Makes a store with limits.
        pub type StoreBuilder<T> = enginebay_core::StoreBuilder<$backend, T>;
        /// The store from within a host function.
        pub type Caller<'a, T> = enginebay_core::Caller<'a, $backend, T>;
        /// An instance in a store.
        pub type Instance = enginebay_core::Instance<$backend>;
        /// A function that an instance exports.
        pub type Func = enginebay_core::Func<$backend>;
        /// A function whose type was checked.
        pub type TypedFunc<P, R> = enginebay_core::TypedFunc<$backend, P, R>;
    };
}

macro_rules! registry {
    ($d:tt $($feature:literal, $name:ident, $krate:ident::$backend:ident, $each:ident;)*) => {
        $(
            #[cfg(feature = $feature)]
            #[doc = concat!("The `", $feature, "` backend by name, with what is special to it.")]
            pub mod $name {
                pub use $krate::*;
                aliases!($krate::$backend);
            }

            #[cfg(feature = $feature)]
            #[doc(hidden)]
            #[macro_export]
            macro_rules! $each {
                ($d ($d callback:tt)*) => { $d ($d callback)* ! { $name, $crate::$name::$backend } };
            }

            #[cfg(not(feature = $feature))]
            #[doc(hidden)]
            #[macro_export]
            macro_rules! $each {
                ($d ($d callback:tt)*) => {};
            }
        )*

        /// Calls a macro once for each backend that is on, with the backend's
        /// name and its type: `callback! { name, path::to::Backend }`.
        ///
        /// ```
        /// fn name<B: enginebay::Backend>() -> &'static str {
        ///     B::NAME
        /// }
        ///
        /// let mut names = Vec::new();
        /// macro_rules! add {
        ///     ($name:ident, $backend:ty) => {
        ///         names.push((stringify!($name), name::<$backend>()));
        ///     };
        /// }
        /// enginebay::for_each_backend!(add);
        /// assert!(!names.is_empty());
        /// ```
        #[macro_export]
        macro_rules! for_each_backend {
            ($d ($d callback:tt)*) => { $($crate::$each! { $d ($d callback)* })* };
        }

        /// Calls a macro once with a dollar, of which it makes macros, and all rows:
        /// feature, module and backend.
        macro_rules! with_backends {
            ($d dollar:tt $d callback:ident) => {
                $d callback! { $d dollar $($feature, $name, $backend;)* }
            };
        }

        /// The names of the backends that are on.
        pub const BACKENDS: &[&str] = &[
            $(#[cfg(feature = $feature)] <$name::$backend as enginebay_core::Backend>::NAME,)*
        ];
    };
}

registry! { $
    "wasmtime", wasmtime, enginebay_wasmtime::Wasmtime, __backend_wasmtime;
    "wasmer", wasmer, enginebay_wasmer::Wasmer, __backend_wasmer;
    "wasmi", wasmi, enginebay_wasmi::Wasmi, __backend_wasmi;
    "wasmtime-layered", wasmtime_layered, enginebay_wasmtime::WasmtimeLayered, __backend_wasmtime_layered;
}

/// The default backend's names.
macro_rules! default_backend {
    ($backend:ty) => {
        /// The default backend: the first that is on.
        pub type DefaultBackend = $backend;
        aliases!(DefaultBackend);
    };
}

cfg_if::cfg_if! {
    if #[cfg(feature = "wasmtime")] {
        default_backend!(enginebay_wasmtime::Wasmtime);
    } else if #[cfg(feature = "wasmer")] {
        default_backend!(enginebay_wasmer::Wasmer);
    } else if #[cfg(feature = "wasmi")] {
        default_backend!(enginebay_wasmi::Wasmi);
    } else if #[cfg(feature = "wasmtime-layered")] {
        default_backend!(enginebay_wasmtime::WasmtimeLayered);
    } else {
        compile_error!(
            "enginebay has no backend: turn on one of its Cargo features (wasmtime, wasmer, \
             wasmi, wasmtime-layered)"
        );
    }
}
