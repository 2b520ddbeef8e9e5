//! What is generated, as text, and what is refused. That it compiles and runs is tested
//! with `bindgen!`.

use std::fs;

use enginebay_bindgen::{Async, Options, Wit};

fn options(wit: &str) -> Options {
    Options::new(Wit::Inline(wit.to_string()))
}

fn error(options: Options) -> String {
    options.generate().unwrap_err().to_string()
}

const WORLD: &str = r#"
    package a:b@1.0.0;
    interface files {
        resource file { size: func() -> u64; }
        /// Opens one.
        open: func(name: string) -> result<file, failure>;
        enum failure { not-there, is-a-folder }
    }
    interface %type {
        record %self { %fn: u32, b: b }
        flags b { %move }
        get: func(%where: list<%self>) -> option<%self>;
    }
    world w {
        import files;
        import sleep: func(ms: u64);
        export %type;
        export run: func(args: list<string>, store: u8) -> tuple<u8, string>;
    }
"#;

#[test]
fn a_world_becomes_rust() {
    let text = options(WORLD).generate().unwrap().to_string();
    for part in [
        "pub struct W<B: ::enginebay::Backend> {",
        "pub trait WImports: ::std::marker::Send {",
        "fn sleep(&mut self, ms: u64);",
        "pub mod files {",
        "pub trait HostFile: ::std::marker::Send {",
        "fn size(&mut self, self_: ::enginebay::Resource<File>) -> u64;",
        "/// Opens one.",
        ") -> Result<::enginebay::Resource<File>, Failure>;",
        "impl ::std::error::Error for Failure {}",
        "pub mod type_ {",
        "pub struct Self_ {",
        "pub fn_: u32,",
        "const MOVE",
        "where_: &[Self_],",
        "pub fn call_run(",
        "pub async fn call_run_async(",
        "args: &[String],",
        "store_: impl ::enginebay::generic::AsContextMut<Backend = B>,",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    // What `prettyplease` has read is Rust.
    assert!(text.lines().count() > 100, "{text}");
}

#[test]
fn options_change_it() {
    let text = options(WORLD)
        .asynchronous(Async::Only(vec!["a:b/files#open".into()]))
        .trappable_imports(true)
        .with("a:b/files/file", "std::fs::File")
        .additional_derive("serde::Serialize")
        .root("crate::api")
        .generate()
        .unwrap()
        .to_string();
    for part in [
        "use std::fs::File as with_0;",
        "pub type File = super::super::super::with_0;",
        ".func_wrap_async(",
        "\"[method]file.size\",",
        "fn sleep(&mut self, ms: u64) -> crate::api::Result<()>;",
        "serde::Serialize",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("::enginebay"), "{text}");
    let mapped = options(WORLD).with("a:b/files@1.0.0", "my::files");
    let text = mapped.generate().unwrap().to_string();
    assert!(!text.contains("HostFile"), "{text}");
}

#[test]
fn host_functions_are_linked_through_pointers() {
    let linked = |boxed| {
        let options = options(WORLD).asynchronous(Async::Only(vec!["a:b/files#open".into()]));
        let text = options.boxed(boxed).generate().unwrap().to_string();
        let count = |part| text.matches(part).count();
        (
            [
                count(".func_wrap("),
                count(".func_wrap_async("),
                count(".resource("),
            ],
            [
                count(".func_wrap_boxed("),
                count(".func_wrap_async_boxed("),
                count(".resource_boxed("),
            ],
        )
    };
    let (plain, none) = linked(false);
    assert!(plain.iter().all(|count| *count > 0), "{plain:?}");
    assert_eq!(none, [0; 3]);
    assert_eq!(linked(true), (none, plain));
}

/// Lists of bytes, of records, in a record, and of handles.
const LISTS: &str = r#"
    package a:b;
    interface lists {
        type bytes = list<u8>;
        type alias = bytes;
        record both { one: bytes }
        resource r { write: func(bytes: bytes); }
        take: func(alias: alias, both: list<both>, other: both, handles: list<borrow<r>>);
        none: func(handles: list<borrow<r>>, other: both);
    }
    world w { import lists; import f: func(texts: list<string>); }
"#;

#[test]
fn lists_stay_in_memory_where_functions_are_named() {
    let text = options(LISTS)
        .view("a:b/lists#[method]r.write")
        .view("a:b/lists#take")
        .view("f")
        .trappable_imports(true)
        .stub("crate::Stub", "crate::fail")
        .generate()
        .unwrap()
        .to_string();
    for part in [
        "fn write<B: ::enginebay::Backend, T: ::std::marker::Send + 'static>(",
        "access: ::enginebay::Access<'_, B, T, Self>,",
        "bytes: ::enginebay::WasmList<u8>,",
        "alias: ::enginebay::WasmList<u8>,",
        "both: ::enginebay::WasmList<Both>,",
        "other: Both,",
        "handles: Vec<::enginebay::Resource<R>>,",
        "texts: ::enginebay::WasmList<String>,",
        "Self: ::std::marker::Sized + 'static,",
        "crate::fail(access.host(), \"f\")",
        "crate::fail(self, \"a:b/lists#none\")",
        "pub one: Bytes,",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let text = options(LISTS).generate().unwrap().to_string();
    assert!(!text.contains("WasmList"), "{text}");
}

#[test]
fn items_are_gated() {
    let wit = r#"
        package a:b@1.2.0;
        world w {
            @since(version = 1.1.0)
            @deprecated(version = 1.2.0)
            import old: func();
            @unstable(feature = new-things)
            import new: func();
        }
    "#;
    let text = options(wit).generate().unwrap().to_string();
    assert!(text.contains(r#"#[deprecated(since = "1.2.0")]"#), "{text}");
    assert!(!text.contains("fn new(&mut self"), "{text}");
    let text = options(wit)
        .feature("new-things")
        .generate()
        .unwrap()
        .to_string();
    assert!(text.contains("fn new(&mut self"), "{text}");
}

#[test]
fn files_and_folders_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let dependency = folder.path().join("deps/c");
    fs::create_dir_all(&dependency).unwrap();
    fs::write(
        dependency.join("c.wit"),
        "package c:d; interface i { type t = u32; }",
    )
    .unwrap();
    let main = "package a:b; world w { use c:d/i.{t}; export f: func(t: t); }";
    fs::write(folder.path().join("main.wit"), main).unwrap();
    let bindings = Options::new(Wit::Path(folder.path().into()))
        .generate()
        .unwrap();
    assert_eq!(bindings.files().len(), 2, "{:?}", bindings.files());
    let text = bindings.to_string();
    assert!(
        text.contains("pub mod c {") && text.contains("call_f"),
        "{text}"
    );

    let inline = "package x:y; world w { import c:d/i; export f: func(); }";
    let wit = Wit::InlineWith(inline.into(), folder.path().into());
    assert!(Options::new(wit).generate().is_ok());

    fs::write(
        folder.path().join("main.wit"),
        "package a:b;\nworld w { export f: func(t: tt); }",
    )
    .unwrap();
    let error = error(Options::new(Wit::Path(folder.path().into())));
    assert!(error.contains("main.wit:2:29"), "{error}");
    assert!(error.contains("tt"), "{error}");
    let nothing = Options::new(Wit::Path(folder.path().join("nothing")));
    assert!(nothing.generate().is_err());
}

/// Whatever a world calls its functions and interfaces, its struct's methods differ.
#[test]
fn methods_of_a_world_have_different_names() {
    let world = "package a:b; world w {
        export f: func();
        export new: interface { f: func(); }
        export call-f: interface { f: func(); }
        export instantiate: interface { self: func(); }
    }";
    let text = options(world).generate().unwrap().to_string();
    for part in [
        "pub fn new_(&self)",
        "pub fn call_f_(&self)",
        "pub fn instantiate_(&self)",
        "pub fn call_self(",
        "pub async fn call_self_async(",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for (options, expected) in [
        (
            options("package a:b; world w { import f: func(x: y); }"),
            "inline:1:",
        ),
        (options("package a:b;"), "world"),
        (options("package a:b; world v {} world w {}"), "world"),
        (options(WORLD).world("x"), "x"),
        (
            options(WORLD).with("a:b/nothing", "x"),
            "imports no interface or resource `a:b/nothing`",
        ),
        (
            options(WORLD).with("a:b/files", "no path"),
            "no path of Rust",
        ),
        (options(WORLD).root("1"), "no path of Rust"),
        (options(WORLD).additional_derive("-"), "no path of Rust"),
        (
            options(WORLD).asynchronous(Async::Only(vec!["open".into()])),
            "imports no function `open`",
        ),
        (options(LISTS).view("take"), "imports no function `take`"),
        (
            options(LISTS).view("a:b/lists#none"),
            "`a:b/lists#none` is to read lists in place, and has no parameter",
        ),
        (
            options(LISTS)
                .view("f")
                .asynchronous(Async::All)
                .blocking("crate::wait"),
            "`f` cannot read lists in place",
        ),
        (
            options("package a:b; world w { export f: func() -> stream<u8>; }"),
            "`stream`",
        ),
        (
            options("package a:b; world w { export f: async func(); }"),
            "asynchronous function `f`",
        ),
        (
            options("package a:b; interface i { record r {} } world w { import i; }"),
            "the record `r` has no fields",
        ),
    ] {
        let error = error(options);
        assert!(error.contains(expected), "{expected} is missing in {error}");
    }
}
