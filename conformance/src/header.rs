//! What a script needs, as TOML in comments at its beginning: lines that start
//! with `;;!`.

use std::time::Duration;

use enginebay::{Config, Feature, Features, Interruption, Limits};
use serde::Deserialize;

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
    /// What the store may use.
    pub limits: HeaderLimits,
}

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

/// A number of bytes: an integer, or text with a unit (`"64KiB"`, `"1MiB"`,
/// `"2GiB"`).
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
        let text = match size {
            SizeText::Number(bytes) => return Ok(Size(bytes)),
            SizeText::Text(text) => text,
        };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let shift = match &text[digits.len()..] {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            unit => return Err(format!("unknown unit `{unit}`: use KiB, MiB or GiB")),
        };
        let number: Option<u64> = digits.trim_end().parse().ok();
        let bytes = number.and_then(|number| number.checked_mul(1 << shift));
        bytes
            .map(Size)
            .ok_or_else(|| format!("`{text}` is no number of bytes"))
    }
}

impl Header {
    /// Reads the header of a script. Lines that are empty or other comments may
    /// come before and between its lines.
    ///
    /// # Errors
    ///
    /// What is wrong, and where: unknown keys are refused.
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
        let header: Header = toml::from_str(&toml).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = toml[..start].matches('\n').count() + 1;
            format!("line {line}: header: {}", error.message())
        })?;
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
        config
    }
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
    fn what_is_unknown_is_refused_with_its_line() {
        for (text, part) in [
            (";; x\n;;! limits.memmory = 1", "line 2"),
            (";;! memory = 1", "memory"),
            (";;! limits.memory = \"1MB\"", "MB"),
            (";;! features = [\"nothing\"]", "nothing"),
            (";;! limits.memory = ", "line 1"),
        ] {
            let error = Header::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
