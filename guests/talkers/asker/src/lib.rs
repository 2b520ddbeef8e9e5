//! Asks `answerer`: it waits for the answer, or takes it when it comes. And publishes.

use std::collections::VecDeque;
use std::time::Duration;

use enginebay_guest::{
    Component, ComponentConfig, ComponentError, Denied, ExecutionContext, ExecutionError,
    MessageError, RequestId, log, messages, text, unknown_operation,
};

const ANSWERER: &str = "answerer";
const TOPIC: &str = "events.greeting";
const TIMEOUT: Duration = Duration::from_secs(5);
/// Answers that are kept: the latest.
const KEPT: usize = 100;

#[derive(Default)]
struct Asker {
    ticks: u64,
    answers: VecDeque<String>,
}

impl Component for Asker {
    const OPERATIONS: &'static [&'static str] = &["ask", "ask-later", "answers", "publish", "tick"];

    fn init(_: ComponentConfig) -> Result<Self, ComponentError> {
        Ok(Asker::default())
    }

    fn execute(
        &mut self,
        operation: &str,
        input: &[u8],
        _: &ExecutionContext,
    ) -> Result<Vec<u8>, ExecutionError> {
        match operation {
            "ask" => Ok(messages::request(ANSWERER, input, TIMEOUT)?),
            "ask-later" => {
                let request = messages::send_request(ANSWERER, input, TIMEOUT)?;
                Ok(request.to_string().into_bytes())
            }
            "answers" => {
                let lines: Vec<&str> = self.answers.iter().map(String::as_str).collect();
                Ok(lines.join("\n").into_bytes())
            }
            "publish" => {
                let delivery = messages::publish(TOPIC, input)?;
                let (delivered, dropped) = (delivery.delivered, delivery.dropped);
                Ok(format!("delivered {delivered}, dropped {dropped}").into_bytes())
            }
            "tick" => self.tick(),
            other => unknown_operation(other),
        }
    }

    fn handle_callback(
        &mut self,
        request: RequestId,
        answer: Result<Vec<u8>, MessageError>,
    ) -> Result<(), ComponentError> {
        let answer = match answer {
            Ok(answer) => String::from_utf8_lossy(&answer).into_owned(),
            Err(error) => match error.denial() {
                Some(denial) => denial.message.clone(),
                None => error.to_string(),
            },
        };
        if self.answers.len() == KEPT {
            self.answers.pop_front();
        }
        self.answers.push_back(format!("{request}: {answer}"));
        Ok(())
    }
}

impl Asker {
    /// A round of the conversation: asks, and publishes what came.
    fn tick(&mut self) -> Result<Vec<u8>, ExecutionError> {
        self.ticks += 1;
        let question = format!("hello {}", self.ticks);
        let answer = messages::request(ANSWERER, question.as_bytes(), TIMEOUT)?;
        messages::publish(TOPIC, &answer)?;
        log::info(&format!("asked {question:?}, got {:?}", text(&answer)?));
        Ok(answer)
    }
}

enginebay_guest::export!(Asker);
