//! `wasi:io`: errors, pollables and streams.

use enginebay_core::{Backend, ComponentType, Lower, Resource, Result};
use wasmtime::component::{Resource as Raw, ResourceTable};
use wasmtime_wasi_io::bindings::wasi::io::error::HostError;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host as HostPoll, HostPollable};
use wasmtime_wasi_io::bindings::wasi::io::streams::{HostInputStream, HostOutputStream};
use wasmtime_wasi_io::poll::DynPollable;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use super::{Imports, entry, failed, give, resources};
use crate::ctx::WasiView;

resources! {
    /// `wasi:io/error.error`.
    IoError = wasmtime_wasi_io::streams::Error;
    /// `wasi:io/poll.pollable`.
    Pollable = DynPollable;
    /// `wasi:io/streams.input-stream`.
    InputStream = DynInputStream;
    /// `wasi:io/streams.output-stream`.
    OutputStream = DynOutputStream;
}

#[derive(Debug, ComponentType, Lower)]
enum StreamError {
    LastOperationFailed(Resource<IoError>),
    Closed,
}

type StreamResult<R> = (Result<R, StreamError>,);

/// The result of a function of a stream, as the guest gets it.
fn answer<R>(
    table: &mut ResourceTable,
    result: wasmtime_wasi_io::streams::StreamResult<R>,
) -> Result<StreamResult<R>> {
    use wasmtime_wasi_io::streams::StreamError as Theirs;
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(Theirs::Closed) => Ok((Err(StreamError::Closed),)),
        Err(Theirs::LastOperationFailed(error)) => {
            let error = table.push(error).map_err(|error| failed(error.into()))?;
            Ok((Err(StreamError::LastOperationFailed(give(error))),))
        }
        Err(Theirs::Trap(error)) => Err(failed(error)),
    }
}

pub(super) fn add<B: Backend, T: WasiView + 'static>(
    imports: &mut Imports<'_, B, T>,
) -> Result<()> {
    error(imports)?;
    poll(imports)?;
    streams(imports)
}

fn error<B: Backend, T: WasiView + 'static>(imports: &mut Imports<'_, B, T>) -> Result<()> {
    let mut error = imports.interface("wasi:io/error")?;
    error.resource::<IoError, _>("error", |state, this| {
        HostError::drop(&mut state.table, this)
    })?;
    error.func(
        "[method]error.to-debug-string",
        |state, (this,): (Resource<IoError>,)| {
            let error = state.table.get(&entry(&this));
            let error = error.map_err(|error| failed(error.into()))?;
            Ok((format!("{error:#}"),))
        },
    )
}

fn poll<B: Backend, T: WasiView + 'static>(imports: &mut Imports<'_, B, T>) -> Result<()> {
    let mut poll = imports.interface("wasi:io/poll")?;
    poll.resource::<Pollable, _>("pollable", |state, this| {
        if let Some(timers) = &mut state.timers {
            timers.forget(this.rep());
        }
        HostPollable::drop(&mut state.table, this)
    })?;
    poll.waits(
        "[method]pollable.ready",
        |state, (this,): (Resource<Pollable>,)| {
            Box::pin(async move {
                if let Some(timers) = &state.timers
                    && let Some(over) = timers.is_over(this.rep())
                {
                    return Ok((over,));
                }
                let ready = HostPollable::ready(&mut state.table, entry(&this)).await;
                Ok((ready.map_err(failed)?,))
            })
        },
    )?;
    poll.waits(
        "[method]pollable.block",
        |state, (this,): (Resource<Pollable>,)| {
            Box::pin(async move {
                if let Some(timers) = &state.timers
                    && timers.wait(&[this.rep()]).is_some()
                {
                    // Who waits lets others go on.
                    tokio::task::yield_now().await;
                    return Ok(());
                }
                let done = HostPollable::block(&mut state.table, entry(&this)).await;
                done.map_err(failed)
            })
        },
    )?;
    poll.waits("poll", |state, (list,): (Vec<Resource<Pollable>>,)| {
        Box::pin(async move {
            let reps: Vec<u32> = list.iter().map(Resource::rep).collect();
            if let Some(timers) = &state.timers
                && let Some(over) = timers.wait(&reps)
            {
                tokio::task::yield_now().await;
                return Ok((over,));
            }
            let list = list.iter().map(entry).collect();
            let ready = HostPoll::poll(&mut state.table, list).await;
            let ready = ready.map_err(failed)?;
            if let Some(timers) = &state.timers {
                let over = ready.iter().filter_map(|index| reps.get(*index as usize));
                timers.passed(over.copied());
            }
            Ok((ready,))
        })
    })
}

/// Writes as much as the stream takes, which not every stream looks at: a file has
/// all that it is given in memory until it is written.
fn write(
    table: &mut ResourceTable,
    stream: Raw<DynOutputStream>,
    contents: Vec<u8>,
) -> wasmtime_wasi_io::streams::StreamResult<()> {
    let permitted = table.get_mut(&stream)?.check_write()?;
    if contents.len() > permitted {
        let error = format!(
            "the guest writes {} bytes, of {permitted} that the stream takes",
            contents.len()
        );
        return Err(wasmtime_wasi_io::streams::StreamError::trap(&error));
    }
    HostOutputStream::write(table, stream, contents)
}

fn streams<B: Backend, T: WasiView + 'static>(imports: &mut Imports<'_, B, T>) -> Result<()> {
    type In = Resource<InputStream>;
    type Out = Resource<OutputStream>;

    let mut streams = imports.interface("wasi:io/streams")?;

    streams.resource_waits::<InputStream, _>("input-stream", |state, this| {
        Box::pin(async move {
            let done = HostInputStream::drop(&mut state.table, this).await;
            done.map_err(failed)
        })
    })?;
    streams.io(
        "[method]input-stream.read",
        |state, (this, len): (In, u64)| {
            let result = HostInputStream::read(&mut state.table, entry(&this), len);
            answer(&mut state.table, result)
        },
    )?;
    streams.waits(
        "[method]input-stream.blocking-read",
        |state, (this, len): (In, u64)| {
            Box::pin(async move {
                let table = &mut state.table;
                let result = HostInputStream::blocking_read(table, entry(&this), len).await;
                answer(table, result)
            })
        },
    )?;
    streams.io(
        "[method]input-stream.skip",
        |state, (this, len): (In, u64)| {
            let result = HostInputStream::skip(&mut state.table, entry(&this), len);
            answer(&mut state.table, result)
        },
    )?;
    streams.waits(
        "[method]input-stream.blocking-skip",
        |state, (this, len): (In, u64)| {
            Box::pin(async move {
                let table = &mut state.table;
                let result = HostInputStream::blocking_skip(table, entry(&this), len).await;
                answer(table, result)
            })
        },
    )?;
    streams.func("[method]input-stream.subscribe", |state, (this,): (In,)| {
        let pollable = HostInputStream::subscribe(&mut state.table, entry(&this));
        Ok((give::<Pollable>(pollable.map_err(failed)?),))
    })?;

    streams.resource_waits::<OutputStream, _>("output-stream", |state, this| {
        Box::pin(async move {
            let done = HostOutputStream::drop(&mut state.table, this).await;
            done.map_err(failed)
        })
    })?;
    streams.io(
        "[method]output-stream.check-write",
        |state, (this,): (Out,)| {
            let result = HostOutputStream::check_write(&mut state.table, entry(&this));
            answer(&mut state.table, result)
        },
    )?;
    streams.io(
        "[method]output-stream.write",
        |state, (this, contents): (Out, Vec<u8>)| {
            let result = write(&mut state.table, entry(&this), contents);
            answer(&mut state.table, result)
        },
    )?;
    streams.waits(
        "[method]output-stream.blocking-write-and-flush",
        |state, (this, contents): (Out, Vec<u8>)| {
            Box::pin(async move {
                let table = &mut state.table;
                let this = entry(&this);
                let result =
                    HostOutputStream::blocking_write_and_flush(table, this, contents).await;
                answer(table, result)
            })
        },
    )?;
    streams.io("[method]output-stream.flush", |state, (this,): (Out,)| {
        let result = HostOutputStream::flush(&mut state.table, entry(&this));
        answer(&mut state.table, result)
    })?;
    streams.waits(
        "[method]output-stream.blocking-flush",
        |state, (this,): (Out,)| {
            Box::pin(async move {
                let table = &mut state.table;
                let result = HostOutputStream::blocking_flush(table, entry(&this)).await;
                answer(table, result)
            })
        },
    )?;
    streams.func(
        "[method]output-stream.subscribe",
        |state, (this,): (Out,)| {
            let pollable = HostOutputStream::subscribe(&mut state.table, entry(&this));
            Ok((give::<Pollable>(pollable.map_err(failed)?),))
        },
    )?;
    streams.io(
        "[method]output-stream.write-zeroes",
        |state, (this, len): (Out, u64)| {
            let result = HostOutputStream::write_zeroes(&mut state.table, entry(&this), len);
            answer(&mut state.table, result)
        },
    )?;
    streams.waits(
        "[method]output-stream.blocking-write-zeroes-and-flush",
        |state, (this, len): (Out, u64)| {
            Box::pin(async move {
                let table = &mut state.table;
                let this = entry(&this);
                let result =
                    HostOutputStream::blocking_write_zeroes_and_flush(table, this, len).await;
                answer(table, result)
            })
        },
    )?;
    streams.io(
        "[method]output-stream.splice",
        |state, (this, src, len): (Out, In, u64)| {
            let table = &mut state.table;
            let result = HostOutputStream::splice(table, entry(&this), entry(&src), len);
            answer(table, result)
        },
    )?;
    streams.waits(
        "[method]output-stream.blocking-splice",
        |state, (this, src, len): (Out, In, u64)| {
            Box::pin(async move {
                let table = &mut state.table;
                let (this, src) = (entry(&this), entry(&src));
                let result = HostOutputStream::blocking_splice(table, this, src, len).await;
                answer(table, result)
            })
        },
    )
}
