//! A server of HTTP/1.1 for the tests, which says what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    connections: AtomicUsize,
    /// Whether `/gate` is answered.
    open: Mutex<bool>,
    opened: Condvar,
    /// Clients of `/never` that went away.
    gone: AtomicUsize,
}

struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let ours = shared.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ours.over.load(Ordering::SeqCst) {
                    break;
                }
                ours.connections.fetch_add(1, Ordering::SeqCst);
                let shared = ours.clone();
                let stream = stream.unwrap();
                // Clients may go away at any time.
                thread::spawn(move || _ = serve(&shared, stream));
            }
        });
        Server {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Lets `/gate` be answered.
    pub(crate) fn open(&self) {
        *self.shared.open.lock().unwrap() = true;
        self.shared.opened.notify_all();
    }

    /// Waits for a client of `/never` to go away.
    pub(crate) fn was_left(&self) -> bool {
        let start = Instant::now();
        while self.shared.gone.load(Ordering::SeqCst) == 0 {
            if start.elapsed() > Duration::from_secs(10) {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Asked> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        std::io::Result::Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(": ") else {
            break;
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let header = |name: &str| {
        let found = headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    };
    let mut body = Vec::new();
    if let Some(length) = header("content-length") {
        body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body)?;
    } else if header("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap_or(0);
            let start = body.len();
            body.resize(start + size, 0);
            stream.read_exact(&mut body[start..])?;
            stream.read_exact(&mut [0; 2])?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(Asked {
        method,
        path,
        headers,
        body,
    })
}

fn serve(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let asked = read(&mut reader)?;
    let mut stream = stream;
    let mut answer = |status: u16, headers: &[(String, String)], body: &[u8]| {
        let mut head = format!("HTTP/1.1 {status} Text\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)
    };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match asked.path.as_str() {
        "/text" => answer(200, &[header("X-Answer", "yes")], b"hello"),
        "/echo" => {
            let mut headers = asked.headers;
            let host = headers.iter().find(|(name, _)| name == "host").cloned();
            headers.retain(|(name, _)| name.starts_with("x-"));
            headers.push(header("x-method", &asked.method));
            headers.push(header("x-host", &host.unwrap_or_default().1));
            answer(200, &headers, &asked.body)
        }
        "/redirect" => answer(302, &[header("location", "/text")], b"moved"),
        "/gate" => {
            let open = shared.open.lock().unwrap();
            let _open = shared.opened.wait_while(open, |open| !*open).unwrap();
            answer(200, &[], b"opened")
        }
        "/never" => {
            let left = reader.read(&mut [0]);
            if !matches!(left, Ok(1)) {
                shared.gone.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        }
        "/half" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
        "/close" => Ok(()),
        _ => answer(404, &[], b"not here"),
    }
}
