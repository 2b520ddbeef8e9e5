//! Who subscribes to what. Patterns are matched once per topic: who gets what is
//! published to a topic is remembered until a subscription begins or ends.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::MessagingError;
use super::component::{Component, not_found};
use super::error::shortened;
use super::inbox::NumberMap;
use crate::pattern::TopicPattern;

/// For how many topics it is remembered who gets them.
const REMEMBERED: usize = 1024;

/// The longest topic or pattern, in bytes.
const LONGEST: usize = 256;

/// The most segments of a topic.
const MOST_SEGMENTS: usize = 32;

#[derive(Default)]
pub(super) struct Topics(RwLock<State>);

#[derive(Default)]
struct State {
    subscribers: NumberMap<u64, Subscriber>,
    /// By topic; as of now, since a change to the subscribers empties it.
    audiences: HashMap<Arc<str>, Audience>,
    /// How often the subscribers changed.
    generation: u64,
}

struct Subscriber {
    component: Arc<Component>,
    patterns: Vec<(Box<str>, TopicPattern)>,
}

/// Who gets what is published to a topic.
#[derive(Clone)]
pub(super) struct Audience {
    pub(super) topic: Arc<str>,
    pub(super) components: Arc<[Arc<Component>]>,
}

impl Topics {
    pub(super) fn subscribe(
        &self,
        component: &Arc<Component>,
        pattern: &str,
    ) -> Result<(), MessagingError> {
        let invalid = |reason: String| MessagingError::InvalidPattern {
            pattern: shortened(pattern),
            reason,
        };
        if pattern.len() > LONGEST {
            return Err(invalid(format!("it has more than {LONGEST} bytes")));
        }
        let parsed = TopicPattern::new(pattern).map_err(|error| invalid(error.to_string()))?;
        let limit = component.inbox.options().subscriptions;
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever unregisters a component closes its mailbox first and comes here then.
        if component.inbox.is_gone() {
            return Err(not_found(&component.name));
        }
        let patterns = state.subscribers.get(&component.number);
        let patterns = patterns.map_or(&[][..], |it| &it.patterns);
        if patterns.iter().any(|(text, _)| **text == *pattern) {
            return Ok(());
        }
        if patterns.len() >= limit {
            return Err(MessagingError::TooManySubscriptions {
                component: component.name.to_string(),
                limit,
            });
        }
        let subscriber = state.subscribers.entry(component.number);
        let subscriber = subscriber.or_insert_with(|| Subscriber {
            component: component.clone(),
            patterns: Vec::new(),
        });
        subscriber.patterns.push((pattern.into(), parsed));
        state.changed();
        Ok(())
    }

    /// Ends a subscription, and says whether there was one.
    pub(super) fn unsubscribe(&self, component: &Component, pattern: &str) -> bool {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(subscriber) = state.subscribers.get_mut(&component.number) else {
            return false;
        };
        let before = subscriber.patterns.len();
        subscriber.patterns.retain(|(text, _)| **text != *pattern);
        let after = subscriber.patterns.len();
        if after == 0 {
            state.subscribers.remove(&component.number);
        }
        if after < before {
            state.changed();
        }
        after < before
    }

    /// Ends all subscriptions of a component.
    pub(super) fn remove(&self, component: &Component) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if state.subscribers.remove(&component.number).is_some() {
            state.changed();
        }
    }

    pub(super) fn subscriptions(&self, component: &Component) -> usize {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let subscriber = state.subscribers.get(&component.number);
        subscriber.map_or(0, |it| it.patterns.len())
    }

    /// Who gets what is published to a topic now. A component with several patterns
    /// that match is there once.
    pub(super) fn audience(&self, topic: &str) -> Result<Audience, MessagingError> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(audience) = state.audiences.get(topic) {
            return Ok(audience.clone());
        }
        check_topic(topic)?;
        let subscribers = state.subscribers.values();
        let matching = subscribers.filter(|it| {
            it.patterns
                .iter()
                .any(|(_, pattern)| pattern.matches(topic))
        });
        let audience = Audience {
            topic: topic.into(),
            components: matching.map(|it| it.component.clone()).collect(),
        };
        let generation = state.generation;
        drop(state);
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if state.generation == generation {
            if state.audiences.len() >= REMEMBERED {
                state.audiences.clear();
            }
            let topic = audience.topic.clone();
            state.audiences.insert(topic, audience.clone());
        }
        Ok(audience)
    }

    /// How many components have an entry.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.0.read().unwrap().subscribers.len()
    }
}

impl State {
    fn changed(&mut self) {
        self.generation += 1;
        self.audiences.clear();
    }
}

/// Topics are what [`TopicPattern`] can match.
fn check_topic(topic: &str) -> Result<(), MessagingError> {
    let is_of_segments = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    let reason = if topic.len() > LONGEST {
        "it has more than 256 bytes"
    } else if topic.split('.').any(str::is_empty) {
        "a segment is empty"
    } else if topic.split('.').count() > MOST_SEGMENTS {
        "it has more than 32 segments"
    } else if !topic.chars().all(is_of_segments) {
        "segments are of a-z, A-Z, 0-9, `-` and `_`"
    } else {
        return Ok(());
    };
    Err(MessagingError::InvalidTopic {
        topic: shortened(topic),
        reason,
    })
}
