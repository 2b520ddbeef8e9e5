//! Patterns of what a component may touch: paths, hosts and ports, namespaces, other
//! components, topics and commands.
//!
//! Each kind has a type of its own, since each has rules of its own: `*` stays between
//! two slashes of a path, begins a host's name and nothing else, and is one segment of a
//! topic. All of them are texts in manifests, are checked and compiled once when they are
//! read, and then match in time that is linear in what is matched: nothing backtracks.
//! What could be understood in two ways is refused rather than guessed.
//!
//! | type | examples | matches |
//! |---|---|---|
//! | [`PathPattern`] | `/data/**`, `/logs/*.txt`, `/in/{a,b}/[0-9]?` | absolute paths |
//! | [`HostPattern`] | `example.com`, `*.example.com`, `127.0.0.1`, `*` | names and addresses |
//! | [`Endpoint`] | `*.example.com:443`, `[::1]:8000-8100`, `localhost:*` | hosts with ports |
//! | [`NamespacePattern`] | `app:cache`, `app:*` | namespaces of the storage |
//! | [`ComponentPattern`] | `image-resizer`, `*` | components' names |
//! | [`TopicPattern`] | `events.*`, `events.**` | topics |
//! | [`CommandPattern`] | `/usr/bin/git`, `git-*` | programs |

mod automaton;
mod command;
mod component;
mod endpoint;
mod error;
mod glob;
mod host;
pub(crate) mod namespace;
mod path;
mod topic;

pub use command::CommandPattern;
pub use component::ComponentPattern;
pub use endpoint::{Endpoint, Ports};
pub use error::{PatternError, PatternKind};
pub use host::HostPattern;
pub use namespace::NamespacePattern;
pub use path::{MAX_PATH, PathError, PathPattern, is_normal, normalise};
pub use topic::TopicPattern;

/// The most bytes that the text of a pattern may have.
pub const MAX_PATTERN: usize = 1024;

/// The most patterns that braces may stand for: `{a,b}{c,d}` stands for four.
pub const MAX_ALTERNATIVES: usize = 64;

/// The most bytes that the automaton of one pattern may have.
pub const MAX_AUTOMATON: usize = 256 << 10;

/// What all patterns have in common: they are texts, and equal when their texts are.
macro_rules! text_pattern {
    ($name:ident, $schema:literal, $example:literal) => {
        impl $name {
            /// The pattern's text.
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.text).finish()
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::pattern::PatternError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $name::new(text)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.text == other.text
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.text.cmp(&other.text)
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.text.hash(state);
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                $name::new(&text).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "minLength": 1,
                    "maxLength": $crate::pattern::MAX_PATTERN,
                    "description": $schema,
                    "examples": [$example],
                })
            }
        }
    };
}
use text_pattern;
