//! `enginebay run --http-root-certificate`: requests by TLS to a real server whose
//! certificate comes from an authority of the test's own.

#[allow(dead_code, reason = "no certificate here is over")]
#[path = "../../tests/all/wasi_http/certificate.rs"]
mod certificate;
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use base64::prelude::{BASE64_STANDARD as STANDARD, Engine as _};
use certificate::{Authority, End};
use rustls::{ServerConnection, StreamOwned};
use support::{Ended, Folder, enginebay};

const CLIENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../guests/prebuilt/http-client.wasm"
);

/// A section of a file in PEM form (RFC 7468).
fn pem(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(bytes).as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).unwrap());
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

fn certificate(authority: &Authority) -> String {
    pem("CERTIFICATE", &authority.root)
}

/// A server for one connection, at `localhost`; it gives the URL, and then whether it
/// was asked.
fn server(authority: &Authority) -> (String, JoinHandle<bool>) {
    let config = authority.server("localhost", End::Future);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let tls = ServerConnection::new(config).unwrap();
        let mut stream = StreamOwned::new(tls, stream);
        let mut lines = BufReader::new(&mut stream).lines();
        let Some(Ok(first)) = lines.next() else {
            return false; // it does not trust this server
        };
        assert_eq!(first, "GET / HTTP/1.1");
        assert!(lines.any(|line| line.unwrap().is_empty()));
        let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 7\r\n\r\nprivate";
        stream.write_all(answer.as_bytes()).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        true
    });
    (url, thread)
}

/// Asks with these files, where `localhost` is allowed.
fn ask(url: &str, files: &[&str]) -> Ended {
    let mut args = vec!["run", CLIENT, "--allow-http", "localhost"];
    for file in files {
        args.extend(["--http-root-certificate", file]);
    }
    args.extend(["--", "GET", url]);
    enginebay(args)
}

#[test]
fn an_authority_of_a_file_is_trusted() {
    let (folder, ours, other) = (Folder::new(), Authority::new(), Authority::new());
    let one = folder.write("one.pem", certificate(&ours));
    let another = folder.write("another.pem", certificate(&other));
    // With what else stands in such files.
    let both = format!(
        "Of this test\n{}{}\r\n{}",
        certificate(&other),
        pem("X509 CRL", b"nothing"),
        certificate(&ours).replace('\n', "\r\n"),
    );
    let both = folder.write("both.pem", both);
    for files in [&[&*one][..], &[&another, &one], &[&both]] {
        let (url, server) = server(&ours);
        ask(&url, files).gives("200\n\nprivate");
        assert!(server.join().unwrap());
    }
}

#[test]
fn an_authority_of_no_file_is_not_trusted() {
    let (folder, ours) = (Folder::new(), Authority::new());
    let another = folder.write("another.pem", certificate(&Authority::new()));
    for files in [&[][..], &[&*another]] {
        let (url, server) = server(&ours);
        ask(&url, files).gives("ErrorCode::TlsCertificateError\n");
        assert!(!server.join().unwrap());
    }
}

#[test]
fn a_trusted_authority_allows_no_request() {
    let (folder, ours) = (Folder::new(), Authority::new());
    let file = folder.write("one.pem", certificate(&ours));
    let ended = enginebay([
        "run",
        CLIENT,
        "--http-root-certificate",
        &file,
        "--",
        "GET",
        "https://localhost:1/",
    ]);
    ended.gives("refused: ErrorCode::HttpRequestDenied\n");
}

#[test]
fn a_file_without_certificates_is_an_error() {
    let (folder, url) = (Folder::new(), "https://localhost:1/");
    let ours = Authority::new();
    let missing = folder.name("missing.pem");
    ask(url, &[&missing]).fails(6, &["cannot read", "missing.pem"]);

    let whole = certificate(&ours);
    let end = whole.find("-----END").unwrap();
    let good = folder.write("good.pem", &whole);
    for (name, contents, why) in [
        ("empty.pem", Vec::new(), "no certificate in PEM form"),
        ("der.pem", ours.root.clone(), "no certificate in PEM form"),
        (
            "key.pem",
            pem("PRIVATE KEY", b"secret").into_bytes(),
            "no certificate in PEM form",
        ),
        (
            "cut.pem",
            whole[..end].into(),
            "the section `CERTIFICATE` has no end",
        ),
        (
            "start.pem",
            whole
                .replace("CERTIFICATE-----\nM", "CERTIFICATE\nM")
                .into(),
            "`-----BEGIN CERTIFICATE` is no beginning",
        ),
        (
            "base64.pem",
            whole.replacen("\nM", "\n*", 1).into(),
            "malformed base64",
        ),
        (
            "x509.pem",
            format!("{whole}{}", pem("CERTIFICATE", b"\x30\x00")).into(),
            "root certificate 2 of 2",
        ),
    ] {
        let file = folder.write(name, contents);
        ask(url, &[&good, &file]).fails(2, &[name, why]);
    }
}
