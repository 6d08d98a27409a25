//! TLS to the database, over rustls.
//!
//! `sslmode` and `sslrootcert` mean what they mean to libpq (PostgreSQL: "SSL Support", table 34.1): `require` encrypts
//! and believes any certificate, unless a file of roots is named; `verify-ca` wants one that a root has signed;
//! `verify-full` also wants it to be for the host that was asked for.

use crate::StoreError;
use crate::db::Answer;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// What the database's certificate must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Anything: against listeners, not against impostors.
    Nothing,
    /// Signed by a root.
    Chain,
    /// Signed by a root, for the host that was asked for.
    Host,
}

/// A client that checks as it is told; `roots` is a PEM file, without it the public roots count.
pub(crate) fn config(check: Check, roots: Option<&str>) -> Answer<ClientConfig> {
    let wrong = |what: String| StoreError::Backend(format!("TLS to the database cannot be set up: {what}"));
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?;
    let inner = match check {
        Check::Nothing => None,
        Check::Chain | Check::Host => {
            let roots = Arc::new(read_roots(roots).map_err(wrong)?);
            if check == Check::Host {
                return Ok(builder.with_root_certificates(roots).with_no_client_auth());
            }
            let inner = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
            Some(inner.map_err(|e| wrong(e.to_string()))?)
        }
    };
    let lenient = Arc::new(Lenient { inner, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(lenient).with_no_client_auth())
}

fn read_roots(file: Option<&str>) -> Result<RootCertStore, String> {
    let Some(file) = file.filter(|file| *file != "system") else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(file).map_err(|e| format!("sslrootcert {file}: {e}"))?;
    for certificate in found {
        let certificate = certificate.map_err(|e| format!("sslrootcert {file}: {e}"))?;
        roots.add(certificate).map_err(|e| format!("sslrootcert {file}: {e}"))?;
    }
    if roots.is_empty() { Err(format!("sslrootcert {file} holds no certificate")) } else { Ok(roots) }
}

/// Believes any certificate, or (with `inner`) any that a root has signed, whatever its name. That the server has the
/// certificate's key is always checked.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end, between, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
