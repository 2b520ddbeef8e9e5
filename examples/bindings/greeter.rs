/// The same exports, and one function that calls the host.
#[derive(Debug)]
#[allow(dead_code)]
pub struct GreeterWithHost<B: ::enginebay::Backend> {
    func_greet_logged: ::enginebay::generic::TypedFunc<B, (&'static str,), (String,)>,
    func_greet: ::enginebay::generic::TypedFunc<B, (&'static str,), (String,)>,
    func_add: ::enginebay::generic::TypedFunc<B, (u32, u32), (u32,)>,
    interface_example_greet_api: exports::example::greet::api::Guest<B>,
}
#[allow(dead_code, deprecated)]
impl<B: ::enginebay::Backend> GreeterWithHost<B> {
    /// Defines all that the world imports in a linker. `get` finds the host in
    /// a store's data.
    pub fn add_to_linker<T, H>(
        linker: &mut ::enginebay::generic::Linker<B, T>,
        get: fn(&mut T) -> &mut H,
    ) -> ::enginebay::Result<()>
    where
        T: ::std::marker::Send + 'static,
        H: example::greet::host::Host + 'static,
    {
        example::greet::host::add_to_linker(linker, get)?;
        ::std::result::Result::Ok(())
    }
    /// Instantiates a component, and finds what it exports.
    pub fn instantiate<T: ::std::marker::Send + 'static>(
        mut store: impl ::enginebay::generic::AsContextMut<Backend = B, Data = T>,
        component: &::enginebay::generic::Component<B>,
        linker: &::enginebay::generic::Linker<B, T>,
    ) -> ::enginebay::Result<Self> {
        let instance = linker.instantiate(&mut store, component)?;
        Self::new(store, &instance)
    }
    /// As [`Self::instantiate`], in an asynchronous store.
    pub async fn instantiate_async<T: ::std::marker::Send + 'static>(
        mut store: impl ::enginebay::generic::AsContextMut<
            Backend = B,
            Data = T,
        > + ::std::marker::Send,
        component: &::enginebay::generic::Component<B>,
        linker: &::enginebay::generic::Linker<B, T>,
    ) -> ::enginebay::Result<Self> {
        let instance = linker.instantiate_async(&mut store, component).await?;
        Self::new(store, &instance)
    }
    /// Finds what an instance exports, and checks its types.
    pub fn new(
        mut store: impl ::enginebay::generic::AsContextMut<Backend = B>,
        instance: &::enginebay::generic::Instance<B>,
    ) -> ::enginebay::Result<Self> {
        ::std::result::Result::Ok(GreeterWithHost {
            func_greet_logged: instance.get_typed_func(&mut store, "greet-logged")?,
            func_greet: instance.get_typed_func(&mut store, "greet")?,
            func_add: instance.get_typed_func(&mut store, "add")?,
            interface_example_greet_api: exports::example::greet::api::Guest::new(
                &mut store,
                instance,
            )?,
        })
    }
    /// The same answer as `greet`, after one `info` message to the host.
    pub fn call_greet_logged(
        &self,
        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
        name: &str,
    ) -> ::enginebay::Result<String> {
        let result = self.func_greet_logged.call(store, (name,))?;
        let (result,) = result;
        ::std::result::Result::Ok(result)
    }
    /// As [`Self::call_greet_logged`], in an asynchronous store.
    pub async fn call_greet_logged_async(
        &self,
        store: impl ::enginebay::generic::AsContextMut<
            Backend = B,
        > + ::std::marker::Send,
        name: &str,
    ) -> ::enginebay::Result<String> {
        let result = self.func_greet_logged.call_async(store, (name,)).await?;
        let (result,) = result;
        ::std::result::Result::Ok(result)
    }
    /// "Hello, NAME!"
    pub fn call_greet(
        &self,
        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
        name: &str,
    ) -> ::enginebay::Result<String> {
        let result = self.func_greet.call(store, (name,))?;
        let (result,) = result;
        ::std::result::Result::Ok(result)
    }
    /// As [`Self::call_greet`], in an asynchronous store.
    pub async fn call_greet_async(
        &self,
        store: impl ::enginebay::generic::AsContextMut<
            Backend = B,
        > + ::std::marker::Send,
        name: &str,
    ) -> ::enginebay::Result<String> {
        let result = self.func_greet.call_async(store, (name,)).await?;
        let (result,) = result;
        ::std::result::Result::Ok(result)
    }
    /// Wraps around at the end of `u32`.
    pub fn call_add(
        &self,
        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
        a: u32,
        b: u32,
    ) -> ::enginebay::Result<u32> {
        let result = self.func_add.call(store, (a, b))?;
        let (result,) = result;
        ::std::result::Result::Ok(result)
    }
    /// As [`Self::call_add`], in an asynchronous store.
    pub async fn call_add_async(
        &self,
        store: impl ::enginebay::generic::AsContextMut<
            Backend = B,
        > + ::std::marker::Send,
        a: u32,
        b: u32,
    ) -> ::enginebay::Result<u32> {
        let result = self.func_add.call_async(store, (a, b)).await?;
        let (result,) = result;
        ::std::result::Result::Ok(result)
    }
    /// The functions of `example:greet/api@0.1.0`.
    pub fn example_greet_api(&self) -> &exports::example::greet::api::Guest<B> {
        &self.interface_example_greet_api
    }
}
#[allow(
    dead_code,
    deprecated,
    missing_docs,
    clippy::doc_lazy_continuation,
    clippy::module_inception,
    clippy::too_many_arguments,
    clippy::type_complexity
)]
pub mod example {
    pub mod greet {
        pub mod host {
            /// Log output that the embedder provides.
            #[derive(
                ::enginebay::ComponentType,
                ::enginebay::Lower,
                ::enginebay::Lift,
                Debug,
                Clone,
                Copy,
                PartialEq,
                Eq
            )]
            #[component(enum)]
            #[component(crate = ::enginebay)]
            pub enum Level {
                #[component(name = "debug")]
                Debug,
                #[component(name = "info")]
                Info,
                #[component(name = "warn")]
                Warn,
            }
            /// What the host does for `example:greet/host@0.1.0`.
            pub trait Host: ::std::marker::Send {
                fn log(&mut self, level: Level, message: String);
            }
            /// Defines `example:greet/host@0.1.0` in a linker. `get` finds the host in a store's data.
            pub fn add_to_linker<B, T, H>(
                linker: &mut ::enginebay::generic::Linker<B, T>,
                get: fn(&mut T) -> &mut H,
            ) -> ::enginebay::Result<()>
            where
                B: ::enginebay::Backend,
                T: ::std::marker::Send + 'static,
                H: Host + 'static,
            {
                let mut instance = linker.instance("example:greet/host@0.1.0")?;
                instance
                    .func_wrap(
                        "log",
                        move |
                            mut caller: ::enginebay::generic::Caller<'_, B, T>,
                            (arg0, arg1): (Level, String)|
                        {
                            Host::log(get(caller.data_mut()), arg0, arg1);
                            ::std::result::Result::Ok(())
                        },
                    )?;
                ::std::result::Result::Ok(())
            }
        }
    }
}
#[allow(
    dead_code,
    deprecated,
    missing_docs,
    clippy::doc_lazy_continuation,
    clippy::module_inception,
    clippy::too_many_arguments,
    clippy::type_complexity
)]
pub mod exports {
    pub mod example {
        pub mod greet {
            pub mod api {
                /// At least one function for each kind of value a host has to lift and lower.
                #[derive(
                    ::enginebay::ComponentType,
                    ::enginebay::Lower,
                    ::enginebay::Lift,
                    Debug,
                    Clone,
                    PartialEq
                )]
                #[component(record)]
                #[component(crate = ::enginebay)]
                pub struct Person {
                    #[component(name = "name")]
                    pub name: String,
                    #[component(name = "age")]
                    pub age: u8,
                    #[component(name = "tags")]
                    pub tags: Vec<String>,
                }
                #[derive(
                    ::enginebay::ComponentType,
                    ::enginebay::Lower,
                    ::enginebay::Lift,
                    Debug,
                    Clone,
                    Copy,
                    PartialEq
                )]
                #[component(variant)]
                #[component(crate = ::enginebay)]
                pub enum Shape {
                    #[component(name = "circle")]
                    Circle(f64),
                    #[component(name = "rectangle")]
                    Rectangle((f64, f64)),
                    #[component(name = "none")]
                    None,
                }
                #[derive(
                    ::enginebay::ComponentType,
                    ::enginebay::Lower,
                    ::enginebay::Lift,
                    Debug,
                    Clone,
                    Copy,
                    PartialEq,
                    Eq
                )]
                #[component(enum)]
                #[component(crate = ::enginebay)]
                pub enum Color {
                    #[component(name = "red")]
                    Red,
                    #[component(name = "green")]
                    Green,
                    #[component(name = "blue")]
                    Blue,
                }
                ::enginebay::flags! {
                    #[component(crate = ::enginebay)] pub Permissions { #[component(name
                    = "read")] const READ; #[component(name = "write")] const WRITE;
                    #[component(name = "execute")] const EXECUTE; }
                }
                /// The functions of an instance that exports `example:greet/api@0.1.0`.
                #[derive(Debug)]
                pub struct Guest<B: ::enginebay::Backend> {
                    func_constructor_counter: ::enginebay::generic::TypedFunc<
                        B,
                        (u32,),
                        (::enginebay::ResourceAny,),
                    >,
                    func_method_counter_increment: ::enginebay::generic::TypedFunc<
                        B,
                        (::enginebay::ResourceAny, u32),
                        (u32,),
                    >,
                    func_method_counter_value: ::enginebay::generic::TypedFunc<
                        B,
                        (::enginebay::ResourceAny,),
                        (u32,),
                    >,
                    func_static_counter_sum: ::enginebay::generic::TypedFunc<
                        B,
                        (::enginebay::ResourceAny, ::enginebay::ResourceAny),
                        (u32,),
                    >,
                    func_static_counter_into_value: ::enginebay::generic::TypedFunc<
                        B,
                        (::enginebay::ResourceAny,),
                        (u32,),
                    >,
                    func_describe: ::enginebay::generic::TypedFunc<
                        B,
                        (&'static Person,),
                        (String,),
                    >,
                    func_birthday: ::enginebay::generic::TypedFunc<
                        B,
                        (&'static Person,),
                        (Result<Person, String>,),
                    >,
                    func_area: ::enginebay::generic::TypedFunc<
                        B,
                        (Shape,),
                        (Option<f64>,),
                    >,
                    func_sum: ::enginebay::generic::TypedFunc<
                        B,
                        (&'static [u32],),
                        (u64,),
                    >,
                    func_reverse: ::enginebay::generic::TypedFunc<
                        B,
                        (&'static [String],),
                        (Vec<String>,),
                    >,
                    func_next_color: ::enginebay::generic::TypedFunc<
                        B,
                        (Color,),
                        (Color,),
                    >,
                    func_union: ::enginebay::generic::TypedFunc<
                        B,
                        (Permissions, Permissions),
                        (Permissions,),
                    >,
                    func_echo: ::enginebay::generic::TypedFunc<
                        B,
                        (&'static [u8],),
                        (Vec<u8>,),
                    >,
                }
                impl<B: ::enginebay::Backend> Guest<B> {
                    /// Finds the functions, and checks their types.
                    pub fn new(
                        mut store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        instance: &::enginebay::generic::Instance<B>,
                    ) -> ::enginebay::Result<Self> {
                        ::std::result::Result::Ok(Guest {
                            func_constructor_counter: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#[constructor]counter",
                                )?,
                            func_method_counter_increment: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#[method]counter.increment",
                                )?,
                            func_method_counter_value: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#[method]counter.value",
                                )?,
                            func_static_counter_sum: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#[static]counter.sum",
                                )?,
                            func_static_counter_into_value: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#[static]counter.into-value",
                                )?,
                            func_describe: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#describe",
                                )?,
                            func_birthday: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#birthday",
                                )?,
                            func_area: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#area",
                                )?,
                            func_sum: instance
                                .get_typed_func(&mut store, "example:greet/api@0.1.0#sum")?,
                            func_reverse: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#reverse",
                                )?,
                            func_next_color: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#next-color",
                                )?,
                            func_union: instance
                                .get_typed_func(
                                    &mut store,
                                    "example:greet/api@0.1.0#union",
                                )?,
                            func_echo: instance
                                .get_typed_func(&mut store, "example:greet/api@0.1.0#echo")?,
                        })
                    }
                    /// The functions of the resource `counter`.
                    pub fn counter(&self) -> GuestCounter<'_, B> {
                        GuestCounter { funcs: self }
                    }
                    /// "NAME is AGE", followed by " [TAG, TAG]" if there are tags.
                    pub fn call_describe(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        p: &Person,
                    ) -> ::enginebay::Result<String> {
                        let result = self.func_describe.call(store, (p,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_describe`], in an asynchronous store.
                    pub async fn call_describe_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        p: &Person,
                    ) -> ::enginebay::Result<String> {
                        let result = self.func_describe.call_async(store, (p,)).await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// One year older, or an error for a person aged 150 or above.
                    pub fn call_birthday(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        p: &Person,
                    ) -> ::enginebay::Result<Result<Person, String>> {
                        let result = self.func_birthday.call(store, (p,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_birthday`], in an asynchronous store.
                    pub async fn call_birthday_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        p: &Person,
                    ) -> ::enginebay::Result<Result<Person, String>> {
                        let result = self.func_birthday.call_async(store, (p,)).await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// No area for the shape `none`.
                    pub fn call_area(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        s: Shape,
                    ) -> ::enginebay::Result<Option<f64>> {
                        let result = self.func_area.call(store, (s,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_area`], in an asynchronous store.
                    pub async fn call_area_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        s: Shape,
                    ) -> ::enginebay::Result<Option<f64>> {
                        let result = self.func_area.call_async(store, (s,)).await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    pub fn call_sum(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        values: &[u32],
                    ) -> ::enginebay::Result<u64> {
                        let result = self.func_sum.call(store, (values,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_sum`], in an asynchronous store.
                    pub async fn call_sum_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        values: &[u32],
                    ) -> ::enginebay::Result<u64> {
                        let result = self.func_sum.call_async(store, (values,)).await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// The same strings in the opposite order.
                    pub fn call_reverse(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        values: &[String],
                    ) -> ::enginebay::Result<Vec<String>> {
                        let result = self.func_reverse.call(store, (values,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_reverse`], in an asynchronous store.
                    pub async fn call_reverse_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        values: &[String],
                    ) -> ::enginebay::Result<Vec<String>> {
                        let result = self
                            .func_reverse
                            .call_async(store, (values,))
                            .await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// Red, green, blue, and red again.
                    pub fn call_next_color(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        c: Color,
                    ) -> ::enginebay::Result<Color> {
                        let result = self.func_next_color.call(store, (c,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_next_color`], in an asynchronous store.
                    pub async fn call_next_color_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        c: Color,
                    ) -> ::enginebay::Result<Color> {
                        let result = self.func_next_color.call_async(store, (c,)).await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    pub fn call_union(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        a: Permissions,
                        b: Permissions,
                    ) -> ::enginebay::Result<Permissions> {
                        let result = self.func_union.call(store, (a, b))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_union`], in an asynchronous store.
                    pub async fn call_union_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        a: Permissions,
                        b: Permissions,
                    ) -> ::enginebay::Result<Permissions> {
                        let result = self.func_union.call_async(store, (a, b)).await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    pub fn call_echo(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        bytes: &[u8],
                    ) -> ::enginebay::Result<Vec<u8>> {
                        let result = self.func_echo.call(store, (bytes,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_echo`], in an asynchronous store.
                    pub async fn call_echo_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        bytes: &[u8],
                    ) -> ::enginebay::Result<Vec<u8>> {
                        let result = self.func_echo.call_async(store, (bytes,)).await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                }
                /// A number that counts up and wraps around at the end of `u32`.
                #[derive(Debug)]
                pub struct GuestCounter<'a, B: ::enginebay::Backend> {
                    funcs: &'a Guest<B>,
                }
                impl<B: ::enginebay::Backend> GuestCounter<'_, B> {
                    pub fn call_constructor(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        start: u32,
                    ) -> ::enginebay::Result<::enginebay::ResourceAny> {
                        let result = self
                            .funcs
                            .func_constructor_counter
                            .call(store, (start,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_constructor`], in an asynchronous store.
                    pub async fn call_constructor_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        start: u32,
                    ) -> ::enginebay::Result<::enginebay::ResourceAny> {
                        let result = self
                            .funcs
                            .func_constructor_counter
                            .call_async(store, (start,))
                            .await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// Adds `by` and returns the new value.
                    pub fn call_increment(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        self_: ::enginebay::ResourceAny,
                        by: u32,
                    ) -> ::enginebay::Result<u32> {
                        let result = self
                            .funcs
                            .func_method_counter_increment
                            .call(store, (self_, by))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_increment`], in an asynchronous store.
                    pub async fn call_increment_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        self_: ::enginebay::ResourceAny,
                        by: u32,
                    ) -> ::enginebay::Result<u32> {
                        let result = self
                            .funcs
                            .func_method_counter_increment
                            .call_async(store, (self_, by))
                            .await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    pub fn call_value(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        self_: ::enginebay::ResourceAny,
                    ) -> ::enginebay::Result<u32> {
                        let result = self
                            .funcs
                            .func_method_counter_value
                            .call(store, (self_,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_value`], in an asynchronous store.
                    pub async fn call_value_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        self_: ::enginebay::ResourceAny,
                    ) -> ::enginebay::Result<u32> {
                        let result = self
                            .funcs
                            .func_method_counter_value
                            .call_async(store, (self_,))
                            .await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    pub fn call_sum(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        a: ::enginebay::ResourceAny,
                        b: ::enginebay::ResourceAny,
                    ) -> ::enginebay::Result<u32> {
                        let result = self
                            .funcs
                            .func_static_counter_sum
                            .call(store, (a, b))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_sum`], in an asynchronous store.
                    pub async fn call_sum_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        a: ::enginebay::ResourceAny,
                        b: ::enginebay::ResourceAny,
                    ) -> ::enginebay::Result<u32> {
                        let result = self
                            .funcs
                            .func_static_counter_sum
                            .call_async(store, (a, b))
                            .await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// Consumes the counter and returns its last value.
                    pub fn call_into_value(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<Backend = B>,
                        c: ::enginebay::ResourceAny,
                    ) -> ::enginebay::Result<u32> {
                        let result = self
                            .funcs
                            .func_static_counter_into_value
                            .call(store, (c,))?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                    /// As [`Self::call_into_value`], in an asynchronous store.
                    pub async fn call_into_value_async(
                        &self,
                        store: impl ::enginebay::generic::AsContextMut<
                            Backend = B,
                        > + ::std::marker::Send,
                        c: ::enginebay::ResourceAny,
                    ) -> ::enginebay::Result<u32> {
                        let result = self
                            .funcs
                            .func_static_counter_into_value
                            .call_async(store, (c,))
                            .await?;
                        let (result,) = result;
                        ::std::result::Result::Ok(result)
                    }
                }
            }
        }
    }
}
