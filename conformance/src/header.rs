//! What a script needs, as TOML in comments at its beginning: lines that start
//! with `;;!`. Scripts of other suites have other keys: those of Wasmtime's are
//! understood, and what nobody knows is no reason not to run a script.

mod foreign;

use std::time::Duration;

use enginebay::{Complexity, Config, Feature, Features, Interruption, Limits};
use enginebay_core::units;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::value::Nans;

/// What a script needs besides the defaults.
///
/// ```
/// use enginebay_conformance::Header;
/// let header = Header::parse("\
/// ;;! features = [\"memory64\"]
/// ;;! limits.memory = \"1MiB\"
/// (component)").unwrap();
/// assert_eq!(header.limits.memory.unwrap().0, 1 << 20);
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Header {
    /// Features that are switched on besides those that the script's components
    /// are seen to need.
    pub features: Vec<String>,
    /// How the guest can be stopped: `none`, `deadline` or `fuel`.
    pub interruption: Option<Stop>,
    /// Bytes of stack for the guest.
    pub stack: Option<Size>,
    /// Equal results on every machine.
    pub deterministic: bool,
    /// Asynchronous calls, even if no component is seen to need them.
    #[serde(rename = "async")]
    pub asynchronous: bool,
    /// NaNs in results are compared by their bits.
    pub exact_nans: bool,
    /// Host functions that the guard of the script's stores refuses.
    pub deny: Vec<String>,
    /// How often the script is run again if a directive of it fails: for those
    /// that look at the clock.
    pub retries: u32,
    /// What is consumed depends on the engine or the machine, and is not compared
    /// between backends.
    pub uneven_fuel: bool,
    /// What components may be before they are compiled.
    pub complexity: HeaderComplexity,
    /// What the store may use.
    pub limits: HeaderLimits,
    /// What the header says and this crate does not understand or cannot do, each
    /// with its line. The script runs without.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// The keys that are ours, here and under `limits`.
const KEYS: [&str; 11] = [
    "features",
    "interruption",
    "stack",
    "deterministic",
    "async",
    "exact-nans",
    "deny",
    "retries",
    "uneven-fuel",
    "complexity",
    "limits",
];
const LIMITS: [&str; 9] = [
    "memory",
    "table-elements",
    "instances",
    "memories",
    "tables",
    "handles",
    "host-bytes",
    "fuel",
    "deadline-ms",
];

/// What can stop a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// Nothing.
    None,
    /// Time.
    Deadline,
    /// Fuel, and time.
    Fuel,
    /// Fuel alone.
    FuelOnly,
}

/// Limits of the store; each is as in [`Limits`] where it is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct HeaderLimits {
    /// Bytes of all memories.
    pub memory: Option<Size>,
    /// Elements of all tables.
    pub table_elements: Option<u64>,
    /// Core instances.
    pub instances: Option<u64>,
    /// Memories.
    pub memories: Option<u64>,
    /// Tables.
    pub tables: Option<u64>,
    /// Handles to resources.
    pub handles: Option<u64>,
    /// Bytes that the guest may make the host allocate at a time.
    pub host_bytes: Option<Size>,
    /// Fuel.
    pub fuel: Option<u64>,
    /// Milliseconds for each call.
    pub deadline_ms: Option<u64>,
}

/// What components may be; each is as in [`Complexity`] where it is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct HeaderComplexity {
    /// Bytes of the component.
    pub size: Option<Size>,
    /// Core modules.
    pub modules: Option<u64>,
    /// Functions of all core modules.
    pub functions: Option<u64>,
    /// Types.
    pub types: Option<u64>,
    /// Parameters and results of functions and of their types, with eight more for
    /// each type.
    pub signatures: Option<u64>,
    /// Locals and parameters of one function.
    pub locals: Option<u64>,
    /// Locals and parameters of all functions.
    pub all_locals: Option<u64>,
    /// Bytes of one function.
    pub function_size: Option<Size>,
    /// Values that the blocks, branches and calls of one function take and give.
    pub values: Option<u64>,
    /// Blocks, loops, branches and targets of tables of branches of one function.
    pub blocks: Option<u64>,
    /// The same times the function's locals, parameters and loops, and what loops use.
    pub locals_in_blocks: Option<u64>,
    /// Components inside components.
    pub nesting: Option<u64>,
    /// Instances that are created.
    pub instances: Option<u64>,
    /// Bytes of the names of exports, of all instances.
    pub instance_exports: Option<Size>,
    /// Initial bytes of all memories.
    pub initial_memory: Option<Size>,
    /// Initial elements of all tables.
    pub initial_table_elements: Option<u64>,
}

impl HeaderComplexity {
    fn apply(&self, mut complexity: Complexity) -> Complexity {
        let size = |size: Option<Size>, default| size.map_or(default, |Size(bytes)| bytes);
        complexity.size = size(self.size, complexity.size);
        complexity.modules = self.modules.unwrap_or(complexity.modules);
        complexity.functions = self.functions.unwrap_or(complexity.functions);
        complexity.types = self.types.unwrap_or(complexity.types);
        complexity.signatures = self.signatures.unwrap_or(complexity.signatures);
        complexity.locals = self.locals.unwrap_or(complexity.locals);
        complexity.all_locals = self.all_locals.unwrap_or(complexity.all_locals);
        complexity.function_size = size(self.function_size, complexity.function_size);
        complexity.values = self.values.unwrap_or(complexity.values);
        complexity.blocks = self.blocks.unwrap_or(complexity.blocks);
        let in_blocks = self.locals_in_blocks;
        complexity.locals_in_blocks = in_blocks.unwrap_or(complexity.locals_in_blocks);
        complexity.nesting = self.nesting.unwrap_or(complexity.nesting);
        complexity.instances = self.instances.unwrap_or(complexity.instances);
        complexity.instance_exports = size(self.instance_exports, complexity.instance_exports);
        complexity.initial_memory = size(self.initial_memory, complexity.initial_memory);
        let elements = self.initial_table_elements;
        complexity.initial_table_elements = elements.unwrap_or(complexity.initial_table_elements);
        complexity
    }
}

/// A number of bytes: an integer, or text with a unit (`"64KiB"`, `"1MiB"`, `"2GiB"`,
/// `"10MB"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SizeText")]
pub struct Size(pub u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum SizeText {
    Number(u64),
    Text(String),
}

impl TryFrom<SizeText> for Size {
    type Error = String;

    fn try_from(size: SizeText) -> Result<Self, String> {
        match size {
            SizeText::Number(bytes) => Ok(Size(bytes)),
            SizeText::Text(text) => units::size(&text).map(Size),
        }
    }
}

impl Header {
    /// Reads the header of a script. Lines that are empty or other comments may
    /// come before and between its lines. Keys that are not ours are taken as
    /// Wasmtime's, and told in the [notes](Header::notes) if they are not.
    ///
    /// # Errors
    ///
    /// What is wrong, and where: malformed TOML, or a key of ours with a value that
    /// it cannot have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut toml = String::new();
        for line in text.lines() {
            let line = line.trim();
            if let Some(rest) = line.strip_prefix(";;!") {
                toml.push_str(rest.trim());
            } else if !line.is_empty() && !line.starts_with(";;") {
                break;
            }
            toml.push('\n');
        }
        let line = |start: usize| toml[..start].matches('\n').count() + 1;
        let wrong = |error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            format!("line {}: header: {}", line(start), error.message())
        };
        let mut table = DeTable::parse(&toml).map_err(wrong)?;
        let others = take_others(table.get_mut(), &KEYS);
        let limits = table.get_mut().get_mut("limits");
        let limits = limits.map(|limits| limits.get_mut());
        let unknown = match limits {
            Some(DeValue::Table(limits)) => take_others(limits, &LIMITS),
            _ => Vec::new(),
        };
        let mut header = Header::deserialize(toml::Deserializer::from(table)).map_err(wrong)?;
        let mut notes = Vec::new();
        for other in others {
            if let Err(note) = foreign::apply(&mut header, &other.key, other.on) {
                notes.push((other.start, note));
            }
        }
        for other in unknown {
            let note = format!("the key `limits.{}` is not known", other.key);
            notes.push((other.start, note));
        }
        notes.sort();
        let notes = notes.into_iter();
        let told = |(start, note)| format!("line {}: header: {note}", line(start));
        header.notes = notes.map(told).collect();
        for name in &header.features {
            if feature(name).is_none() {
                return Err(format!("header: there is no feature `{name}`"));
            }
        }
        Ok(header)
    }

    /// The features that the header asks for.
    pub(crate) fn features(&self) -> Features {
        let names = self.features.iter();
        names.filter_map(|name| feature(name)).collect()
    }

    pub(crate) fn nans(&self) -> Nans {
        match self.exact_nans {
            true => Nans::Exact,
            false => Nans::Any,
        }
    }

    /// The configuration of an engine that has these features.
    pub(crate) fn config(&self, features: Features) -> Config {
        let mut config = Config::new();
        for feature in features.iter() {
            config.feature(feature, true);
        }
        match self.interruption {
            Some(Stop::None) => {
                config.interruption(Interruption::None);
            }
            Some(Stop::Deadline) => {
                config.interruption(Interruption::Deadline);
            }
            Some(Stop::Fuel) => {
                config.interruption(Interruption::Fuel);
            }
            Some(Stop::FuelOnly) => {
                config.interruption(Interruption::FuelOnly);
            }
            None => {
                if self.limits.fuel.is_some() {
                    config.interruption(Interruption::Fuel);
                } else if self.limits.deadline_ms.is_some() {
                    config.interruption(Interruption::Deadline);
                }
            }
        }
        if let Some(Size(bytes)) = self.stack {
            config.max_stack(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        config.deterministic(self.deterministic);
        let complexity = config.get_complexity().clone();
        config.complexity(self.complexity.apply(complexity));
        config
    }
}

/// A key that is not ours.
struct Other {
    /// Where it is in the header.
    start: usize,
    key: String,
    on: Option<bool>,
}

/// Removes all keys but these.
fn take_others(table: &mut DeTable<'_>, known: &[&str]) -> Vec<Other> {
    let mut others = Vec::new();
    for (key, value) in table.iter() {
        if !known.contains(&&**key.get_ref()) {
            others.push(Other {
                start: key.span().start,
                key: key.get_ref().to_string(),
                on: value.get_ref().as_bool(),
            });
        }
    }
    for other in &others {
        table.remove(&*other.key);
    }
    others
}

impl HeaderLimits {
    /// The limits of an engine's stores with these instead.
    pub(crate) fn apply(&self, mut limits: Limits) -> Limits {
        let size = |size: Option<Size>, default| size.map_or(default, |Size(bytes)| bytes);
        limits.memory = size(self.memory, limits.memory);
        limits.table_elements = self.table_elements.unwrap_or(limits.table_elements);
        limits.instances = self.instances.unwrap_or(limits.instances);
        limits.memories = self.memories.unwrap_or(limits.memories);
        limits.tables = self.tables.unwrap_or(limits.tables);
        limits.handles = self.handles.unwrap_or(limits.handles);
        limits.host_bytes = size(self.host_bytes, limits.host_bytes);
        limits.fuel = self.fuel.or(limits.fuel);
        let deadline = self.deadline_ms.map(Duration::from_millis);
        limits.deadline = deadline.or(limits.deadline);
        limits
    }
}

/// The feature of this name.
fn feature(name: &str) -> Option<Feature> {
    let mut all = Feature::ALL.iter().copied();
    all.find(|feature| feature.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_from_comments() {
        let text = "\n;; a comment\n;;! limits.memory = \"64KiB\"\n;;! limits.fuel = 10\n\
                    (component)\n;;! stack = 1";
        let header = Header::parse(text).unwrap();
        assert_eq!(header.limits.memory, Some(Size(65536)));
        assert_eq!(header.stack, None);
        let limits = header.limits.apply(Limits::new());
        assert_eq!((limits.memory, limits.fuel), (65536, Some(10)));
        assert_eq!(limits.tables, Limits::new().tables);
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line() {
        for (text, part) in [
            (";;! limits.memory = \"1TiB\"", "\"1TiB\" is no size"),
            (";; x\n;;! stack = true", "line 2"),
            (";;! features = [\"nothing\"]", "nothing"),
            (";;! limits.memory = ", "line 1"),
            (";;! limits = 3", "line 1"),
            (";;! gc = true\n;;! gc = true", "line 2"),
            (";;! this is no TOML", "line 1"),
        ] {
            let error = Header::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_unknown_is_told_with_its_line() {
        for (text, note) in [
            (
                ";; x\n;;! limits.memmory = 1",
                "line 2: header: the key `limits.memmory` is not known",
            ),
            (
                ";;! memory = 1",
                "line 1: header: the key `memory` is not known",
            ),
            (
                ";;! simd = true\n;;! gc = true",
                "line 2: header: `gc` is asked for, and no backend has it here",
            ),
            (
                ";;! simd = 1",
                "line 1: header: `simd` is neither true nor false",
            ),
        ] {
            assert_eq!(Header::parse(text).unwrap().notes, [note]);
        }
        let both = ";;! fresh = 1\n;;! limits.fuel = 7\n;;! [limits.other]\n;;! more = 1";
        let header = Header::parse(both).unwrap();
        assert_eq!((header.notes.len(), header.limits.fuel), (2, Some(7)));
    }

    #[test]
    fn the_keys_of_wasmtimes_scripts_are_understood() {
        let header = Header::parse(
            ";;! component_model_async = true\n;;! memory64 = true\n;;! reference_types = true\n\
             ;;! hogs_memory = true\n;;! exceptions = false\n;;! gc = false\n\
             ;;! nan_canonicalization = true",
        )
        .unwrap();
        assert_eq!(header.notes, [""; 0]);
        assert!(header.deterministic);
        assert_eq!(header.limits.memory, Some(Size(8 << 30)));
        let features: Features = [Feature::ComponentAsync, Feature::Memory64]
            .into_iter()
            .collect();
        assert_eq!(header.features(), features);
        // A limit that is ours is what it says.
        let both = Header::parse(";;! hogs_memory = true\n;;! limits.memory = 1").unwrap();
        assert_eq!(both.limits.memory, Some(Size(1)));
    }

    #[test]
    fn every_key_of_ours_is_read() {
        let header = Header::parse(
            ";;! features = [\"maps\"]\n;;! interruption = \"fuel\"\n;;! stack = 1\n\
             ;;! deterministic = true\n;;! async = true\n;;! exact-nans = true\n\
             ;;! deny = [\"f\"]\n;;! retries = 1\n;;! uneven-fuel = true\n\
             ;;! [complexity]\n;;! size = 1\n;;! modules = 2\n;;! functions = 3\n\
             ;;! types = 4\n;;! locals = 5\n;;! function-size = 6\n;;! values = 7\n\
             ;;! locals-in-blocks = 8\n;;! nesting = 9\n;;! instances = 10\n\
             ;;! instance-exports = 11\n;;! initial-memory = 12\n\
             ;;! initial-table-elements = 13\n;;! signatures = 14\n;;! blocks = 15\n\
             ;;! all-locals = 16\n\
             ;;! [limits]\n;;! memory = 1\n\
             ;;! table-elements = 2\n;;! instances = 3\n;;! memories = 4\n;;! tables = 5\n\
             ;;! handles = 6\n;;! host-bytes = 7\n;;! fuel = 8\n;;! deadline-ms = 9",
        )
        .unwrap();
        assert_eq!(header.notes, [""; 0]);
        assert_eq!(header.interruption, Some(Stop::Fuel));
        assert!(header.asynchronous && header.deterministic && header.exact_nans);
        assert!(header.uneven_fuel);
        assert_eq!((&*header.deny, header.retries), (&["f".to_owned()][..], 1));
        let config = header.config(Features::none());
        let mut complexity = Complexity::default();
        // A number of its own for each.
        for (number, place) in (1..).zip([
            &mut complexity.size,
            &mut complexity.modules,
            &mut complexity.functions,
            &mut complexity.types,
            &mut complexity.locals,
            &mut complexity.function_size,
            &mut complexity.values,
            &mut complexity.locals_in_blocks,
            &mut complexity.nesting,
            &mut complexity.instances,
            &mut complexity.instance_exports,
            &mut complexity.initial_memory,
            &mut complexity.initial_table_elements,
            &mut complexity.signatures,
            &mut complexity.blocks,
            &mut complexity.all_locals,
        ]) {
            *place = number;
        }
        assert_eq!(config.get_complexity(), &complexity);
        let none = HeaderComplexity::default();
        assert_eq!(none.apply(complexity.clone()), complexity);
        let limits = HeaderLimits {
            memory: Some(Size(1)),
            table_elements: Some(2),
            instances: Some(3),
            memories: Some(4),
            tables: Some(5),
            handles: Some(6),
            host_bytes: Some(Size(7)),
            fuel: Some(8),
            deadline_ms: Some(9),
        };
        assert_eq!(header.limits, limits);
    }
}
