//! Certificates of authorities that the user trusts, from files in PEM form.

use std::fs;
use std::path::Path;

use enginebay::wasi::WasiCtx;
use enginebay::{Error, ErrorKind};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

use crate::failure::Failure;

/// The certificates in a file, at least one, each in DER form.
///
/// # Errors
///
/// A file that cannot be read, that is no PEM, that has no certificate, or one that
/// is none.
pub(crate) fn read(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let text = fs::read(path).map_err(|error| Failure::io("cannot read", path, error))?;
    let mut all = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| refused(path, &why(&error)))?;
        all.push(certificate.to_vec());
    }
    if all.is_empty() {
        return Err(refused(
            path,
            "it has no certificate in PEM form, which begins with `-----BEGIN CERTIFICATE-----`",
        ));
    }
    // What is wrong with one is said here, where its file is known.
    let mut wasi = WasiCtx::builder();
    for certificate in &all {
        wasi.http_root_certificate(&**certificate);
    }
    match wasi.build() {
        Ok(_) => Ok(all),
        Err(error) => Err(refused(path, error.message())),
    }
}

fn refused(path: &Path, why: &str) -> Failure {
    let message = format!("cannot use the certificates of {}: {why}", path.display());
    Error::new(ErrorKind::InvalidConfig, message).into()
}

/// In words, where the library has bytes.
fn why(error: &pem::Error) -> String {
    let line = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("the section `{}` has no end", line(end_marker))
        }
        pem::Error::IllegalSectionStart { line: start } => {
            format!("`{}` is no beginning of a section", line(start))
        }
        pem::Error::Base64Decode(what) => format!("it has malformed base64: {what}"),
        other => other.to_string(),
    }
}
