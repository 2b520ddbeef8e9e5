//! Patterns of topics.

use super::error::{self, PatternError, PatternKind};
use super::text_pattern;

/// The most bytes of a topic.
const MAX_TOPIC: usize = 256;
/// The most segments of a topic or of a pattern.
const MAX_SEGMENTS: usize = 32;
/// The most `**` of a pattern.
const MAX_ACROSS: usize = 4;

/// A pattern of topics.
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
    "A topic of segments with dots between them; `*` is one segment, `**` any number of them.",
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
        is_topic(topic) && self.takes(topic)
    }

    /// Whether all that another pattern matches, this one matches too. A `*` of the other
    /// can be any segment, its `**` any number of them.
    ///
    /// ```
    /// use enginebay_host::pattern::TopicPattern;
    /// let granted = TopicPattern::new("events.*").unwrap();
    /// let covers = |wanted| granted.covers(&TopicPattern::new(wanted).unwrap());
    /// assert!(covers("events.created") && covers("events.*"));
    /// assert!(!covers("events.**") && !covers("*.created"));
    /// ```
    pub fn covers(&self, other: &TopicPattern) -> bool {
        self.takes(&other.text)
    }

    /// Whether the segments match, of which some may be wildcards themselves.
    fn takes(&self, topic: &str) -> bool {
        if !self.text.contains('*') {
            return topic == self.text;
        }
        // Bit `n`: what of the pattern was read matches the first `n` segments. So each
        // segment of the pattern takes one step for each of the topic.
        let count = topic.split('.').count();
        let all = (1_u64 << (count + 1)) - 1;
        let mut reached = 1_u64;
        for wanted in self.text.split('.') {
            let step = |fits: &dyn Fn(&str) -> bool| {
                topic
                    .split('.')
                    .enumerate()
                    .filter(|(at, segment)| reached & (1 << at) != 0 && fits(segment))
                    .fold(0, |next, (at, _)| next | (1 << (at + 1)))
            };
            reached = match wanted {
                // All bits from the lowest that is set on.
                "**" => (reached | reached.wrapping_neg()) & all,
                // Any number of segments are more than one.
                "*" => step(&|segment| segment != "**"),
                _ => step(&|segment| segment == wanted),
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
