//! The settings that the environment holds.

use std::{ffi::OsString, fs, path::PathBuf};

use crate::{builder::ClientBuilder, credentials::unusable, error::Error};

const DEFAULT_SERVER: &str = "http://localhost:52023";

/// A builder with what `variable` gives for the names of variables.
pub(crate) fn builder(variable: impl Fn(&str) -> Option<OsString>) -> Result<ClientBuilder, Error> {
    let value = |name: &str| variable(name).filter(|value| !value.is_empty());
    let file = |name: &'static str| value(name).map(|path| read(name, path.into())).transpose();

    let server = value("PLAYLIST_SERVER");
    let server = server.as_ref().map_or(DEFAULT_SERVER.into(), |server| server.to_string_lossy());
    let mut builder = ClientBuilder::new(&server);
    if let Some(pem) = file("PLAYLIST_CA_CERT")? {
        builder = builder.ca_certificate_pem(pem);
    }
    match (file("PLAYLIST_CLIENT_CERT")?, file("PLAYLIST_CLIENT_KEY")?) {
        (Some(certificate), Some(key)) => builder = builder.client_identity_pem(certificate, key),
        (Some(_), None) => {
            return Err(unusable("`PLAYLIST_CLIENT_CERT`", "it needs `PLAYLIST_CLIENT_KEY` beside it"));
        }
        (None, Some(_)) => {
            return Err(unusable("`PLAYLIST_CLIENT_KEY`", "it needs `PLAYLIST_CLIENT_CERT` beside it"));
        }
        (None, None) => {}
    }
    if let Some(text) = file("PLAYLIST_TOKEN_FILE")? {
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines().map(str::trim);
        let token = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        let no_token = || unusable("PLAYLIST_TOKEN_FILE", "the file holds no token");
        builder = builder.bearer_token(token.ok_or_else(no_token)?);
    }
    Ok(builder)
}

fn read(variable: &'static str, path: PathBuf) -> Result<Vec<u8>, Error> {
    fs::read(&path)
        .map_err(|error| unusable(variable, format!("`{}` cannot be read: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(variables: &[(&str, &str)]) -> Result<crate::Client, Error> {
        let variable =
            |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into());
        builder(variable)?.lazy()
    }

    #[test]
    fn without_variables_it_is_the_service_on_this_machine() {
        assert_eq!(client(&[]).unwrap().url(), DEFAULT_SERVER);
        assert_eq!(
            client(&[("PLAYLIST_SERVER", ""), ("PLAYLIST_CA_CERT", "")]).unwrap().url(),
            DEFAULT_SERVER
        );
    }

    #[test]
    fn the_variable_may_name_several_services() {
        let client = client(&[("PLAYLIST_SERVER", "one:1, https://two:2")]).unwrap();
        assert_eq!(client.url(), "http://one:1,https://two:2");
    }

    #[test]
    fn what_cannot_be_used_is_named_by_its_variable() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (variables, part) in [
            ([("PLAYLIST_SERVER", "https://host"), ("PLAYLIST_CA_CERT", "/none")], "`/none`"),
            (
                [("PLAYLIST_SERVER", "https://host"), ("PLAYLIST_CLIENT_CERT", manifest)],
                "PLAYLIST_CLIENT_KEY",
            ),
            (
                [("PLAYLIST_SERVER", "https://host"), ("PLAYLIST_CLIENT_KEY", manifest)],
                "PLAYLIST_CLIENT_CERT",
            ),
            ([("PLAYLIST_SERVER", "host"), ("PLAYLIST_TOKEN_FILE", "/none")], "PLAYLIST_TOKEN_FILE"),
            ([("PLAYLIST_SERVER", "host"), ("PLAYLIST_TOKEN_FILE", "/dev/null")], "no token"),
        ] {
            let error = client(&variables).unwrap_err();
            assert!(matches!(error, Error::InvalidCredentials { .. }), "{error:?}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
