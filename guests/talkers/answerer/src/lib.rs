//! Answers what it is asked in upper case, and counts what is published to `events.*`.

use enginebay_guest::messages::{self, Subscription};
use enginebay_guest::{
    Component, ComponentConfig, ComponentError, ExecutionContext, ExecutionError, Message,
    MessageKind, log, unknown_operation,
};

struct Answerer {
    /// What is published arrives while this is there.
    _events: Subscription,
    requests: u64,
    published: u64,
    sent: u64,
}

impl Component for Answerer {
    const OPERATIONS: &'static [&'static str] = &["seen"];

    fn init(_: ComponentConfig) -> Result<Self, ComponentError> {
        Ok(Answerer {
            _events: messages::subscribe("events.*")?,
            requests: 0,
            published: 0,
            sent: 0,
        })
    }

    fn execute(
        &mut self,
        operation: &str,
        _: &[u8],
        _: &ExecutionContext,
    ) -> Result<Vec<u8>, ExecutionError> {
        if operation != "seen" {
            return unknown_operation(operation);
        }
        let Answerer {
            requests,
            published,
            sent,
            ..
        } = self;
        let seen = format!("requests {requests}, published {published}, sent {sent}");
        Ok(seen.into_bytes())
    }

    fn handle_message(&mut self, message: Message) -> Result<Option<Vec<u8>>, ComponentError> {
        match message.kind {
            MessageKind::Request => {
                self.requests += 1;
                let question = String::from_utf8_lossy(&message.payload);
                return Ok(Some(question.to_ascii_uppercase().into_bytes()));
            }
            MessageKind::Published(topic) => {
                self.published += 1;
                log::debug(&format!("heard of {topic} from {}", message.sender.name));
            }
            MessageKind::Plain => self.sent += 1,
        }
        Ok(None)
    }
}

enginebay_guest::export!(Answerer);
