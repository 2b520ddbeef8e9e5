//! Patterns of topics, which are also those of components' names.

use super::error::{self, PatternError, PatternKind};
use super::text_pattern;

/// The most bytes of a topic.
const MAX_TOPIC: usize = 256;
/// The most segments of a topic or of a pattern.
const MAX_SEGMENTS: usize = 32;
/// The most `**` of a pattern.
const MAX_ACROSS: usize = 4;

/// A pattern of topics, or of components' names: a name is a topic of one segment.
///
/// Topics are segments with dots between them, of letters, digits, `-` and `_` of ASCII;
/// up to 32 segments and 256 characters. In a pattern a segment may be `*`, which is one
/// segment, or `**`, which is any number of segments, also none: `events.**` matches
/// `events` too. There may be four `**`, not one after the other. Case matters.
///
/// ```
/// use enginebay_host::pattern::TopicPattern;
/// let pattern = TopicPattern::new("events.*").unwrap();
/// assert!(pattern.matches("events.created"));
/// assert!(!pattern.matches("events.user.created"));
/// assert!(TopicPattern::new("**.created").unwrap().matches("events.user.created"));
/// ```
#[derive(Clone)]
pub struct TopicPattern {
    text: String,
}

text_pattern!(
    TopicPattern,
    "A topic of segments with dots between them, or a component's name; `*` is one segment, `**` any number of them.",
    "events.*"
);

impl TopicPattern {
    /// The pattern that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let kind = PatternKind::Topic;
        error::check(kind, text)?;
        let malformed = |reason| Err(PatternError::malformed(kind, text, reason));
        if text.len() > MAX_TOPIC || text.split('.').count() > MAX_SEGMENTS {
            return malformed("a topic has up to 32 segments and 256 characters");
        }
        let mut across = 0;
        let mut last = "";
        for segment in text.split('.') {
            match segment {
                "" => return malformed("a segment is empty: write one `.` between segments"),
                "**" if last == "**" => {
                    return malformed("one `**` is enough: remove the other");
                }
                "**" => across += 1,
                "*" => {}
                _ if segment.contains('*') => {
                    return malformed(
                        "a wildcard is a segment of its own: write `events.*` or `events.**`",
                    );
                }
                _ if !is_segment(segment) => {
                    return malformed("segments are of a-z, A-Z, 0-9, `-` and `_`");
                }
                _ => {}
            }
            last = segment;
        }
        if across > MAX_ACROSS {
            return malformed("there are more than four `**`");
        }
        Ok(TopicPattern {
            text: text.to_owned(),
        })
    }

    /// Whether a topic matches. What is no topic matches nothing.
    pub fn matches(&self, topic: &str) -> bool {
        if !is_topic(topic) {
            return false;
        }
        if !self.text.contains('*') {
            return topic == self.text;
        }
        // Bit `n`: what of the pattern was read matches the first `n` segments. So each
        // segment of the pattern takes one step for each of the topic.
        let count = topic.split('.').count();
        let all = (1_u64 << (count + 1)) - 1;
        let mut reached = 1_u64;
        for wanted in self.text.split('.') {
            reached = match wanted {
                // All bits from the lowest that is set on.
                "**" => (reached | reached.wrapping_neg()) & all,
                "*" => (reached << 1) & all,
                _ => topic
                    .split('.')
                    .enumerate()
                    .filter(|(at, segment)| reached & (1 << at) != 0 && *segment == wanted)
                    .fold(0, |next, (at, _)| next | (1 << (at + 1))),
            };
            if reached == 0 {
                return false;
            }
        }
        reached & (1 << count) != 0
    }
}

fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !segment.is_empty() && segment.bytes().all(allowed)
}

fn is_topic(topic: &str) -> bool {
    topic.len() <= MAX_TOPIC
        && topic.split('.').count() <= MAX_SEGMENTS
        && topic.split('.').all(is_segment)
}
