//! What is one thing to a host and another to a guest.

use std::time::{Duration, SystemTime};

use super::core::since_epoch;
use crate::contract::bindings::enginebay::core::types::{MessageError, Timestamp};
use crate::contract::bindings::enginebay::storage::store::{Quota, StorageError as WitStorage};
use crate::messaging::MessagingError;
use crate::storage::StorageError;

pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    let since = since_epoch(time);
    Timestamp {
        seconds: since.as_secs(),
        nanoseconds: since.subsec_nanos(),
    }
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn message_error(error: MessagingError) -> MessageError {
    match error {
        MessagingError::ComponentNotFound { component } => {
            MessageError::ComponentNotFound(component)
        }
        MessagingError::InvalidName { name, .. } => MessageError::ComponentNotFound(name),
        MessagingError::MailboxFull { .. } => MessageError::MailboxFull,
        MessagingError::MessageTooLarge { limit, .. } => MessageError::TooLarge(limit as u64),
        MessagingError::TooManyRequests { .. } | MessagingError::TooManySubscriptions { .. } => {
            MessageError::TooMany
        }
        MessagingError::Timeout { .. } => MessageError::Timeout,
        MessagingError::Cancelled => MessageError::Cancelled,
        MessagingError::ComponentGone { .. } | MessagingError::Abandoned { .. } => {
            MessageError::Abandoned
        }
        MessagingError::Rejected { reason, .. } => MessageError::Failed(reason),
        error @ (MessagingError::InvalidTopic { .. } | MessagingError::InvalidPattern { .. }) => {
            MessageError::InvalidTopic(error.to_string())
        }
        error => MessageError::Failed(error.to_string()),
    }
}

pub(crate) fn storage_error(error: StorageError) -> WitStorage {
    match error {
        StorageError::InvalidKey { .. } => WitStorage::InvalidKey,
        StorageError::ValueTooLarge { limit, .. } => WitStorage::ValueTooLarge(limit),
        StorageError::QuotaExceeded {
            limit,
            used,
            requested,
            ..
        } => WitStorage::QuotaExceeded(Quota {
            limit,
            used,
            requested,
        }),
        error @ (StorageError::InvalidNamespace { .. } | StorageError::BatchTooLarge { .. }) => {
            WitStorage::InvalidArgument(error.to_string())
        }
        // Paths and words of the host's system are not for guests.
        StorageError::DiskFull { .. } => WitStorage::Unavailable("the disk is full".to_string()),
        StorageError::Corrupted { .. } => {
            WitStorage::Unavailable("the database is damaged".to_string())
        }
        _ => WitStorage::Unavailable("the database cannot be reached".to_string()),
    }
}
