//! What went wrong, and what to do. What the service itself says of it is repeated as it came.

use client_lib::Error as ServiceError;

use super::{Lang, texts};
use crate::{failure::Failure, output::clean};

/// How to reach a service in a cluster, where the language does not matter.
const TUNNELS: [&str; 3] = [
    "ssh -N -L 52023:<cluster-ip>:52023 user@host",
    "kubectl -n playlist-recommender port-forward service/playlist-recommender 52023",
    "playlist --ssh user@host --forward <cluster-ip>:52023",
];

texts! {
    error_mark(): "error:" | "erro:";
    cause_mark(): "cause:" | "causa:";
    hint_mark(): "hint:" | "dica:";
    credentials_hint():
        "`--ca-cert` names whom to trust, `--client-cert` and `--client-key` show who you are, and `--token-file` has the token"
        | "`--ca-cert` diz em quem confiar, `--client-cert` e `--client-key` mostram quem você é, e `--token-file` tem o token";
    tunnel_beginning():
        "a tunnel to the service may be missing; open one in another terminal with"
        | "talvez falte um túnel até o serviço; abra um em outro terminal com";
    tunnel_or(): "or with" | "ou com";
    tunnel_by_itself():
        "or let `playlist` open one:" | "ou deixe `playlist` abrir um:";
    no_song_named():
        "there is no song to go with; name some, as in `playlist recommend Unforgettable`, or pipe them in, one a line"
        | "não há música com que combinar; dê algumas, como em `playlist recommend Unforgettable`, ou mande-as por um pipe, uma por linha";
    dash_twice():
        "`-` can be given once only" | "`-` só pode ser dado uma vez";
    no_song_in_input():
        "standard input names no song; write them one a line"
        | "a entrada padrão não tem nenhuma música; escreva uma por linha";
    input_too_long(bytes: u64):
        "standard input has more than {bytes} bytes, which is more than the service takes at once"
        | "a entrada padrão tem mais de {bytes} bytes, mais do que o serviço aceita de uma vez";
    watch_interrupted():
        "the watch was interrupted; trying again" | "a observação foi interrompida; tentando de novo";
}

impl Lang {
    /// How to reach a service that does not answer.
    pub(crate) fn tunnel_hint(self) -> String {
        let [ssh, kubectl, playlist] = TUNNELS;
        format!(
            "{}\n  {ssh}\n{}\n  {kubectl}\n{}\n  {playlist}",
            self.tunnel_beginning(),
            self.tunnel_or(),
            self.tunnel_by_itself(),
        )
    }

    /// Lines that ended too early.
    pub(crate) fn unsent_songs(self, songs: usize) -> String {
        let counted = self.songs(songs);
        match (self, songs) {
            (Self::English, 1) => {
                format!("the input ended before {counted} was sent; end it with a line `/send`")
            }
            (Self::English, _) => {
                format!("the input ended before {counted} were sent; end it with a line `/send`")
            }
            (Self::Portuguese, 1) => {
                format!("a entrada acabou antes de {counted} ser enviada; termine-a com uma linha `/send`")
            }
            (Self::Portuguese, _) => {
                format!("a entrada acabou antes de {counted} serem enviadas; termine-a com uma linha `/send`")
            }
        }
    }

    /// What failed, on what, without its causes.
    pub(crate) fn failure(self, failure: &Failure) -> String {
        match (self, failure) {
            (_, Failure::Tunnel(failure)) => failure.what(self),
            (Self::English, _) => failure.to_string(),
            (Self::Portuguese, Failure::Service(error)) => self.service_failure(error),
            (Self::Portuguese, Failure::File { path, .. }) => {
                format!("`{}` não pode ser lido", path.display())
            }
            (Self::Portuguese, Failure::Written { path, .. }) => {
                format!("`{}` não pode ser gravado", path.display())
            }
            (Self::Portuguese, Failure::Misuse(text)) => text.clone(),
            (Self::Portuguese, Failure::Alone { given, missing }) => {
                format!("`{given}` precisa de `{missing}`")
            }
            (Self::Portuguese, Failure::NoToken { path }) => {
                format!("`{}` não tem nenhum token", path.display())
            }
            (Self::Portuguese, Failure::Input(_)) => {
                "a entrada padrão não pode ser lida; músicas são texto UTF-8, uma por linha".to_owned()
            }
            (Self::Portuguese, Failure::Output(_)) => {
                "a resposta não pode ser escrita na saída padrão".to_owned()
            }
            (Self::Portuguese, Failure::Json(_)) => "a resposta não pode ser escrita como JSON".to_owned(),
            (Self::Portuguese, Failure::Terminal(_)) => {
                "o terminal não pode ser lido; sem um, mande as linhas por um pipe".to_owned()
            }
        }
    }

    /// What failed on the service, without its causes; the English of it is client-lib's own.
    pub(crate) fn service_failure(self, error: &ServiceError) -> String {
        match self {
            Self::English => error.to_string(),
            Self::Portuguese => in_portuguese(error),
        }
    }
}

fn in_portuguese(error: &ServiceError) -> String {
    match error {
        ServiceError::InvalidUrl { url, reason } => format!(
            "`{url}` não é a URL de um recommender: {reason}; escreva `http://host:porta` ou `https://host:porta`"
        ),
        ServiceError::InvalidCredentials { what, reason } => format!("{what} não serve: {reason}"),
        ServiceError::Tls { url, message, .. } => {
            format!("não foi possível conectar a `{url}` com TLS: {message}")
        }
        ServiceError::Unauthenticated { url, call, message } => {
            format!("`{call}` em `{url}` foi recusado por falta de um token: {message}")
        }
        ServiceError::Connect { url, .. } => format!(
            "não foi possível conectar a `{url}`; o recommender está rodando, e o túnel até ele está aberto?"
        ),
        ServiceError::Timeout { url, call, after } => format!(
            "`{call}` em `{url}` não teve resposta depois de {after:?}; tente de novo, ou dê mais tempo com `--timeout`"
        ),
        ServiceError::InvalidRequest { url, call, message, .. } => {
            format!("`{call}` em `{url}` foi recusado: {message}")
        }
        ServiceError::NotReady { url, message, .. } => {
            format!("o recommender em `{url}` não está pronto: {message}; treine um modelo, ou tente de novo")
        }
        ServiceError::Overloaded { url, message, .. } => {
            format!("o recommender em `{url}` está sobrecarregado: {message}; tente mais tarde")
        }
        ServiceError::Unavailable { url, message, .. } => {
            format!("o recommender em `{url}` não está disponível: {message}")
        }
        ServiceError::Unimplemented { url, call } => {
            format!("`{url}` não conhece `{call}`: não é um recommender, ou é um mais antigo; confira a URL")
        }
        ServiceError::Protocol { url, message, .. } => {
            format!("`{url}` não é um recommender: {message}; confira host e porta")
        }
        ServiceError::Internal { url, call, code, message } => {
            format!("`{call}` falhou em `{url}` com {code}: {message}; o log do recommender diz mais")
        }
        // One that this program does not know yet.
        error => clean(&error.to_string()).into_owned(),
    }
}
