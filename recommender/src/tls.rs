//! TLS on the port of gRPC.

use std::{
    fmt,
    io::{self, Cursor},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Chain, Join, ReadHalf, WriteHalf},
    net::TcpStream,
    time,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::secret_files::{Current, Secret, SecretError, SecretFile};

/// The time that a client is given for its handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The time that a client is given to read why its handshake failed.
const LINGER: Duration = Duration::from_secs(1);

/// Where the files for TLS are.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct TlsFiles {
    /// The certificate for TLS on the port of gRPC: a PEM file with the server's first and those that lead to its authority
    /// after it. It is read again when it changes. Without it, the port is plain text.
    #[arg(long = "tls-cert", env = "TLS_CERT", value_name = "FILE", required = false, requires = "tls_key")]
    pub tls_cert: PathBuf,

    /// The private key of the certificate: a PEM file without a password. It is read again when it changes.
    #[arg(long = "tls-key", env = "TLS_KEY", value_name = "FILE", required = false, requires = "tls_cert")]
    pub tls_key: PathBuf,

    /// The authorities whose client certificates are accepted: a PEM file. With it, a client must have a certificate. It is
    /// read again when it changes.
    #[arg(long = "tls-client-ca", env = "TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
}

/// What the files for TLS hold.
#[derive(PartialEq)]
pub(crate) struct TlsContents {
    certificate: SecretFile,
    key: SecretFile,
    client_ca: Option<SecretFile>,
}

/// What new connections are encrypted with.
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    /// When the server's certificate ends.
    not_after: DateTime<Utc>,
}

impl Secret for Tls {
    const FILES: &'static str = "tls";
    type Paths = TlsFiles;
    type Contents = TlsContents;

    fn read(paths: &TlsFiles) -> Result<TlsContents, SecretError> {
        Ok(TlsContents {
            certificate: SecretFile::read(&paths.tls_cert)?,
            key: SecretFile::read(&paths.tls_key)?,
            client_ca: paths.tls_client_ca.as_deref().map(SecretFile::read).transpose()?,
        })
    }

    fn parse(contents: &TlsContents) -> Result<Self, SecretError> {
        let TlsContents { certificate, key, client_ca } = contents;
        let chain = certificates(certificate)?;
        let not_after = not_after(certificate, &chain)?;
        let private_key = PrivateKeyDer::from_pem_slice(key.bytes()).map_err(|error| {
            key.unusable(match error {
                pem::Error::NoItemsFound => {
                    "holds no private key in PEM; write one in PKCS#8, PKCS#1 or SEC1, without a password"
                }
                error => not_pem(&error),
            })
        })?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| certificate.unusable(format!("cannot be used: {error}")))?;
        let builder = match client_ca {
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(file)? {
                    roots.add(authority).map_err(|error| {
                        file.unusable(format!("holds an authority that is none: {error}"))
                    })?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| file.unusable(format!("cannot be used: {error}")))?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, private_key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => key.unusable(format!(
                "is not the key of the first certificate in `{}`; replace both",
                certificate.path().display()
            )),
            error => key.unusable(format!("cannot be used: {error}")),
        })?;
        if client_ca.is_some() {
            // Who resumes a session is not asked for its certificate again, which may be over by then.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls { config: Arc::new(config), not_after })
    }
}

/// The certificates of a PEM file, at least one.
fn certificates(file: &SecretFile) -> Result<Vec<CertificateDer<'static>>, SecretError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(file.bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| file.unusable(not_pem(&error)))?;
    if certificates.is_empty() {
        return Err(file.unusable("holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)"));
    }
    Ok(certificates)
}

/// What is wrong with a PEM file. The error itself may repeat a line, and a key that has lost its line ends is one line.
fn not_pem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "is cut off, or has lost its line ends: there is no line with `-----END`"
        }
        pem::Error::IllegalSectionStart { .. } => {
            "is not PEM: a line with `-----BEGIN` goes on after its dashes"
        }
        pem::Error::Base64Decode(_) => {
            "is not PEM: what is between `-----BEGIN` and `-----END` is not Base64"
        }
        _ => "is not PEM",
    }
}

/// When the server's certificate ends, which is the first of its chain. That it is over is no error: a clock may be wrong.
fn not_after(file: &SecretFile, chain: &[CertificateDer<'_>]) -> Result<DateTime<Utc>, SecretError> {
    let unreadable = || file.unusable("holds a certificate that cannot be read");
    let first = chain.first().ok_or_else(unreadable)?;
    let (_, certificate) = x509_parser::parse_x509_certificate(first).map_err(|_| unreadable())?;
    let seconds = certificate.validity().not_after.timestamp();
    let not_after = DateTime::from_timestamp(seconds, 0).ok_or_else(unreadable)?;
    if not_after < Utc::now() {
        tracing::warn!(%not_after, "the certificate of the server is over; clients will refuse it");
    }
    Ok(not_after)
}

/// What a client sent first, and then what it sends.
pub(crate) type TlsConnection =
    Join<Chain<Cursor<Vec<u8>>, ReadHalf<TlsStream<TcpStream>>>, WriteHalf<TlsStream<TcpStream>>>;

/// Shakes hands with clients.
#[derive(Clone)]
pub(crate) struct Handshakes {
    tls: Current<Tls>,
    outcomes: Family<HandshakeLabels, Counter>,
}

impl Handshakes {
    pub(crate) fn new(tls: Current<Tls>) -> Self {
        let outcomes = Family::default();
        for outcome in ["succeeded", "failed", "timed_out"] {
            let _ = outcomes.get_or_create(&HandshakeLabels { outcome });
        }
        Handshakes { tls, outcomes }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("tls_handshakes", "Handshakes of TLS, by outcome", self.outcomes.clone());
        registry.register_collector(Box::new(ExpiryCollector(self.tls.clone())));
    }

    /// Shakes hands, within a time limit, and waits until the client has sent `first`, or something else; tells which. That
    /// waits for ever; the caller limits it.
    pub(crate) async fn accept(&self, stream: TcpStream, first: &[u8]) -> io::Result<(bool, TlsConnection)> {
        let handshake = TlsAcceptor::from(Arc::clone(&self.tls.get().config)).accept(stream).into_fallible();
        let (outcome, result) = match time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => ("succeeded", Ok(stream)),
            Ok(Err((error, stream))) => {
                // A client whose certificate is refused has sent more already.
                linger(stream).await;
                ("failed", Err(error))
            }
            Err(_elapsed) => ("timed_out", Err(io::ErrorKind::TimedOut.into())),
        };
        self.outcomes.get_or_create(&HandshakeLabels { outcome }).inc();
        let mut stream = result?;

        let mut sent = Vec::new();
        let mut buffer = vec![0; first.len()];
        while sent.len() < first.len() && first.starts_with(&sent) {
            match stream.read(&mut buffer[sent.len()..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => sent.extend_from_slice(&buffer[sent.len()..sent.len() + length]),
            }
        }
        let (receiving, sending) = tokio::io::split(stream);
        let is_first = sent == first;
        Ok((is_first, tokio::io::join(Cursor::new(sent).chain(receiving), sending)))
    }
}

/// Lets a client read why its handshake failed: were the connection dropped while something that it sent was not read, it
/// would be reset, and the reason be lost.
async fn linger(mut stream: TcpStream) {
    let read = async {
        let _ = stream.shutdown().await;
        let mut sent = [0; 1024];
        while stream.read(&mut sent).await.is_ok_and(|length| length > 0) {}
    };
    let _ = time::timeout(LINGER, read).await;
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    outcome: &'static str,
}

/// Tells at each scrape when the certificate of the moment ends.
struct ExpiryCollector(Current<Tls>);

impl fmt::Debug for ExpiryCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpiryCollector")
    }
}

impl Collector for ExpiryCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let descriptor = encoder.encode_descriptor(
            "tls_certificate_expiry_timestamp_seconds",
            "When the certificate of the server ends, in Unix time",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(self.0.get().not_after.timestamp()).encode(descriptor)
    }
}
