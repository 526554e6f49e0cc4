//! What the prompt says: at its beginning and end, of the list of songs, and of each command.

use std::path::Display;

use super::{Lang, texts};
use crate::command::Command;

texts! {
    first_steps():
        "type songs, one a line, then `/send`; `/help` tells the rest"
        | "digite músicas, uma por linha, e depois `/send`; `/help` mostra o resto";
    connected(url: &str, songs: u32):
        "connected to {url}, {songs} songs" | "conectado a {url}, {songs} músicas";
    connected_without_model(url: &str):
        "connected to {url}, which has no model yet" | "conectado a {url}, que ainda não tem modelo";
    not_answered_yet(url: &str):
        "{url} has not answered yet" | "{url} ainda não respondeu";
    how_to_leave():
        "(Ctrl-C clears the line; `/quit` or Ctrl-D leaves)"
        | "(Ctrl-C limpa a linha; `/quit` ou Ctrl-D sai)";
    interrupted():
        "(interrupted)" | "(interrompido)";
    history_not_read(path: Display<'_>, why: &str):
        "warning: the history `{path}` cannot be read: {why}"
        | "aviso: o histórico `{path}` não pode ser lido: {why}";
    history_not_saved(path: Display<'_>, why: &str):
        "warning: the history `{path}` cannot be saved: {why}"
        | "aviso: o histórico `{path}` não pode ser gravado: {why}";

    // What happens while somebody types.
    model_changed(version: &str, date: &str):
        "(another model is in service: {version}, trained {date}; `/send` asks it)"
        | "(outro modelo entrou em serviço: {version}, treinado em {date}; `/send` pergunta a ele)";
    service_away(url: &str):
        "({url} does not answer any more; trying again)" | "({url} não responde mais; tentando de novo)";
    service_back(url: &str):
        "({url} answers again)" | "({url} voltou a responder)";
    did_you_mean(song: &str):
        "did you mean {song}? (Tab)" | "você quis dizer {song}? (Tab)";

    // The line.
    has_controls():
        "the line has control characters; type a song in plain text"
        | "a linha tem caracteres de controle; digite uma música em texto simples";
    line_too_long(bytes: usize, most: usize):
        "the line has {bytes} bytes, a song at most {most}"
        | "a linha tem {bytes} bytes, e uma música no máximo {most}";
    no_such_command(command: &str):
        "there is no command `{command}`; `/help` shows them all"
        | "não existe o comando `{command}`; `/help` mostra todos";
    no_such_command_but(command: &str, meant: &str):
        "there is no command `{command}`; did you mean `{meant}`? `/help` shows them all"
        | "não existe o comando `{command}`; você quis dizer `{meant}`? `/help` mostra todos";
    takes_nothing(command: &str):
        "`{command}` takes nothing after it" | "`{command}` não leva nada depois dele";

    // The list of songs.
    list_is_empty():
        "the list is empty" | "a lista está vazia";
    type_a_song_first():
        "the list is empty; type a song first" | "a lista está vazia; digite antes uma música";
    list_is_full(most: usize):
        "the list is full: it has {most} songs; `/send` asks, `/clear` empties it"
        | "a lista está cheia: tem {most} músicas; `/send` pergunta, `/clear` a esvazia";
    listed_already(song: &str):
        "`{song}` is on the list already" | "`{song}` já está na lista";
    off_the_list(song: &str):
        "`{song}` is off the list" | "`{song}` saiu da lista";
    not_on_the_list(song: &str):
        "`{song}` is not on the list; `/list` shows what is"
        | "`{song}` não está na lista; `/list` mostra o que está";
    add_what():
        "`/add` needs a song" | "`/add` precisa de uma música";
    remove_what():
        "`/remove` needs the number or the text of a song; `/list` shows both"
        | "`/remove` precisa do número ou do texto de uma música; `/list` mostra os dois";
    nothing_to_choose(number: &str):
        "there is nothing to choose `?{number}` from; `/add ?{number}` adds a song of that name"
        | "não há de onde escolher `?{number}`; `/add ?{number}` adiciona uma música com esse nome";
    no_such_choice(number: &str, choices: usize):
        "there is no `?{number}`; choose from `?1` to `?{choices}`"
        | "não existe `?{number}`; escolha de `?1` a `?{choices}`";
    chosen(meant: &str, typed: &str):
        "`{meant}` stands for `{typed}` now; `/send` asks again"
        | "`{meant}` agora está no lugar de `{typed}`; `/send` pergunta de novo";

    // Commands.
    one_to_500(command: &str, count: &str):
        "`{command}` takes a number from 1 to 500, not `{count}`"
        | "`{command}` aceita um número de 1 a 500, não `{count}`";
    cap_of_what(count: &str):
        "`/cap` takes a number from 1 on, not `{count}`" | "`/cap` aceita um número a partir de 1, não `{count}`";
    capped(songs: &str):
        "answers have at most {songs} of one artist now"
        | "as respostas agora têm no máximo {songs} de um mesmo artista";
    not_capped():
        "answers have any number of songs of one artist now"
        | "as respostas agora têm qualquer número de músicas de um mesmo artista";
    no_answer_yet():
        "there is no answer yet; `/send` asks for one" | "ainda não há resposta; `/send` pede uma";
    answer_is_empty():
        "the last answer has no songs" | "a última resposta não tem músicas";
    why_only_one():
        "it has one: `/why 1`" | "ela tem uma: `/why 1`";
    why_from_to(songs: usize):
        "`/why 1` to `/why {songs}`" | "de `/why 1` a `/why {songs}`";
    why_no_such(number: usize, choices: &str):
        "the last answer has no song {number}; {choices}"
        | "a última resposta não tem a música {number}; {choices}";
    why_which(choices: &str):
        "`/why` needs the number of a song of the last answer; {choices}"
        | "`/why` precisa do número de uma música da última resposta; {choices}";
    why_not_a_number(number: &str, choices: &str):
        "`/why` takes the number of a song of the last answer, not `{number}`; {choices}"
        | "`/why` aceita o número de uma música da última resposta, não `{number}`; {choices}";
    no_more_at_once(most: usize):
        "the last answer has {most} songs, and the service gives no more"
        | "a última resposta tem {most} músicas, e o serviço não dá mais";
    no_more_songs():
        "the model knows no more songs that go with the list"
        | "o modelo não conhece mais músicas que combinem com a lista";
    changed_meanwhile():
        "the model has changed since the last answer; `/send` asks the new one from the start"
        | "o modelo mudou desde a última resposta; `/send` pergunta ao novo desde o começo";
    save_where():
        "`/save` needs the name of a file that ends in `.m3u8`, `.csv` or `.json`"
        | "`/save` precisa do nome de um arquivo que termine em `.m3u8`, `.csv` ou `.json`";
    save_as_what(name: &str):
        "`{name}` does not end in `.m3u8`, `.csv` or `.json`, so its format is not known"
        | "`{name}` não termina em `.m3u8`, `.csv` ou `.json`, então o formato não é conhecido";
    saved(songs: &str, path: Display<'_>):
        "{songs} saved in `{path}`" | "{songs} em `{path}`";
    saved_without_uri(songs: &str):
        "{songs} of it have no track URI, so players pass over them"
        | "{songs} da lista não têm URI de faixa, e os players pulam";
    exists_already(path: Display<'_>):
        "`{path}` exists already and was left as it is; choose another name"
        | "`{path}` já existe e ficou como está; escolha outro nome";

    help_beginning():
        "Type songs, one a line: a title, `artist - title`, a track URI, or a link to a track. Tab completes, and the right arrow takes \
         what is offered. When a song is not known, others are offered: `?1` takes the first of them."
        | "Digite músicas, uma por linha: um título, `artista - título`, uma URI de faixa ou o link de uma faixa. Tab completa, e a seta \
           para a direita aceita o que é oferecido. Quando uma música não é conhecida, outras são oferecidas: `?1` aceita a primeira.";
}

impl Lang {
    /// `1 song`, `2 songs`.
    pub(crate) fn songs(self, songs: usize) -> String {
        match (self, songs) {
            (Self::English, 1) => "1 song".to_owned(),
            (Self::English, _) => format!("{songs} songs"),
            (Self::Portuguese, 1) => "1 música".to_owned(),
            (Self::Portuguese, _) => format!("{songs} músicas"),
        }
    }

    /// What stands after a command.
    pub(crate) fn arguments(self, command: Command) -> &'static str {
        let (english, portuguese) = match command {
            Command::Send | Command::More | Command::Cap => ("[N]", "[N]"),
            Command::Why => ("N", "N"),
            Command::Save => ("FILE", "ARQUIVO"),
            Command::Remove => ("N|SONG", "N|MÚSICA"),
            Command::Add => ("SONG", "MÚSICA"),
            Command::List | Command::Clear | Command::Info | Command::Help | Command::Quit => ("", ""),
        };
        self.choose(english, portuguese)
    }

    /// What a command does.
    pub(crate) fn purpose(self, command: Command) -> &'static str {
        let (english, portuguese) = match command {
            Command::Send => (
                "ask for songs that go with the list (N of them, at most 500)",
                "pedir músicas que combinem com a lista (N delas, no máximo 500)",
            ),
            Command::More => {
                ("show the next songs of the last answer", "mostrar as próximas músicas da última resposta")
            }
            Command::Why => (
                "tell what spoke for song N of the last answer",
                "dizer o que falou a favor da música N da última resposta",
            ),
            Command::Save => (
                "save the last answer as .m3u8 (players), .csv (spreadsheets) or .json",
                "gravar a última resposta como .m3u8 (players), .csv (planilhas) ou .json",
            ),
            Command::Cap => (
                "take at most N songs of one artist into an answer; without N, any number",
                "pôr no máximo N músicas de um artista em uma resposta; sem N, qualquer número",
            ),
            Command::List => ("show the songs typed so far", "mostrar as músicas digitadas até aqui"),
            Command::Remove => (
                "take a song off the list, by its number or its text",
                "tirar uma música da lista, pelo número ou pelo texto",
            ),
            Command::Clear => ("empty the list", "esvaziar a lista"),
            Command::Add => (
                "add a song whose name looks like a command",
                "adicionar uma música cujo nome parece um comando",
            ),
            Command::Info => ("show which model is in service", "mostrar qual modelo está em serviço"),
            Command::Help => ("show this", "mostrar isto"),
            Command::Quit => ("leave (so does Ctrl-D)", "sair (Ctrl-D também)"),
        };
        self.choose(english, portuguese)
    }

    fn choose<'a>(self, english: &'a str, portuguese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Portuguese => portuguese,
        }
    }
}
