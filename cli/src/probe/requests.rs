//! Where requests go, and what becomes of one.

use client_lib::{Client, ClientBuilder, Error, RecommendRequest, SearchSongsRequest};

use crate::{
    args::Args,
    credentials,
    failure::{Failure, in_one_line},
    output::Output,
    probe::{
        ProbeArgs,
        record::{Answer, Refusal},
        replicas::Served,
    },
    texts::Lang,
};

/// So many of the commonest songs go with each request when none is named.
const SEEDS: u32 = 5;

/// An address.
#[derive(Clone)]
pub(crate) struct Server {
    client: Client,
    /// Makes a client, and by that a connection, for each request.
    builder: Option<ClientBuilder>,
    /// The language of reasons.
    lang: Lang,
}

impl Server {
    /// Those of the command line, in its order.
    pub(crate) fn all(args: &Args, probe: &ProbeArgs, output: Output) -> Result<Vec<Self>, Failure> {
        let one = |url: &String| {
            let mut builder =
                credentials::builder(&Args { server: url.clone(), ..args.clone() })?.timeout(args.timeout);
            if probe.no_retries {
                builder = builder.max_attempts(1);
            }
            let client = builder.clone().lazy()?;
            Ok(Self { client, builder: probe.new_connection.then_some(builder), lang: output.answer_lang() })
        };
        match probe.servers.as_slice() {
            // What stands for the only address is in the place that all commands share.
            [_] => Ok(vec![one(&args.server)?]),
            _ if args.ssh.is_some() => Err(Failure::Misuse(output.lang.tunnel_to_many())),
            several => several.iter().map(one).collect(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        self.client.url()
    }

    /// Sends one request, and tells how many times the client sent it again, where the request has a client of its own.
    pub(crate) async fn ask(self, request: RecommendRequest) -> (Result<Answer, Refusal>, u64) {
        let lang = self.lang;
        let Some(builder) = self.builder else {
            return (outcome(self.client.recommend(request).await, lang), 0);
        };
        match builder.lazy() {
            Ok(client) => (outcome(client.recommend(request).await, lang), client.retries()),
            Err(error) => (outcome(Err(error), lang), 0),
        }
    }

    /// How many times requests on the connection that stays were sent again.
    pub(crate) fn retries(&self) -> u64 {
        self.client.retries()
    }
}

/// The seeds of all requests: those that were named, or the commonest songs of the first address that tells them.
pub(crate) async fn seeds(named: &[String], servers: &[Server], lang: Lang) -> Result<Vec<String>, Failure> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let mut failure = None;
    for server in servers {
        match server.client.search_songs(SearchSongsRequest::new("").page_size(SEEDS)).await {
            Ok(answer) if answer.songs.is_empty() => {
                failure = failure.or(Some(Failure::Misuse(lang.no_song_to_ask_with(server.url()))));
            }
            Ok(answer) => {
                let name = |song: client_lib::Song| match song.artist.as_str() {
                    "" => song.title,
                    artist => format!("{artist} - {}", song.title),
                };
                return Ok(answer.songs.into_iter().map(name).collect());
            }
            Err(error) => failure = failure.or(Some(error.into())),
        }
    }
    Err(failure.unwrap_or_else(|| Failure::Misuse(lang.no_address())))
}

fn outcome(answer: Result<client_lib::RecommendResponse, Error>, lang: Lang) -> Result<Answer, Refusal> {
    match answer {
        Ok(answer) => Ok(Answer {
            served: Served {
                version: answer.version,
                model_date: answer.model_date,
                model_version: answer.model_version,
            },
            served_by: answer.served_by,
        }),
        Err(error) => Err(refusal(&error, lang)),
    }
}

fn refusal(error: &Error, lang: Lang) -> Refusal {
    let code = match error {
        // What the client knows, and a status does not say.
        Error::Connect { .. } => "CONNECT",
        Error::Tls { .. } => "TLS",
        Error::Protocol { .. } => "PROTOCOL",
        Error::NotReady { .. } => "NO_MODEL",
        Error::InvalidUrl { .. } | Error::InvalidCredentials { .. } | Error::InvalidRequest { .. } => {
            "INVALID_ARGUMENT"
        }
        Error::Timeout { .. } => "DEADLINE_EXCEEDED",
        Error::Overloaded { .. } => "RESOURCE_EXHAUSTED",
        Error::Unavailable { .. } => "UNAVAILABLE",
        Error::Unauthenticated { .. } => "UNAUTHENTICATED",
        Error::Unimplemented { .. } => "UNIMPLEMENTED",
        Error::Internal { code, .. } => code,
        _ => "UNKNOWN",
    };
    Refusal { code, reason: in_one_line(error, lang), is_shed: matches!(error, Error::Overloaded { .. }) }
}
