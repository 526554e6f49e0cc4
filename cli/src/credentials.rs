//! The files that say whom to trust and who is asking.

use std::{fs, path::Path};

use client_lib::{Client, ClientBuilder};

use crate::{args::Args, failure::Failure};

/// A client with what the files of the command line hold.
pub(crate) fn builder(args: &Args) -> Result<ClientBuilder, Failure> {
    let mut builder = Client::builder(&args.server);
    if let Some(name) = &args.server_name {
        builder = builder.tls_server_name(name);
    }
    if let Some(path) = &args.ca_cert {
        builder = builder.ca_certificate_pem(read(path)?);
    }
    match (&args.client_cert, &args.client_key) {
        (Some(certificate), Some(key)) => {
            builder = builder.client_identity_pem(read(certificate)?, read(key)?);
        }
        (Some(_), None) => {
            return Err(Failure::Alone { given: "--client-cert", missing: "--client-key" });
        }
        (None, Some(_)) => {
            return Err(Failure::Alone { given: "--client-key", missing: "--client-cert" });
        }
        (None, None) => {}
    }
    if let Some(path) = &args.token_file {
        builder = builder.bearer_token(token(path)?);
    }
    Ok(builder)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|source| Failure::File { path: path.to_owned(), source })
}

/// The first token of a file as the service has it, too.
fn token(path: &Path) -> Result<String, Failure> {
    let text = read(path)?;
    String::from_utf8_lossy(&text)
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .ok_or_else(|| Failure::NoToken { path: path.to_owned() })
}
