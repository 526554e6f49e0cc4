//! Who may connect, who may call, and what strangers may see.

use std::{future, path::PathBuf, time::Duration};

use clap::ArgAction;
use prometheus_client::registry::Registry;

use crate::{
    origins::AllowedOrigin,
    secret_files::{Reloads, SecretError, Watched},
    tls::{Handshakes, Tls, TlsFiles},
    tokens::{Authentication, Tokens},
};

/// Who may connect, who may call, and what strangers may see.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Security {
    /// Where the files for TLS are; without them, the port of gRPC is plain text.
    #[command(flatten)]
    pub tls: Option<TlsFiles>,

    /// The tokens that calls must have one of, as `authorization: Bearer <token>`: a file with one a line, 16 bytes or more;
    /// empty lines and those that begin with `#` do not count. It is read again when it changes. Health checks need none.
    #[arg(long, env = "TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Whether the service describes itself, to clients such as grpcurl and as `/api/openapi.json`.
    #[arg(long, env = "REFLECTION", value_name = "BOOLEAN", default_value_t = true, action = ArgAction::Set)]
    pub reflection: bool,

    /// Whether browsers are shown a page at `/`.
    #[arg(long, env = "PAGE", value_name = "BOOLEAN", default_value_t = true, action = ArgAction::Set)]
    pub page: bool,

    /// The origins of pages elsewhere that may ask over REST and gRPC-Web, such as `https://music.example`; several with commas between,
    /// or `*` for all [default: none].
    #[arg(long, env = "CORS_ALLOW_ORIGIN", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_allow_origin: Vec<AllowedOrigin>,
}

impl Default for Security {
    fn default() -> Self {
        Security { tls: None, token_file: None, reflection: true, page: true, cors_allow_origin: Vec::new() }
    }
}

/// The secrets of a server.
pub(crate) struct Secrets {
    tls: Option<Watched<Tls>>,
    tokens: Option<Watched<Tokens>>,
    reloads: Reloads,
}

/// What each connection goes through.
pub(crate) struct Gate {
    /// Shakes hands; nothing where the port is plain text.
    pub(crate) handshakes: Option<Handshakes>,
    pub(crate) authentication: Authentication,
}

impl Secrets {
    /// Reads what `security` names.
    pub(crate) fn read(security: &Security) -> Result<Self, SecretError> {
        let tls = security.tls.as_ref().map(Watched::<Tls>::open).transpose()?;
        let tokens = security.token_file.as_ref().map(Watched::<Tokens>::open).transpose()?;
        Ok(Secrets { tls, tokens, reloads: Reloads::default() })
    }

    /// What connections go through, which follows the files as long as [`follow`](Self::follow) runs.
    pub(crate) fn gate(&self, registry: &mut Registry) -> Gate {
        if self.tokens.is_some() && self.tls.is_none() {
            tracing::warn!(
                "tokens are asked for without TLS: whoever sees the traffic sees them; set `--tls-cert` and `--tls-key`, or \
                 let a service mesh encrypt the way"
            );
        }
        self.reloads.register(registry);
        let handshakes = self.tls.as_ref().map(|tls| {
            self.reloads.expect(tls);
            let handshakes = Handshakes::new(tls.current());
            handshakes.register(registry);
            handshakes
        });
        let tokens = self.tokens.as_ref().map(|tokens| {
            self.reloads.expect(tokens);
            tokens.current()
        });
        Gate { handshakes, authentication: Authentication::new(tokens) }
    }

    /// Looks at the files every `pause`, or more often, for ever.
    pub(crate) async fn follow(self, pause: Duration) {
        let Secrets { tls, tokens, reloads } = self;
        let tls = async {
            if let Some(tls) = tls {
                tls.follow(pause, reloads.clone()).await;
            }
        };
        let tokens = async {
            if let Some(tokens) = tokens {
                tokens.follow(pause, reloads.clone()).await;
            }
        };
        tokio::join!(tls, tokens);
        // There is nothing to follow.
        future::pending().await
    }
}
