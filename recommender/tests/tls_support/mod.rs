//! Authorities, certificates and the folders that they lie in.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use recommender::{Security, Settings, TlsFiles};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity};

/// Who vouches for certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate in PEM.
    pub(crate) pem: String,
}

/// A certificate and its key in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for a server on `localhost` that ends in `year`.
    pub(crate) fn server(&self, year: i32) -> Pair {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate for a client.
    pub(crate) fn client(&self) -> Pair {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}

/// A folder with files for TLS.
pub(crate) struct TlsFolder(tempfile::TempDir);

impl TlsFolder {
    pub(crate) fn new(server: &Pair) -> Self {
        let folder = TlsFolder(tempfile::tempdir().unwrap());
        folder.write("tls.crt", &server.certificate);
        folder.write("tls.key", &server.key);
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces a file in one step.
    pub(crate) fn write(&self, name: &str, contents: &str) {
        let beside = self.file(".beside");
        fs::write(&beside, contents).unwrap();
        fs::rename(beside, self.file(name)).unwrap();
    }

    /// Where the files are; `client_ca` is one of the folder's.
    pub(crate) fn tls_files(&self, client_ca: Option<&str>) -> TlsFiles {
        TlsFiles {
            tls_cert: self.file("tls.crt"),
            tls_key: self.file("tls.key"),
            tls_client_ca: client_ca.map(|name| self.file(name)),
        }
    }
}

/// `settings` with TLS.
pub(crate) fn with_tls(settings: Settings, tls: TlsFiles) -> Settings {
    Settings { security: Security { tls: Some(tls), ..settings.security }, ..settings }
}

/// Connects to `address` with TLS, trusting `authority`, as `client`.
pub(crate) async fn connect(
    address: SocketAddr,
    authority: &Authority,
    client: Option<&Pair>,
) -> Result<Channel, Error> {
    let mut config =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority.pem)).domain_name("localhost");
    if let Some(pair) = client {
        config = config.identity(Identity::from_pem(&pair.certificate, &pair.key));
    }
    Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(config).unwrap().connect().await
}
