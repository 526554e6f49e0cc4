//! Connections with TLS, and calls with a token: what the client asks of a server, and what is told when it is not met.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use client_lib::{Client, ClientBuilder, Error};
use proto::v1::playlist_service_server::PlaylistServiceServer;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use sample::{Sample, Server};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Status,
    transport::{Certificate, Identity, ServerTlsConfig},
};

const TOKEN: &str = "a-token-for-tests-0123456789";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key.
struct Pair(String, String);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `name` that ends in `year`.
    fn pair(&self, name: &str, year: i32) -> Pair {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        Pair(params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Serves the sample with TLS, and asks for certificates of `clients` and for the token, if they are given.
async fn serve(server: &Pair, clients: Option<&Authority>, token: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(&server.0, &server.1));
    if let Some(clients) = clients {
        tls = tls.client_ca_root(Certificate::from_pem(&clients.pem));
    }
    let check = move |request: Request<()>| match token {
        Some(token) => match request.metadata().get("authorization") {
            Some(sent) if sent.as_bytes() == format!("Bearer {token}").as_bytes() => Ok(request),
            _ => Err(Status::unauthenticated("send a token")),
        },
        None => Ok(request),
    };
    let service = PlaylistServiceServer::with_interceptor(Sample::default(), check);
    let server = tonic::transport::Server::builder().tls_config(tls).unwrap().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

fn builder(address: SocketAddr, authority: &Authority) -> ClientBuilder {
    Client::builder(&format!("https://localhost:{}", address.port()))
        .ca_certificate_pem(authority.pem.as_str())
}

/// What is told of a connection that TLS does not allow, and that it is no use to try again.
async fn refused(builder: ClientBuilder) -> String {
    let error = builder.connect().await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(!error.is_retryable());
    assert!(std::error::Error::source(&error).is_some());
    error.to_string()
}

#[tokio::test]
async fn a_server_is_trusted_whose_authority_is_given() {
    let authority = Authority::new("authority");
    let address = serve(&authority.pair("localhost", 2100), None, None).await;
    let client = builder(address, &authority).connect().await.unwrap();
    assert_eq!(client.url(), format!("https://localhost:{}", address.port()));
    client.recommend(["a seed"]).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_refused_with_the_reason() {
    let (authority, other) = (Authority::new("authority"), Authority::new("other"));
    let address = serve(&authority.pair("localhost", 2100), None, None).await;
    let url = format!("https://localhost:{}", address.port());
    for builder in [Client::builder(&url), builder(address, &other)] {
        let message = refused(builder).await;
        assert!(message.contains("an authority that is not trusted"), "{message}");
        assert!(message.contains(&url), "{message}");
    }

    let address = serve(&authority.pair("recommender.example", 2100), None, None).await;
    let message = refused(builder(address, &authority)).await;
    assert!(message.contains("for another name"), "{message}");

    let address = serve(&authority.pair("localhost", 2020), None, None).await;
    let message = refused(builder(address, &authority)).await;
    assert!(message.contains("certificate is over"), "{message}");
}

#[tokio::test]
async fn a_server_that_wants_to_know_its_clients_is_shown_a_certificate() {
    let (authority, clients) = (Authority::new("for servers"), Authority::new("for clients"));
    let address = serve(&authority.pair("localhost", 2100), Some(&clients), None).await;

    let Pair(certificate, key) = clients.pair("a client", 2100);
    let builder = || builder(address, &authority);
    builder().client_identity_pem(certificate, key).connect().await.unwrap();

    let message = refused(builder()).await;
    assert!(message.contains("asks for a client certificate"), "{message}");
    let Pair(certificate, key) = authority.pair("a client", 2100);
    let message = refused(builder().client_identity_pem(certificate, key)).await;
    assert!(message.contains("does not accept the client certificate"), "{message}");
}

#[tokio::test]
async fn behind_a_tunnel_the_certificate_is_for_the_name_that_the_server_is_known_by() {
    let authority = Authority::new("ours");
    let address = serve(&authority.pair("music.example", 2100), None, None).await;
    let known_by = |name: &str| builder(address, &authority).tls_server_name(name).connect();
    known_by("music.example").await.unwrap();
    let error = known_by("other.example").await.unwrap_err();
    assert!(error.to_string().contains("for another name"), "{error}");
}

#[tokio::test]
async fn the_wrong_scheme_is_told() {
    let authority = Authority::new("authority");
    let plain = Server::start(Sample::default());
    let message = refused(builder(plain.address(), &authority)).await;
    assert!(message.contains("does not speak TLS") && message.contains("`http://`"), "{message}");

    // A server with TLS answers plain text with an alert.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(&[21, 3, 3, 0, 2, 2, 10]).await.unwrap();
            // Not read, what the client sent would reset the connection.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
        }
    });
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    assert!(error.to_string().contains("`https://`"), "{error}");
}

#[tokio::test]
async fn a_token_is_sent_with_each_call() {
    let authority = Authority::new("authority");
    let address = serve(&authority.pair("localhost", 2100), None, Some(TOKEN)).await;
    let client = builder(address, &authority).bearer_token(TOKEN).connect().await.unwrap();
    client.recommend(["a seed"]).await.unwrap();
    client.watch_model().await.unwrap().next().await.unwrap().unwrap();
    assert!(!format!("{client:?}").contains(TOKEN));

    for builder in [builder(address, &authority), builder(address, &authority).bearer_token("another")] {
        let error = builder.connect().await.unwrap_err();
        assert!(matches!(error, Error::Unauthenticated { .. }), "{error:?}");
        assert!(!error.is_retryable());
        assert!(error.to_string().contains("send a token"), "{error}");
    }
}

#[tokio::test]
async fn a_provider_is_asked_for_the_token_of_each_call() {
    let authority = Authority::new("authority");
    let address = serve(&authority.pair("localhost", 2100), None, Some(TOKEN)).await;
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    let client = builder(address, &authority)
        .bearer_token_provider(move || {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match number {
                    0 | 2 => Ok(TOKEN),
                    1 => Ok("another-token"),
                    _ => Err("the login has ended"),
                }
                .map(str::to_owned)
            }
        })
        .lazy()
        .unwrap();
    client.recommend("a seed").await.unwrap();
    let error = client.recommend("a seed").await.unwrap_err();
    assert!(matches!(error, Error::Unauthenticated { .. }), "{error:?}");
    client.recommend("a seed").await.unwrap();
    let error = client.recommend("a seed").await.unwrap_err();
    assert!(matches!(error, Error::NoToken { .. }), "{error:?}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the login has ended");
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn all_addresses_of_a_name_prove_that_name() {
    let authority = Authority::new("authority");
    let pair = authority.pair("music.example", 2100);
    let addresses = [serve(&pair, None, None).await, serve(&pair, None, None).await];
    let client = Client::builder("https://music.example")
        .ca_certificate_pem(authority.pem.as_str())
        .resolver(move |_, _| async move { Ok(addresses.to_vec()) })
        .connect()
        .await
        .unwrap();
    client.recommend(["a seed"]).await.unwrap();
}

#[test]
fn credentials_that_cannot_be_used_are_told_and_not_repeated() {
    let authority = Authority::new("authority");
    let Pair(certificate, key) = authority.pair("a client", 2100);
    let Pair(other_certificate, _) = authority.pair("another client", 2100);
    let https = || Client::builder("https://localhost");
    let cut_off = |text: &str| text[..text.len() / 2].to_owned();
    for (builder, part) in [
        (https().ca_certificate_pem(""), "authority"),
        (https().ca_certificate_pem(cut_off(&authority.pem)), "authority"),
        (https().ca_certificate_pem(key.as_str()), "authority"),
        (
            https().ca_certificate_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "authority",
        ),
        (https().client_identity_pem("", key.as_str()), "the client's certificate"),
        (https().client_identity_pem(certificate.as_str(), cut_off(&key)), "the client's key"),
        (https().client_identity_pem(certificate.as_str(), key.replace('\n', "")), "the client's key"),
        (https().client_identity_pem(other_certificate, key.as_str()), "the client's certificate"),
        (https().bearer_token(""), "token"),
        (https().bearer_token("two\nlines"), "token"),
        (Client::builder("http://localhost").ca_certificate_pem(authority.pem.as_str()), "`https://`"),
        (Client::builder("localhost").client_identity_pem(certificate.as_str(), key.as_str()), "`https://`"),
    ] {
        let error = builder.lazy().unwrap_err();
        assert!(matches!(error, Error::InvalidCredentials { .. }), "{error:?}");
        assert!(error.to_string().contains(part), "{part}: {error}");
        assert!(!error.is_retryable());
        let repeated = format!("{error:?}");
        assert!(!repeated.contains("lines") && !repeated.contains(&key[40..60]), "{repeated}");
    }
}
