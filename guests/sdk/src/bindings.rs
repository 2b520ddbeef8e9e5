//! What is generated from the contract's WIT.

wit_bindgen::generate!({
    path: "wit",
    world: "enginebay:contract/component",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_lifecycle",
    default_bindings_module: "enginebay_guest::bindings",
});
