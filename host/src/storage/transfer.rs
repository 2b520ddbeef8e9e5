//! Everything as text, a record a line: to move a storage to another version, to keep a
//! copy, to look at it. Neither direction holds more than a part in memory.

use std::io::{BufRead, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use super::Storage;
use super::engine::{COUNTERS, DATA, shielded};
use super::error::StorageError;
use super::limits::{MAX_KEY_BYTES, MAX_NAMESPACE_PART_BYTES, MAX_VALUE_BYTES, StorageLimits};
use super::operation::Operation;

/// Records of an import that are written at once, at most.
const MAX_RECORDS: usize = 1_000;
/// Bytes of records after which an import writes them.
const MAX_RECORD_BYTES: u64 = 4 << 20;
/// Bytes of a line: the longest record, with every character of its key escaped.
const MAX_LINE_BYTES: u64 = (MAX_VALUE_BYTES as u64).div_ceil(3) * 4
    + 6 * MAX_KEY_BYTES as u64
    + 2 * MAX_NAMESPACE_PART_BYTES as u64
    + 1_024;

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    #[serde(borrow)]
    namespace: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    key: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    value: std::borrow::Cow<'a, str>,
}

impl Storage {
    /// Writes every key of every namespace as JSON Lines, and says how many. A line is
    /// `{"namespace":"owner:name","key":"...","value":"..."}`, with the value in Base64
    /// (RFC 4648, with padding); lines are ordered by namespace and key. All is from one
    /// state of the storage. What is written meanwhile does not wait, but the space of
    /// what is deleted is not used again before the end.
    ///
    /// ```
    /// # use enginebay_host::storage::{Storage, StorageLimits};
    /// # fn main() -> Result<(), enginebay_host::storage::StorageError> {
    /// let storage = Storage::in_memory()?;
    /// storage.namespace("shop:cart", StorageLimits::new())?.set("apples", b"3")?;
    /// let mut lines = Vec::new();
    /// storage.export(&mut lines)?;
    /// assert_eq!(lines, b"{\"namespace\":\"shop:cart\",\"key\":\"apples\",\"value\":\"Mw==\"}\n");
    /// let copy = Storage::in_memory()?;
    /// copy.import(lines.as_slice(), &StorageLimits::new())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StorageError::Io`] or [`StorageError::DiskFull`] if `output` refuses, and what
    /// reading can fail with.
    pub fn export(&self, mut output: impl Write) -> Result<u64, StorageError> {
        let writing = |error: std::io::Error| StorageError::io("write the export", &error);
        let txn = self.inner.engine.snapshot()?;
        let counters = txn.open_table(COUNTERS)?;
        let data = txn.open_table(DATA)?;
        let mut records = 0;
        let mut encoded = String::new();
        let mut line = Vec::new();
        for row in counters.iter()? {
            let (namespace, counted) = row?;
            let (id, ..) = counted.value();
            if !namespace.value().contains(':') {
                continue;
            }
            let mut rows = data.range((id, "")..(id.saturating_add(1), ""))?;
            while let Some((key, value)) = shielded(|| Ok(rows.next().transpose()?))? {
                encoded.clear();
                BASE64.encode_string(value.value(), &mut encoded);
                line.clear();
                let record = Record {
                    namespace: namespace.value().into(),
                    key: key.value().1.into(),
                    value: encoded.as_str().into(),
                };
                serde_json::to_writer(&mut line, &record).map_err(|error| writing(error.into()))?;
                line.push(b'\n');
                output.write_all(&line).map_err(writing)?;
                records += 1;
            }
        }
        output.flush().map_err(writing)?;
        Ok(records)
    }

    /// Sets every key of an export, and says how many lines there were. Keys that are
    /// not in it stay as they are. The limits are for every namespace in it.
    ///
    /// It is written in parts: after an error some of it may be there, and importing
    /// again is safe.
    ///
    /// # Errors
    ///
    /// [`StorageError::Import`] with the line, for what is not a record;
    /// [`StorageError::Io`] if `input` refuses; as for
    /// [`Namespace::set`](super::Namespace::set).
    pub fn import(
        &self,
        mut input: impl BufRead,
        limits: &StorageLimits,
    ) -> Result<u64, StorageError> {
        let mut part = Part::default();
        let mut line = Vec::new();
        let mut records = 0;
        loop {
            line.clear();
            // One more, to tell a line that is too long from one that just fits.
            let read = input
                .by_ref()
                .take(MAX_LINE_BYTES + 1)
                .read_until(b'\n', &mut line)
                .map_err(|error| StorageError::io("read the import", &error))?;
            if read == 0 {
                break;
            }
            records += 1;
            let wrong = |reason: String| StorageError::Import {
                line: records,
                reason,
            };
            if read as u64 > MAX_LINE_BYTES {
                return Err(wrong("is too long".to_owned()));
            }
            let record: Record<'_> = serde_json::from_slice(&line)
                .map_err(|error| wrong(format!("is no record ({error})")))?;
            let value = BASE64
                .decode(record.value.as_bytes())
                .map_err(|error| wrong(format!("has a value that is not Base64 ({error})")))?;
            if part.namespace != record.namespace || part.is_full() {
                part.write(self, limits)?;
                part.namespace = record.namespace.into_owned();
            }
            let operation = Operation::set(record.key, value);
            part.bytes += operation.bytes();
            part.operations.push(operation);
        }
        part.write(self, limits)?;
        Ok(records)
    }
}

/// Records that are written at once.
#[derive(Default)]
struct Part {
    namespace: String,
    operations: Vec<Operation>,
    bytes: u64,
}

impl Part {
    fn is_full(&self) -> bool {
        self.operations.len() >= MAX_RECORDS || self.bytes >= MAX_RECORD_BYTES
    }

    fn write(&mut self, storage: &Storage, limits: &StorageLimits) -> Result<(), StorageError> {
        if self.operations.is_empty() {
            return Ok(());
        }
        storage
            .namespace(&self.namespace, limits.clone())?
            .batch(&self.operations)?;
        self.operations.clear();
        self.bytes = 0;
        Ok(())
    }
}
