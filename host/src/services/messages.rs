//! Messages, requests and topics.

use std::time::Duration;

use enginebay_core::{Resource, Result};

use super::ComponentContext;
use super::convert::message_error;
use crate::capability::MessagingAction;
use crate::contract::bindings::enginebay::core::types::MessageError;
use crate::contract::bindings::enginebay::messaging::messages::{
    Delivery, Host, HostSubscription, Subscription,
};
use crate::messaging::MessagingError;
use crate::permission::{QuotaKind, Request};

/// What a function gives a guest.
type Answer<R> = Result<Result<R, MessageError>>;

impl ComponentContext {
    /// Counts a message of the component's.
    fn charge(&self, action: MessagingAction, target: &str) -> Result<(), MessageError> {
        let request = Request::messaging(action, target);
        let function = "enginebay:messaging/messages@1.0.0";
        let charged = self
            .checker
            .charge(function, request, QuotaKind::Messages, 1);
        charged.map_err(|_| MessageError::QuotaExceeded)
    }

    fn timeout(&self, nanoseconds: u64) -> Duration {
        Duration::from_nanos(nanoseconds).min(self.options.longest_request)
    }
}

impl HostSubscription for ComponentContext {
    fn pattern(&mut self, subscription: Resource<Subscription>) -> Result<String> {
        self.subscriptions.get(subscription.rep())
    }

    fn drop(&mut self, subscription: Resource<Subscription>) -> Result<()> {
        let Some(pattern) = self.subscriptions.remove(subscription.rep()) else {
            return Ok(());
        };
        // Others may be for the same pattern.
        if !self.subscriptions.all().contains(&pattern) {
            self.endpoint.unsubscribe(&pattern);
        }
        Ok(())
    }
}

impl Host for ComponentContext {
    fn send(
        &mut self,
        target: String,
        payload: Vec<u8>,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        let charged = self.charge(MessagingAction::Send, &target);
        let sending = charged.map(|()| {
            self.endpoint
                .send(&target, payload, self.options.send_timeout)
        });
        async move {
            Ok(match sending {
                Err(error) => Err(error),
                Ok(sending) => sending.await.map(drop).map_err(|error| match error {
                    MessagingError::Timeout { .. } => MessageError::MailboxFull,
                    error => message_error(error),
                }),
            })
        }
    }

    fn request(
        &mut self,
        target: String,
        payload: Vec<u8>,
        timeout: u64,
    ) -> impl Future<Output = Answer<Vec<u8>>> + Send + 'static {
        let timeout = self.timeout(timeout);
        let request = match self.charge(MessagingAction::Request, &target) {
            Err(error) => Err(error),
            // Nobody could answer while this waits.
            Ok(()) if target == self.name() => Err(MessageError::Failed(
                "a component that waits for itself would wait for ever".to_string(),
            )),
            Ok(()) => {
                let request = self.endpoint.request(&target, payload, timeout);
                request.map_err(message_error)
            }
        };
        async move {
            Ok(match request {
                Err(error) => Err(error),
                Ok(request) => match request.await {
                    Ok(payload) => Ok(payload.into_vec()),
                    Err(error) => Err(message_error(error)),
                },
            })
        }
    }

    fn send_request(
        &mut self,
        target: String,
        payload: Vec<u8>,
        timeout: u64,
    ) -> Result<Result<u64, MessageError>> {
        if let Err(error) = self.charge(MessagingAction::Request, &target) {
            return Ok(Err(error));
        }
        let timeout = self.timeout(timeout);
        let request = self.endpoint.request(&target, payload, timeout);
        Ok(request.map_err(message_error).map(|request| {
            let id = request.id().get();
            self.cancellers.insert(id, request.canceller());
            self.requests.push(request);
            id
        }))
    }

    fn cancel_request(&mut self, request: u64) -> Result<Result<(), MessageError>> {
        let canceller = self.cancellers.remove(&request);
        Ok(match canceller {
            Some(canceller) if canceller.cancel() => Ok(()),
            _ => Err(MessageError::UnknownRequest),
        })
    }

    fn publish(
        &mut self,
        topic: String,
        payload: Vec<u8>,
    ) -> Result<Result<Delivery, MessageError>> {
        if let Err(error) = self.charge(MessagingAction::Publish, &topic) {
            return Ok(Err(error));
        }
        let published = self.endpoint.publish(&topic, payload);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(published.map_err(message_error).map(|it| Delivery {
            delivered: count(it.delivered),
            dropped: count(it.dropped),
        }))
    }

    fn subscribe(
        &mut self,
        pattern: String,
    ) -> Result<Result<Resource<Subscription>, MessageError>> {
        if let Err(error) = self.endpoint.subscribe(&pattern) {
            return Ok(Err(message_error(error)));
        }
        Ok(match self.subscriptions.push(pattern) {
            Ok(number) => Ok(Resource::new_own(number)),
            Err(_) => Err(MessageError::TooMany),
        })
    }
}
