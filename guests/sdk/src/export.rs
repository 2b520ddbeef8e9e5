//! How a crate becomes a component.

/// Makes the crate a component that does what a type says, which implements
/// [`Component`](crate::Component). A crate does this once.
#[macro_export]
macro_rules! export {
    ($component:ty) => {
        const _: () = {
            ::std::thread_local! {
                static ENGINEBAY_STATE: $crate::state::State<$component> =
                    const { $crate::state::State::empty() };
            }

            struct EnginebayExport;

            $crate::bindings::export_lifecycle! { EnginebayExport with_types_in $crate::bindings }

            impl $crate::state::Guest for EnginebayExport {
                fn init(
                    config: $crate::ComponentConfig,
                ) -> ::core::result::Result<(), $crate::ComponentError> {
                    ENGINEBAY_STATE.with(|state| state.init(config))
                }

                fn execute(
                    operation: ::std::string::String,
                    input: ::std::vec::Vec<u8>,
                    context: $crate::ExecutionContext,
                ) -> ::core::result::Result<::std::vec::Vec<u8>, $crate::ExecutionError> {
                    ENGINEBAY_STATE.with(|state| state.execute(&operation, &input, &context))
                }

                fn handle_message(
                    message: $crate::Message,
                ) -> ::core::result::Result<
                    ::core::option::Option<::std::vec::Vec<u8>>,
                    $crate::ComponentError,
                > {
                    ENGINEBAY_STATE.with(|state| state.handle_message(message))
                }

                fn handle_callback(
                    request: $crate::RequestId,
                    answer: ::core::result::Result<::std::vec::Vec<u8>, $crate::MessageError>,
                ) -> ::core::result::Result<(), $crate::ComponentError> {
                    ENGINEBAY_STATE.with(|state| state.handle_callback(request, answer))
                }

                fn metadata() -> $crate::ComponentMetadata {
                    $crate::state::metadata::<$component>($crate::state::Package {
                        name: ::core::env!("CARGO_PKG_NAME"),
                        version: ::core::env!("CARGO_PKG_VERSION"),
                        description: ::core::env!("CARGO_PKG_DESCRIPTION"),
                        authors: ::core::env!("CARGO_PKG_AUTHORS"),
                    })
                }

                fn health() -> $crate::HealthStatus {
                    ENGINEBAY_STATE.with(|state| state.health())
                }

                fn shutdown() -> ::core::result::Result<(), $crate::ComponentError> {
                    ENGINEBAY_STATE.with(|state| state.shutdown())
                }
            }
        };
    };
}
