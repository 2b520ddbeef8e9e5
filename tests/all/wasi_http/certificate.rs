//! Certificates for the tests' server: an authority, and servers whose names it vouches
//! for. Just enough of X.509 (RFC 5280), written in DER.

use std::sync::Arc;

use ::ring::rand::SystemRandom;
use ::ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Object identifiers, encoded.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 29, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 29, 19];

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    // In as few bytes as can be.
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    match (high, low) {
        (0, 0..0x80) => out.push(low),
        (0, _) => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend(content);
    out
}

fn object(id: &[u8]) -> Vec<u8> {
    der(OBJECT, &[id])
}

/// As bits of which none is unused.
fn bits(bytes: &[u8]) -> Vec<u8> {
    der(BIT_STRING, &[&[0], bytes])
}

fn common_name(name: &str) -> Vec<u8> {
    let pair = der(
        SEQUENCE,
        &[&object(COMMON_NAME), &der(UTF8, &[name.as_bytes()])],
    );
    der(SEQUENCE, &[&der(SET, &[&pair])])
}

struct Key {
    pkcs8: Vec<u8>,
    pair: EcdsaKeyPair,
}

impl Key {
    fn new() -> Self {
        let (of, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(of, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(of, pkcs8.as_ref(), &random).unwrap();
        Key {
            pkcs8: pkcs8.as_ref().to_vec(),
            pair,
        }
    }
}

/// When a certificate ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Past,
    Future,
}

/// An authority that nobody knows.
pub(crate) struct Authority {
    key: Key,
    /// Its own certificate.
    pub(crate) root: Vec<u8>,
}

const AUTHORITY: &str = "authority of a test";

impl Authority {
    pub(crate) fn new() -> Self {
        let key = Key::new();
        let is_authority = der(SEQUENCE, &[&der(BOOLEAN, &[&[0xff]])]);
        let constraints = extension(BASIC_CONSTRAINTS, &is_authority);
        let root = certificate(AUTHORITY, &key, &key, End::Future, &constraints);
        Authority { key, root }
    }

    /// A server of this name, with a certificate.
    pub(crate) fn server(&self, name: &str, end: End) -> Arc<ServerConfig> {
        let key = Key::new();
        let dns = der(0x82, &[name.as_bytes()]);
        let names = extension(SUBJECT_ALT_NAME, &der(SEQUENCE, &[&dns]));
        let certificate = certificate("server of a test", &key, &self.key, end, &names);
        let key = PrivatePkcs8KeyDer::from(key.pkcs8).into();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// One that must be understood.
fn extension(id: &[u8], value: &[u8]) -> Vec<u8> {
    let critical = der(BOOLEAN, &[&[0xff]]);
    let value = der(OCTET_STRING, &[value]);
    der(SEQUENCE, &[&object(id), &critical, &value])
}

fn certificate(subject: &str, key: &Key, issuer: &Key, end: End, extension: &[u8]) -> Vec<u8> {
    let algorithm = der(SEQUENCE, &[&object(ECDSA_WITH_SHA256)]);
    let start = der(UTC_TIME, &[b"200101000000Z"]);
    let end = match end {
        End::Past => der(UTC_TIME, &[b"210101000000Z"]),
        End::Future => der(GENERALIZED_TIME, &[b"99991231235959Z"]),
    };
    let key_algorithm = der(SEQUENCE, &[&object(EC_PUBLIC_KEY), &object(P256)]);
    let public = bits(key.pair.public_key().as_ref());
    let signed = der(
        SEQUENCE,
        &[
            // Version 3, of which the number is 2.
            &der(0xa0, &[&der(INTEGER, &[&[2]])]),
            &der(INTEGER, &[&[1]]),
            &algorithm,
            &common_name(AUTHORITY),
            &der(SEQUENCE, &[&start, &end]),
            &common_name(subject),
            &der(SEQUENCE, &[&key_algorithm, &public]),
            &der(0xa3, &[&der(SEQUENCE, &[extension])]),
        ],
    );
    let signature = issuer.pair.sign(&SystemRandom::new(), &signed).unwrap();
    der(SEQUENCE, &[&signed, &algorithm, &bits(signature.as_ref())])
}
