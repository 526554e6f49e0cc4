//! `--help` speaks the language of the rest, and tells of the same command line in each.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod service;

use std::collections::BTreeSet;

use service::playlist;

const COMMANDS: [&str; 8] = ["recommend", "info", "search", "watch", "doctor", "completions", "man", "probe"];
/// What clap would say by itself.
const ENGLISH: [&str; 9] = [
    "Usage",
    "Commands:",
    "Arguments:",
    "Options:",
    "OPTIONS",
    "Print",
    "default",
    "ossible values",
    "Exit codes",
];

#[track_caller]
fn help(args: &[&str], variables: &[(&str, &str)]) -> String {
    let output = playlist(args).envs(variables.iter().copied()).assert().success().get_output().clone();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn assert_portuguese(help: &str) {
    for words in ENGLISH {
        assert!(!help.contains(words), "{words:?} is in\n{help}");
    }
    for words in ["Uso: playlist", "[OPÇÕES]", "\nOpções:\n", "Mostrar a ajuda", "--lang <IDIOMA>"] {
        assert!(help.contains(words), "{words:?} is missing in\n{help}");
    }
}

/// All flags that are told of.
fn flags(help: &str) -> BTreeSet<&str> {
    help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| word.starts_with('-') && word.len() > 1)
        .collect()
}

#[test]
fn the_command_line_or_the_locale_says_in_which_language() {
    for (args, variables) in [
        (&["--lang", "pt-BR", "--help"][..], &[][..]),
        (&["--help", "--lang=pt-br"], &[("LC_ALL", "en_US.UTF-8")]),
        (&["--help"], &[("LC_ALL", "pt_BR.UTF-8")]),
        (&["--help"], &[("LC_MESSAGES", "pt_BR.UTF-8"), ("LANG", "en_US.UTF-8")]),
        (&["help"], &[("LANG", "pt_PT")]),
    ] {
        let help = help(args, variables);
        assert_portuguese(&help);
        for words in [
            "Pede ao recommender de playlists músicas que combinam com outras\n\nUso: playlist [OPÇÕES] [COMANDO]\n\nComandos:\n",
            "  recommend    Recomendar músicas que combinem com as dadas\n",
            "  help         Mostrar esta mensagem, ou a ajuda de um comando\n\nOpções:\n",
            "[padrão: http://localhost:52023]",
            "[env: PLAYLIST_SERVER=]",
            "Valores possíveis:\n",
            "- pt-BR: Português do Brasil\n",
            "\n\nCódigos de saída:\n  0  respondido",
        ] {
            assert!(help.contains(words), "{words:?} is missing in\n{help}");
        }
    }
}

#[test]
fn it_is_english_otherwise() {
    for (args, variables) in [
        (&["--help"][..], &[][..]),
        (&["--help"], &[("LC_ALL", "de_DE.UTF-8")]),
        (&["--help", "--lang", "en"], &[("LC_ALL", "pt_BR.UTF-8")]),
        (&["--lang=en", "help"], &[("LANG", "pt_BR.UTF-8")]),
    ] {
        let help = help(args, variables);
        for words in [
            "Asks the playlist recommender for songs that go with songs\n\nUsage: playlist [OPTIONS] [COMMAND]\n\nCommands:\n",
            "\n\nOptions:\n",
            "[default: http://localhost:52023]",
            "Print help",
            "\n\nExit codes:\n  0  answered",
        ] {
            assert!(help.contains(words), "{words:?} is missing in\n{help}");
        }
    }
}

#[test]
fn each_command_is_told_of_in_both_languages_with_the_same_flags() {
    let locale = [("LC_ALL", "pt_BR.UTF-8")];
    for command in COMMANDS {
        for args in [&[command, "--help"][..], &[command, "-h"], &["help", command]] {
            let portuguese = help(args, &locale);
            assert_portuguese(&portuguese);
            assert!(portuguese.contains(&format!("\nUso: playlist {command} [OPÇÕES]")), "{portuguese}");
            // Some flags are told of within the text.
            assert_eq!(flags(&portuguese), flags(&help(args, &[])), "{args:?}");
        }
    }
    let probe = help(&["probe", "--help"], &locale);
    for words in ["\n\nArgumentos:\n  [MÚSICA]...\n", "[padrão: 2m]", "\n\nO que é medido:\n"] {
        assert!(probe.contains(words), "{words:?} is missing in\n{probe}");
    }
    let completions = help(&["completions", "--help"], &locale);
    assert!(
        completions.contains("[valores possíveis: bash, elvish, fish, powershell, zsh]"),
        "{completions}"
    );
}

#[test]
fn misuse_is_told_in_the_language_of_the_rest() {
    for (args, told) in [
        (
            &["serch", "x"][..],
            &["erro: o comando `serch` não é conhecido\n", "dica: você quis dizer `search`?"][..],
        ),
        (
            &["info", "--jsn"],
            &["erro: o argumento `--jsn` não é conhecido\n", "`--json`?", "\nUso: playlist info "],
        ),
        (&["--lang", "pt-BR", "info", "--loud"], &["erro: o argumento `--loud` não é conhecido\n"]),
        (
            &["completions", "bas"],
            &["erro: `bas` não é um valor para `<SHELL>`\n  [valores possíveis: bash, ", "`bash`?"],
        ),
        (&["--server"], &["erro: `--server <URL>` precisa de um valor\n"]),
        (&["search"], &["erro: falta na linha de comando:\n  <TEXTO>\n", "\nUso: playlist search <TEXTO>"]),
        (&["search", "x", "y"], &["erro: o argumento `y` não é conhecido\n"]),
        (
            &["recommend", "x", "--limit", "501"],
            &[
                "erro: `501` não é um valor para `--limit <N>`: o valor deve ser um número inteiro de 1 a 500\n",
            ],
        ),
        (
            &["info", "--timeout", "5"],
            &[
                "erro: `5` não é um valor para `--timeout <DURAÇÃO>`: escreva um número inteiro e uma unidade, como `500ms`",
            ],
        ),
        (
            &["info", "--ssh", "me@:22"],
            &["não é um valor para `--ssh <USUÁRIO@HOST[:PORTA]>`: não há nome de host\n"],
        ),
        (&["--json", "--json"], &["erro: `--json` só pode ser dado uma vez\n"]),
        (&["info", "--json=yes"], &["erro: `--json` não aceita o valor `yes`\n"]),
    ] {
        let mut command = playlist(args);
        let output = command.env("LC_ALL", "pt_BR.UTF-8").assert().code(2).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        for part in told {
            assert!(message.contains(part), "{part:?} is missing in\n{message}");
        }
        assert!(message.ends_with("\n\n`--help` diz mais.\n"), "{message}");
        assert!(!message.contains("OPTIONS"), "{message}");
    }
    let output = playlist(&["--lang", "en", "sing"])
        .env("LC_ALL", "pt_BR.UTF-8")
        .assert()
        .code(2)
        .get_output()
        .clone();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("error: unrecognized subcommand 'sing'\n\nUsage: playlist "), "{message}");
}
