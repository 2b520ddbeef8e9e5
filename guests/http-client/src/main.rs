//! A command that sends one request by `wasi:http` and prints what came back, so that a
//! host can test to which servers requests go, and how they end.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

const USAGE: &str = "\
usage: http-client METHOD URL [OPTION]...

  -h NAME VALUE  a header
  -b TEXT        a body
  -n KIB         a body of this many kibibytes, sent in parts
  -l LENGTH      say that the body has this length
  -t MS          wait so long for the answer
  -c             print the size of the answer's body instead of the body

Prints the status, the headers that begin with \"x-\", an empty line and the body; or
the error.
";

/// The most that one blocking write takes.
const PART: usize = 4096;

#[derive(Default)]
struct Options {
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    timeout: Option<u64>,
    count: bool,
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-h" => options
                .headers
                .push((args.next()?, args.next()?.into_bytes())),
            "-b" => options.body = Some(args.next()?.into_bytes()),
            "-n" => options.body = Some(vec![b'x'; args.next()?.parse::<usize>().ok()? << 10]),
            "-l" => options
                .headers
                .push(("content-length".to_owned(), args.next()?.into_bytes())),
            "-t" => options.timeout = Some(args.next()?.parse::<u64>().ok()? * 1_000_000),
            "-c" => options.count = true,
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let (Some(method), Some(url), Some(options)) = (args.next(), args.next(), parse(args)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match send(&method, &url, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::SUCCESS
        }
    }
}

fn failed(code: ErrorCode) -> String {
    format!("{code:?}")
}

fn request(method: &str, url: &str, options: &Options) -> Result<OutgoingRequest, String> {
    let headers = Fields::from_list(&options.headers).map_err(|error| format!("{error:?}"))?;
    let request = OutgoingRequest::new(headers);
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    };
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    request.set_method(&method).map_err(|()| "invalid method")?;
    request
        .set_scheme(Some(&scheme))
        .map_err(|()| "invalid scheme")?;
    request
        .set_authority(Some(authority))
        .map_err(|()| "invalid authority")?;
    request
        .set_path_with_query(Some(path))
        .map_err(|()| "invalid path")?;
    Ok(request)
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), StreamError> {
    let stream = body.write().expect("a stream that was not taken");
    bytes
        .chunks(PART)
        .try_for_each(|part| stream.blocking_write_and_flush(part))
}

fn send(method: &str, url: &str, options: &Options) -> Result<(), String> {
    let request = request(method, url, options)?;
    let body = options
        .body
        .as_ref()
        .map(|_| request.body().map_err(|()| "no body"))
        .transpose()?;
    let times = options.timeout.map(|timeout| {
        let times = RequestOptions::new();
        times
            .set_first_byte_timeout(Some(timeout))
            .expect("a timeout");
        times
    });
    let future = outgoing_handler::handle(request, times)
        .map_err(|code| format!("refused: {}", failed(code)))?;
    if let (Some(body), Some(bytes)) = (body, &options.body) {
        // Whoever does not want the body says why in the answer.
        let written = write(&body, bytes);
        let finished = OutgoingBody::finish(body, None);
        if written.is_ok() {
            finished.map_err(failed)?;
        }
    }
    future.subscribe().block();
    let response = future.get().ok_or("not there")?.map_err(|()| "taken")?;
    print(&response.map_err(failed)?, options.count)
}

fn print(response: &IncomingResponse, count: bool) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let mut line = |text: &[u8]| {
        out.write_all(&[text, b"\n"].concat())
            .map_err(|e| e.to_string())
    };
    line(response.status().to_string().as_bytes())?;
    for (name, value) in response.headers().entries() {
        if name.starts_with("x-") {
            line(&[name.as_bytes(), b": ", &value].concat())?;
        }
    }
    line(b"")?;
    let body = response.consume().map_err(|()| "consumed")?;
    let stream = body.stream().map_err(|()| "streamed")?;
    let mut size = 0;
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(bytes) if count => size += bytes.len(),
            Ok(bytes) => out.write_all(&bytes).map_err(|error| error.to_string())?,
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match http_error_code(&error) {
                    Some(code) => failed(code),
                    None => error.to_debug_string(),
                });
            }
        }
    }
    if count {
        writeln!(out, "{size}").map_err(|error| error.to_string())?;
    }
    out.flush().map_err(|error| error.to_string())
}
