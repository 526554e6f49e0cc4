//! Whom the client trusts, and how it shows who it is.

use std::{pin::Pin, sync::Arc};

use http::Uri;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tonic::metadata::{Ascii, MetadataValue};

use crate::{
    address::HTTPS,
    connection::{BoxError, Tls},
    error::Error,
};

/// Gives the token for a call.
pub(crate) type TokenProvider =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send>> + Send + Sync>;

/// Whom the client trusts, and how it shows who it is. It has no `Debug`, for that would show secrets.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) ca_certificate: Option<Vec<u8>>,
    /// The name that the server shall prove, if it is not the URL's host.
    pub(crate) server_name: Option<String>,
    /// A certificate and its key.
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) bearer_token: BearerToken,
}

/// Where the token of a call comes from.
#[derive(Clone, Default)]
pub(crate) enum BearerToken {
    #[default]
    None,
    Fixed(String),
    Provided(TokenProvider),
}

impl Credentials {
    /// How to connect with TLS, if `uri` asks for it.
    pub(crate) fn tls(&self, uri: &Uri) -> Result<Option<Tls>, Error> {
        if uri.scheme_str() != Some(HTTPS) {
            return match (&self.ca_certificate, &self.identity) {
                (None, None) => Ok(None),
                (Some(_), _) => Err(without_tls(CA_CERTIFICATE)),
                (None, Some(_)) => Err(without_tls(CLIENT_CERTIFICATE)),
            };
        }
        let mut roots = RootCertStore::empty();
        match &self.ca_certificate {
            Some(pem) => {
                for certificate in certificates(CA_CERTIFICATE, pem)? {
                    roots
                        .add(certificate)
                        .map_err(|error| unusable(CA_CERTIFICATE, format!("it is none: {error}")))?;
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let invalid = |reason: String| Error::InvalidUrl { url: uri.to_string(), reason };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(error.to_string()))?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some((certificate, key)) => {
                let chain = certificates(CLIENT_CERTIFICATE, certificate)?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
                    unusable("the client's key", "it is no private key in PEM without a password")
                })?;
                // The files can be read, so what is left is whether they belong together.
                config.with_client_auth_cert(chain, key).map_err(|error| {
                    unusable(CLIENT_CERTIFICATE, format!("certificate and key do not work: {error}"))
                })?
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = self.server_name.as_deref().or(uri.host()).unwrap_or_default();
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| invalid(format!("no certificate can be for the name `{}`", name.escape_debug())))?;
        Ok(Some(Tls { config: Arc::new(config), name }))
    }
}

impl BearerToken {
    /// What a call carries the token in.
    pub(crate) async fn authorization(&self) -> Result<Option<MetadataValue<Ascii>>, BoxError> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(token) => Ok(Some(authorization(token)?)),
            Self::Provided(provider) => Ok(Some(authorization(&provider().await?)?)),
        }
    }

    /// Whether a token that is known already can be sent.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Fixed(token) => authorization(token).map(drop),
            Self::None | Self::Provided(_) => Ok(()),
        }
    }
}

fn authorization(token: &str) -> Result<MetadataValue<Ascii>, Error> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable(
            "the bearer token",
            "it is empty, or has other characters than ASCII letters, digits and punctuation",
        ));
    }
    let mut authorization = MetadataValue::try_from(format!("Bearer {token}"))
        .map_err(|_| unusable("the bearer token", "it cannot be sent"))?;
    // It is then neither shown nor kept in a table of the connection.
    authorization.set_sensitive(true);
    Ok(authorization)
}

const CA_CERTIFICATE: &str = "the certificate of the authority";
const CLIENT_CERTIFICATE: &str = "the client's certificate";

fn without_tls(what: &'static str) -> Error {
    unusable(what, "the URL asks for no TLS; write `https://`")
}

pub(crate) fn unusable(what: &'static str, reason: impl Into<String>) -> Error {
    Error::InvalidCredentials { what, reason: reason.into() }
}

/// The certificates of PEM text, at least one.
fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Option<Vec<_>> = CertificateDer::pem_slice_iter(pem).map(Result::ok).collect();
    certificates
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| unusable(what, "it is no certificate in PEM (`-----BEGIN CERTIFICATE-----`)"))
}

/// What a server says of a client certificate that it does not accept.
const REFUSALS: [AlertDescription; 8] = [
    AlertDescription::UnknownCA,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateUnknown,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRevoked,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::DecryptError,
    AlertDescription::AccessDenied,
];

/// What an error of TLS means, with advice.
pub(crate) fn tls_failure(error: &rustls::Error) -> &'static str {
    use CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            Certificate::UnknownIssuer => {
                "the server's certificate comes from an authority that is not trusted; give the certificate of the \
                 right one"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the server's certificate is for another name; write a name in the URL that the certificate has"
            }
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "the server's certificate is over; let its operator renew it, or set this clock right"
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet; set this clock right, or the server's"
            }
            _ => "the server's certificate cannot be accepted; tell its operator",
        },
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server asks for a client certificate; give one with its key"
        }
        rustls::Error::AlertReceived(alert) if REFUSALS.contains(alert) => {
            "the server does not accept the client certificate; give one that its authority has signed"
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS; write `http://`, or another port",
        _ => "the two sides do not agree on a connection with TLS",
    }
}

/// The same for an error of which there is only the text, if it is about the client's certificate.
pub(crate) fn refusal(text: &str) -> Option<&'static str> {
    let alerts = [AlertDescription::CertificateRequired].into_iter().chain(REFUSALS);
    alerts
        .map(rustls::Error::AlertReceived)
        .find(|error| error.to_string() == text)
        .map(|error| tls_failure(&error))
}
