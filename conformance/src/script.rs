//! Scripts as the runner sees them: parsed, with every module and component in
//! binary form, and free of the text that they came from.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use enginebay::{Feature, Features, Val, needed_features};
use wasmparser::{Parser, Payload};
use wast::core::{NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::parser::{self, ParseBuffer};
use wast::token::{Id, Span};
use wast::{QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::adapt;
use crate::annotation::{Annotation, Annotations};
use crate::header::{Header, Stop};
use crate::value;

/// A script that can be run.
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) name: String,
    pub(crate) header: Header,
    pub(crate) steps: Vec<Step>,
    /// The features that its components need, and its header asks for.
    pub(crate) features: Features,
    /// The names that its components import.
    pub(crate) imports: HashSet<String>,
}

/// Why a script cannot be run at all.
#[derive(Clone, Debug)]
pub struct ScriptError(String);

impl ScriptError {
    pub(crate) fn new(text: String) -> Self {
        ScriptError(text)
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScriptError {}

/// One directive.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) directive: &'static str,
    pub(crate) action: Action,
    /// What the comments before it say.
    pub(crate) annotation: Annotation,
}

/// What a directive asks for.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Compile, and keep under a name.
    Define(Option<String>, Source),
    /// Instantiate what was defined: the instance's name, then the definition's.
    Instantiate(Option<String>, Option<String>),
    /// Both at once.
    Make(Option<String>, Source),
    /// Let later components import an instance under a name.
    Register(String, Option<String>),
    /// Do it, and expect no more than success.
    Perform(Exec),
    /// Do it, and expect these results.
    Return(Exec, Vec<Expected>),
    /// Do it, and expect a trap.
    Trap(Exec, String),
    /// Expect that it is refused before it is compiled.
    Refuse(Source),
    /// Expect that its imports do not fit.
    Unlinkable(Source),
    /// Do these on another thread, which has a name.
    Thread(String, Arc<[Step]>),
    /// Wait for that thread.
    Wait(String),
    /// Something that the runner cannot do: what, and why.
    Lacking(&'static str, &'static str),
}

/// Something that is done and has results.
#[derive(Clone, Debug)]
pub(crate) enum Exec {
    Invoke(Option<String>, String, Vec<Arg>),
    Get(Option<String>, String),
    Instantiate(Source),
}

/// A component, or a core module.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) core: bool,
    /// Its binary form, or what is wrong with its text.
    pub(crate) wasm: Result<Vec<u8>, String>,
}

/// An argument.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    Component(Val),
    /// The bits of a number. Floats are written alike for components, so it may
    /// be one of theirs.
    Core(Core, Option<Val>),
    /// A value that the runner cannot pass: which.
    Lacking(&'static str),
}

/// An expected result.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    Component(Val),
    /// What it may be, and as [`Arg::Core`] a component's float.
    Core(Vec<CorePattern>, Option<Val>),
    Lacking(&'static str),
}

/// A core value, by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    B32(u32),
    B64(u64),
    B128(u128),
}

/// What a core value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CorePattern {
    Bits(Core),
    /// A NaN with any payload if true, else the canonical one.
    Nan32(bool),
    Nan64(bool),
    /// Lanes, lowest first.
    Lanes32([Lane<u32>; 4]),
    Lanes64([Lane<u64>; 2]),
}

/// One float of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane<T> {
    Bits(T),
    Nan(bool),
}

impl Script {
    /// Reads a script from a file; it is named by its path.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or not parsed.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScriptError(format!("{name}: {error}")))?;
        Self::parse(&name, &text)
    }

    /// Parses a script.
    ///
    /// # Errors
    ///
    /// If the script or its header is malformed, with the line.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScriptError> {
        let header =
            Header::parse(text).map_err(|error| ScriptError(format!("{name}: {error}")))?;
        let syntax = |error: wast::Error| {
            let (line, column) = error.span().linecol_in(text);
            ScriptError(format!(
                "{name}: line {}, column {}: {}",
                line + 1,
                column + 1,
                error.message()
            ))
        };
        let mut lexer = wast::lexer::Lexer::new(text);
        // Texts about confusing characters have them.
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer).map_err(syntax)?;
        let wast: Wast<'_> = parser::parse(&buffer).map_err(syntax)?;
        let mut annotations = Annotations::of(text);
        let annotated = |error: String| ScriptError(format!("{name}: {error}"));
        let steps = steps(wast.directives, text, &mut annotations).map_err(annotated)?;
        annotations.end().map_err(annotated)?;
        let mut features = header.features();
        let mut imports = HashSet::new();
        let all = steps.iter().flat_map(Step::with_nested);
        for source in all.filter_map(Step::runs) {
            import_names(source, &mut imports);
            for feature in needs(source).iter() {
                features = features.with(feature, true);
            }
        }
        // These are nothing without it.
        let with_async = [Feature::ComponentThreads, Feature::ErrorContext];
        if with_async.iter().any(|feature| features.contains(*feature)) {
            features = features.with(Feature::ComponentAsync, true);
        }
        Ok(Script {
            name: name.to_owned(),
            header,
            steps,
            features,
            imports,
        })
    }

    /// The script's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same script with fuel that is metered, whatever its header says.
    #[must_use]
    pub fn metered(mut self) -> Self {
        self.header.interruption = Some(Stop::Fuel);
        self
    }

    /// Whether what it consumes depends on the engine or the machine, as how deep
    /// a stack is, and how far a guest comes in a time.
    pub fn has_uneven_fuel(&self) -> bool {
        self.header.uneven_fuel
    }

    /// What its header says that is not understood or cannot be done, each with
    /// its line.
    pub fn notes(&self) -> &[String] {
        &self.header.notes
    }
}

/// The directives with what is said of them, in order.
fn steps(
    directives: Vec<WastDirective<'_>>,
    text: &str,
    annotations: &mut Annotations<'_>,
) -> Result<Vec<Step>, String> {
    let step = |directive: WastDirective<'_>| {
        let line = line(directive.span(), text);
        let annotation = annotations.before(line)?;
        let (directive, action) = match directive {
            WastDirective::Thread(thread) if thread.shared_module.is_none() => {
                let name = thread.name.name().to_owned();
                let nested = steps(thread.directives, text, annotations)?;
                ("thread", Action::Thread(name, nested.into()))
            }
            directive => action(directive),
        };
        if let Some((key, of)) = annotation.misplaced(&action) {
            return Err(format!("line {line}: annotation: `{key}` is for {of}"));
        }
        Ok(Step {
            line,
            directive,
            action,
            annotation,
        })
    };
    directives.into_iter().map(step).collect()
}

impl Step {
    /// The directives inside.
    pub(crate) fn nested(&self) -> &[Step] {
        match &self.action {
            Action::Thread(_, steps) => steps,
            _ => &[],
        }
    }

    /// The directive, and those inside.
    pub(crate) fn with_nested(&self) -> impl Iterator<Item = &Step> {
        std::iter::once(self).chain(self.nested())
    }

    /// Whether the directive makes an instance that stays.
    pub(crate) fn makes(&self) -> bool {
        matches!(self.action, Action::Make(..) | Action::Instantiate(..))
    }

    /// The component or module that is to be compiled for the step.
    pub(crate) fn runs(&self) -> Option<&Source> {
        match &self.action {
            Action::Define(_, source)
            | Action::Make(_, source)
            | Action::Unlinkable(source)
            | Action::Perform(Exec::Instantiate(source))
            | Action::Return(Exec::Instantiate(source), _)
            | Action::Trap(Exec::Instantiate(source), _) => Some(source),
            _ => None,
        }
    }
}

/// The features that something needs which is meant to be valid.
fn needs(source: &Source) -> Features {
    let none = Features::none();
    let Ok(wasm) = &source.wasm else { return none };
    if source.core {
        let adapted = adapt::adapt(wasm).map(|adapted| adapted.component);
        return adapted
            .ok()
            .and_then(|wasm| needed_features(wasm).ok())
            .unwrap_or(none);
    }
    needed_features(wasm).unwrap_or(none)
}

/// The names of a component's own imports, not of those within it.
fn import_names(source: &Source, names: &mut HashSet<String>) {
    let Ok(wasm) = &source.wasm else { return };
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::Version { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth -= 1,
            Ok(Payload::ComponentImportSection(section)) if depth == 1 => {
                let imports = section.into_iter().flatten();
                names.extend(imports.map(|import| import.name.name.to_owned()));
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn line(span: Span, text: &str) -> usize {
    span.linecol_in(text).0 + 1
}

fn name(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

fn action(directive: WastDirective<'_>) -> (&'static str, Action) {
    const SHARED: &str = "core modules are not shared between threads";
    match directive {
        WastDirective::Module(wat) => {
            let (id, source) = (name(wat.name()), quoted(wat));
            (keyword(&source), Action::Make(id, source))
        }
        WastDirective::ModuleDefinition(wat) => {
            let (id, source) = (name(wat.name()), quoted(wat));
            (keyword(&source), Action::Define(id, source))
        }
        WastDirective::ModuleInstance {
            instance, module, ..
        } => (
            "instance",
            Action::Instantiate(name(instance), name(module)),
        ),
        WastDirective::AssertMalformed { module, .. } => {
            ("assert_malformed", Action::Refuse(quoted(module)))
        }
        WastDirective::AssertInvalid { module, .. } => {
            ("assert_invalid", Action::Refuse(quoted(module)))
        }
        WastDirective::AssertInvalidCustom { .. } => (
            "assert_invalid_custom",
            Action::Lacking("custom-sections", "custom sections are not looked into"),
        ),
        WastDirective::AssertMalformedCustom { .. } => (
            "assert_malformed_custom",
            Action::Lacking("custom-sections", "custom sections are not looked into"),
        ),
        WastDirective::Register {
            name: as_, module, ..
        } => ("register", Action::Register(as_.to_owned(), name(module))),
        WastDirective::Invoke(call) => ("invoke", Action::Perform(invoke(call))),
        WastDirective::AssertTrap { exec, message, .. } => (
            "assert_trap",
            Action::Trap(execute(exec), message.to_owned()),
        ),
        WastDirective::AssertReturn { exec, results, .. } => (
            "assert_return",
            Action::Return(execute(exec), results.into_iter().map(expected).collect()),
        ),
        WastDirective::AssertExhaustion { call, message, .. } => (
            "assert_exhaustion",
            Action::Trap(invoke(call), message.to_owned()),
        ),
        WastDirective::AssertUnlinkable { module, .. } => {
            ("assert_unlinkable", Action::Unlinkable(plain(module)))
        }
        WastDirective::AssertException { exec, .. } => (
            "assert_exception",
            Action::Trap(execute(exec), "unhandled exception".to_owned()),
        ),
        WastDirective::AssertSuspension { .. } => (
            "assert_suspension",
            Action::Lacking("stack-switching", "no backend has stack switching"),
        ),
        WastDirective::Thread(_) => ("thread", Action::Lacking("threads", SHARED)),
        WastDirective::Wait { thread, .. } => ("wait", Action::Wait(thread.name().to_owned())),
    }
}

fn keyword(source: &Source) -> &'static str {
    if source.core { "module" } else { "component" }
}

fn quoted(mut wat: QuoteWat<'_>) -> Source {
    let core = match &wat {
        QuoteWat::Wat(Wat::Module(_)) | QuoteWat::QuoteModule(..) => true,
        QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..) => false,
    };
    let wasm = wat.encode().map_err(|error| error.message());
    Source { core, wasm }
}

fn plain(wat: Wat<'_>) -> Source {
    quoted(QuoteWat::Wat(wat))
}

fn invoke(call: WastInvoke<'_>) -> Exec {
    let args = call.args.into_iter().map(arg).collect();
    Exec::Invoke(name(call.module), call.name.to_owned(), args)
}

fn execute(exec: WastExecute<'_>) -> Exec {
    match exec {
        WastExecute::Invoke(call) => invoke(call),
        WastExecute::Wat(wat) => Exec::Instantiate(plain(wat)),
        WastExecute::Get { module, global, .. } => Exec::Get(name(module), global.to_owned()),
    }
}

fn float32(bits: u32) -> Val {
    Val::F32(f32::from_bits(bits))
}

fn float64(bits: u64) -> Val {
    Val::F64(f64::from_bits(bits))
}

const REFERENCES: &str = "reference values";

fn arg(arg: WastArg<'_>) -> Arg {
    match arg {
        WastArg::Component(val) => Arg::Component(value::val(&val)),
        WastArg::Core(core) => match core {
            WastArgCore::I32(v) => Arg::Core(Core::B32(v as u32), None),
            WastArgCore::I64(v) => Arg::Core(Core::B64(v as u64), None),
            WastArgCore::F32(v) => Arg::Core(Core::B32(v.bits), Some(float32(v.bits))),
            WastArgCore::F64(v) => Arg::Core(Core::B64(v.bits), Some(float64(v.bits))),
            WastArgCore::V128(v) => {
                Arg::Core(Core::B128(u128::from_le_bytes(v.to_le_bytes())), None)
            }
            WastArgCore::RefNull(_) | WastArgCore::RefExtern(_) | WastArgCore::RefHost(_) => {
                Arg::Lacking(REFERENCES)
            }
        },
        // The enum grows with the features of the parser.
        #[allow(unreachable_patterns, reason = "other features of the parser are off")]
        _ => Arg::Lacking(REFERENCES),
    }
}

fn expected(ret: WastRet<'_>) -> Expected {
    match ret {
        WastRet::Component(val) => Expected::Component(value::val(&val)),
        WastRet::Core(core) => {
            let mut patterns = Vec::new();
            if pattern(&core, &mut patterns) {
                let float = match &core {
                    WastRetCore::F32(NanPattern::Value(v)) => Some(float32(v.bits)),
                    WastRetCore::F32(_) => Some(Val::F32(f32::NAN)),
                    WastRetCore::F64(NanPattern::Value(v)) => Some(float64(v.bits)),
                    WastRetCore::F64(_) => Some(Val::F64(f64::NAN)),
                    _ => None,
                };
                Expected::Core(patterns, float)
            } else {
                Expected::Lacking(REFERENCES)
            }
        }
        #[allow(unreachable_patterns, reason = "other features of the parser are off")]
        _ => Expected::Lacking(REFERENCES),
    }
}

/// Adds what a core result may be. False for what the runner cannot compare.
fn pattern(ret: &WastRetCore<'_>, patterns: &mut Vec<CorePattern>) -> bool {
    patterns.push(match ret {
        WastRetCore::I32(v) => CorePattern::Bits(Core::B32(*v as u32)),
        WastRetCore::I64(v) => CorePattern::Bits(Core::B64(*v as u64)),
        WastRetCore::F32(NanPattern::Value(v)) => CorePattern::Bits(Core::B32(v.bits)),
        WastRetCore::F32(nan) => CorePattern::Nan32(matches!(nan, NanPattern::ArithmeticNan)),
        WastRetCore::F64(NanPattern::Value(v)) => CorePattern::Bits(Core::B64(v.bits)),
        WastRetCore::F64(nan) => CorePattern::Nan64(matches!(nan, NanPattern::ArithmeticNan)),
        WastRetCore::V128(vector) => lanes(vector),
        WastRetCore::Either(either) => return either.iter().all(|ret| pattern(ret, patterns)),
        _ => return false,
    });
    true
}

fn lanes(vector: &V128Pattern) -> CorePattern {
    fn bytes<const N: usize>(lanes: impl Iterator<Item = [u8; N]>) -> CorePattern {
        let mut all = [0; 16];
        for (to, from) in all.chunks_exact_mut(N).zip(lanes) {
            to.copy_from_slice(&from);
        }
        CorePattern::Bits(Core::B128(u128::from_le_bytes(all)))
    }
    match vector {
        V128Pattern::I8x16(v) => bytes(v.iter().map(|v| v.to_le_bytes())),
        V128Pattern::I16x8(v) => bytes(v.iter().map(|v| v.to_le_bytes())),
        V128Pattern::I32x4(v) => bytes(v.iter().map(|v| v.to_le_bytes())),
        V128Pattern::I64x2(v) => bytes(v.iter().map(|v| v.to_le_bytes())),
        V128Pattern::F32x4(v) => CorePattern::Lanes32(v.map(|lane| match lane {
            NanPattern::Value(v) => Lane::Bits(v.bits),
            nan => Lane::Nan(matches!(nan, NanPattern::ArithmeticNan)),
        })),
        V128Pattern::F64x2(v) => CorePattern::Lanes64(v.map(|lane| match lane {
            NanPattern::Value(v) => Lane::Bits(v.bits),
            nan => Lane::Nan(matches!(nan, NanPattern::ArithmeticNan)),
        })),
    }
}
