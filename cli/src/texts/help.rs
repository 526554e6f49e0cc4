//! What `--help` and the manual pages say, in Portuguese. The English of it is in the comments of the command line itself, and what clap
//! says by itself. A test fails when one of the two has what the other lacks.

use clap::builder::StyledStr;

use super::Lang;

/// What is said of a command.
pub(crate) struct CommandTexts {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Those of its own, and with the program those of all commands.
    pub(crate) arguments: &'static [ArgumentTexts],
    /// Told at the end.
    pub(crate) after: Option<&'static str>,
}

/// What is said of an argument.
pub(crate) struct ArgumentTexts {
    pub(crate) id: &'static str,
    /// What stands for its value; empty for one that takes none.
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
}

/// What stands for a command in the usage.
pub(crate) const COMMAND: &str = "COMANDO";
pub(crate) const COMMANDS: &str = "Comandos:";
pub(crate) const ARGUMENTS: &str = "Argumentos:";
pub(crate) const OPTIONS: &str = "Opções:";
pub(crate) const DEFAULT: &str = "padrão";
pub(crate) const POSSIBLE_VALUES: &str = "valores possíveis";
/// The same before a list.
pub(crate) const LISTED_VALUES: &str = "Valores possíveis:";

/// The sections of a manual page, by what clap_mangen calls them.
pub(crate) const SECTIONS: [(&str, &str); 7] = [
    ("NAME", "NOME"),
    ("SYNOPSIS", "SINOPSE"),
    ("DESCRIPTION", "DESCRIÇÃO"),
    ("OPTIONS", "OPÇÕES"),
    ("SUBCOMMANDS", "COMANDOS"),
    ("EXTRA", "NOTAS"),
    ("VERSION", "VERSÃO"),
];

/// What the values mean that an argument may have.
pub(crate) const VALUES: [(&str, &str); 2] = [("en", "Inglês"), ("pt-BR", "Português do Brasil")];

/// What clap's own flags do: in the summary that `-h` shows, and in the whole.
pub(crate) const HELP_SHORT: &str = "Mostrar a ajuda (mais com `--help`)";
pub(crate) const HELP_LONG: &str = "Mostrar a ajuda (um resumo com `-h`)";
pub(crate) const VERSION: &str = "Mostrar a versão";

const fn argument(id: &'static str, value: &'static str, help: &'static str) -> ArgumentTexts {
    ArgumentTexts { id, value, help }
}

/// The program, then its commands.
pub(crate) const TEXTS: [CommandTexts; 10] = [
    CommandTexts {
        name: "playlist",
        about: "Pede ao recommender de playlists músicas que combinam com outras",
        arguments: &[
            argument(
                "server",
                "URL",
                "O endereço do serviço: esquema, host e porta; `https` para TLS; vários, com vírgulas no meio, são réplicas que \
                 dividem as chamadas",
            ),
            argument(
                "ca_cert",
                "ARQUIVO",
                "Quem responde pelo serviço, no lugar das autoridades em que os navegadores confiam: um arquivo PEM com certificados",
            ),
            argument("client_cert", "ARQUIVO", "O certificado a mostrar ao serviço: um arquivo PEM"),
            argument("client_key", "ARQUIVO", "A chave privada desse certificado: um arquivo PEM"),
            argument(
                "token_file",
                "ARQUIVO",
                "O token a enviar com cada chamada: um arquivo que o tem na primeira linha; linhas vazias e as que começam com `#` \
                 não contam",
            ),
            argument(
                "ssh",
                "USUÁRIO@HOST[:PORTA]",
                "Alcançar o serviço por este host, em um túnel que o ssh do sistema abre e que acaba com o programa",
            ),
            argument(
                "forward",
                "HOST:PORTA",
                "Onde esse host encontra o serviço, como o IP de cluster que `kubectl get services` mostra [padrão: o host e a porta \
                 de --server, vistos de lá]",
            ),
            argument(
                "timeout",
                "DURAÇÃO",
                "O tempo máximo de espera por uma resposta, como `500ms`, `10s` ou `2m`",
            ),
            argument(
                "lang",
                "IDIOMA",
                "O idioma a falar [padrão: o da localidade, por LC_ALL, LC_MESSAGES ou LANG]",
            ),
            argument("json", "", "Mostrar as respostas como JSON, com os nomes do contrato"),
        ],
        after: Some(
            "\
Códigos de saída:
  0  respondido (também quando uma música é desconhecida: a saída de erro avisa); `probe`: todas as requisições foram respondidas
  1  falhou de outro modo; `doctor`: uma verificação falhou; `probe`: uma requisição falhou ou foi recusada por sobrecarga
  2  uso errado, ou o serviço recusou a requisição como inválida
  3  o serviço não pode ser alcançado, ou não respondeu a tempo
  4  o serviço não pode responder agora (ainda sem modelo, sobrecarregado ou parando): tente mais tarde

Sem um comando, em um terminal, o prompt se abre: digite músicas, uma por linha, e depois /send; /help mostra o resto.
Sem um comando, em um pipe, as mesmas linhas são lidas da entrada padrão: printf 'Unforgettable\\n/send\\n' | playlist",
        ),
    },
    CommandTexts {
        name: "recommend",
        about: "Recomendar músicas que combinem com as dadas",
        arguments: &[
            argument(
                "songs",
                "MÚSICA",
                "Músicas com que combinar: um título, `artista - título` em qualquer ordem, uma URI de faixa ou o link de uma faixa; `-` \
                 as lê da entrada padrão, uma por linha, e o mesmo vale sem nenhuma música quando ela não é um terminal",
            ),
            argument("limit", "N", "O máximo de músicas a recomendar, de 1 a 500 [padrão: 10]"),
            argument("exclude", "MÚSICA", "Uma música que não deve ser recomendada; pode ser repetido"),
            argument(
                "max_songs_per_artist",
                "N",
                "O máximo de músicas de um mesmo artista [padrão: sem limite]",
            ),
            argument(
                "rules",
                "N",
                "O máximo de regras a dar como razões de uma música, de 0 a 100 [padrão: 0, com --json 3]",
            ),
        ],
        after: None,
    },
    CommandTexts {
        name: "info",
        about: "Mostrar qual modelo está em serviço, e de que dados foi treinado",
        arguments: &[],
        after: None,
    },
    CommandTexts {
        name: "search",
        about: "Procurar músicas pelo começo do título ou do artista",
        arguments: &[
            argument(
                "query",
                "TEXTO",
                "O começo de um título, de um artista, ou de `artista - título` em qualquer ordem; vazio, lista as músicas mais comuns",
            ),
            argument("limit", "N", "O máximo de músicas a encontrar"),
        ],
        after: None,
    },
    CommandTexts {
        name: "watch",
        about: "Mostrar uma linha agora, e outra sempre que um modelo novo entrar em serviço, até ser interrompido",
        arguments: &[],
        after: None,
    },
    CommandTexts {
        name: "doctor",
        about: "Verificar tudo entre aqui e uma playlist, e dizer o que fazer; código de saída 1 se algo estiver errado",
        arguments: &[],
        after: None,
    },
    CommandTexts {
        name: "completions",
        about: "Mostrar o que um shell precisa para completar a linha de comando deste programa",
        arguments: &[argument("shell", "SHELL", "O shell")],
        after: None,
    },
    CommandTexts {
        name: "man",
        about: "Mostrar a página de manual deste programa, ou gravar as páginas de todos os comandos em uma pasta",
        arguments: &[argument("dir", "PASTA", "A pasta, como `/usr/local/share/man/pt_BR/man1`")],
        after: None,
    },
    CommandTexts {
        name: "probe",
        about: "Enviar requisições em ritmo constante enquanto algo é mudado, e dizer o que encontraram: mudanças, falhas, indisponibilidade",
        arguments: &[
            argument(
                "server",
                "URL",
                "O endereço do serviço, veja `playlist --help`; repetido, vários endereços",
            ),
            argument(
                "rate",
                "N",
                "Requisições por segundo, no máximo 1000; com vários endereços, de todos juntos",
            ),
            argument(
                "duration",
                "DURAÇÃO",
                "Por quanto tempo enviar, como `30s`, `2m` ou `1h`; Ctrl-C acaba antes",
            ),
            argument(
                "new_connection",
                "",
                "Abrir uma conexão para cada requisição, para que um balanceador a dê a qualquer réplica",
            ),
            argument(
                "no_retries",
                "",
                "Não reenviar nenhuma requisição que o serviço possa ter visto; as que ele com certeza não viu saem de novo assim mesmo",
            ),
            argument(
                "since",
                "RFC 3339",
                "Contar os segundos até uma mudança a partir daí, como da hora de um commit, e não do início: `git show -s \
                 --format=%cI`",
            ),
            argument("gone_after", "DURAÇÃO", "Uma réplica que passa tanto tempo sem responder é dada por ausente"),
            argument(
                "timeline",
                "ARQUIVO",
                "Desenhar latências, falhas e mudanças ao longo do tempo neste arquivo, como SVG",
            ),
            argument("limit", "N", "O máximo de músicas a pedir com uma requisição [padrão: 10]"),
            argument(
                "songs",
                "MÚSICA",
                "As músicas a enviar com cada requisição [padrão: as mais comuns]",
            ),
        ],
        after: Some(
            "\
O que é medido:
  As requisições têm hora marcada, em intervalos constantes, e uma latência começa na hora marcada, para que uma parada apareça em
  todas as requisições marcadas durante ela.
  Todas as réplicas: com um endereço, aquelas cujo nome (`served_by`) estava em uma resposta dentro de `--gone-after`. Uma conexão
  fica com uma réplica, então só `--new-connection` encontra todas elas por trás de um balanceador. Com vários
  endereços, espera-se uma réplica em cada um, e as requisições vão a eles em rodízio.
  Indisponibilidade: da hora marcada de uma requisição que falhou até a próxima resposta, se nenhuma outra foi respondida no meio.
  O que o cliente reenvia por si, e então é respondido, não é falha; é contado.

Códigos de saída:
  0  todas as requisições foram respondidas
  1  uma requisição falhou, ou foi recusada por sobrecarga
  2  uso errado
  3  o serviço não podia ser alcançado no início (dê músicas para começar assim mesmo)
  4  o serviço não podia responder no início (idem)",
        ),
    },
    CommandTexts {
        name: "help",
        about: "Mostrar esta mensagem, ou a ajuda de um comando",
        arguments: &[],
        after: None,
    },
];

impl CommandTexts {
    pub(crate) fn of(command: &str) -> Option<&'static Self> {
        TEXTS.iter().find(|texts| texts.name == command)
    }

    /// Of an argument of its own, or of one that all commands have.
    pub(crate) fn argument(&self, id: &str) -> Option<&'static ArgumentTexts> {
        let [program, ..] = &TEXTS;
        self.arguments.iter().chain(program.arguments).find(|texts| texts.id == id)
    }
}

/// How a command is called, by what clap says of that. The rest of it is what is typed, and the names of values, which are told above.
pub(crate) fn usage(in_english: &StyledStr) -> String {
    let text = in_english.ansi().to_string();
    text.replacen("Usage:", "Uso:", 1).replacen("[OPTIONS]", "[OPÇÕES]", 1)
}

impl Lang {
    /// What stands above manual pages; nothing where `man` says it.
    pub(crate) fn manual(self) -> &'static str {
        match self {
            Self::English => "",
            Self::Portuguese => "Manual de comandos",
        }
    }

    /// A manual page with the headings of the language. Text never begins with a dot there, so that only headings are found.
    pub(crate) fn manual_page(self, page: &str) -> String {
        let heading = |line: &str| {
            let english = line.strip_prefix(".SH ")?;
            let (_, portuguese) = SECTIONS.iter().find(|(section, _)| *section == english)?;
            Some(format!(".SH {portuguese}"))
        };
        let in_language = |line: &str| match self {
            Self::English => None,
            Self::Portuguese => heading(line),
        };
        page.lines().map(|line| in_language(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
    }
}
