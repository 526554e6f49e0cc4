//! Completions that shells load, and pages that `man` shows.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![cfg(unix)]

use std::{fs, process::Command};

const COMMANDS: [&str; 8] = ["recommend", "info", "search", "watch", "probe", "doctor", "completions", "man"];

fn playlist() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_playlist"));
    command.env_clear();
    command
}

#[track_caller]
fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_and_options() {
    let complete = |words: &str, index: usize| {
        // As bash does when Tab is pressed after these words.
        let script = format!(
            "source <(\"$0\" completions bash) && complete -p playlist >/dev/null && words=({words}) && \
             COMP_WORDS=(\"${{words[@]}}\") COMP_CWORD={index} && \
             _playlist playlist \"${{words[{index}]}}\" \"${{words[{index}-1]}}\" && echo \"${{COMPREPLY[@]}}\""
        );
        stdout(Command::new("bash").args(["--norc", "-c", &script, env!("CARGO_BIN_EXE_playlist")]))
    };
    assert_eq!(complete("playlist rec", 1), "recommend\n");
    assert_eq!(complete("playlist recommend --max", 2), "--max-songs-per-artist\n");
    assert_eq!(complete("playlist --lang ''", 2), "en pt-BR\n");
}

#[test]
fn every_shell_gets_a_script_of_its_own() {
    for (shell, word) in [
        ("bash", "complete -F _playlist"),
        ("zsh", "#compdef playlist"),
        ("fish", "complete -c playlist"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let script = stdout(playlist().args(["completions", shell]));
        assert!(script.contains(word), "{shell}: {script}");
        let portuguese = stdout(playlist().args(["--lang", "pt-BR", "completions", shell]));
        assert_eq!(portuguese.lines().count(), script.lines().count(), "{shell}: {portuguese}");
        // Those of bash tell of nothing.
        if shell != "bash" {
            assert!(
                script.contains("Recommend songs") && !script.contains("Recomendar"),
                "{shell}: {script}"
            );
            assert!(portuguese.contains("Recomendar"), "{shell}: {portuguese}");
            assert!(!portuguese.contains("Recommend songs"), "{shell}: {portuguese}");
        }
    }
}

#[test]
fn there_is_a_page_for_every_command_and_man_shows_it() {
    for lang in ["en", "pt-BR"] {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("man1");
        stdout(playlist().args(["--lang", lang, "man", "--dir"]).arg(&pages));
        for command in COMMANDS {
            assert!(pages.join(format!("playlist-{command}.1")).is_file(), "there is no page of {command}");
        }
        let page = stdout(playlist().args(["--lang", lang, "man"]));
        for text in [page, fs::read_to_string(pages.join("playlist.1")).unwrap()] {
            assert!(text.contains(".TH playlist 1") && text.contains("playlist\\-doctor(1)"), "{text}");
        }
        let shown = Command::new("man")
            .args(["--warnings", "--local-file"])
            .arg(pages.join("playlist-recommend.1"))
            .env("MANPAGER", "cat")
            .env("MANWIDTH", "100")
            .output();
        match shown {
            Ok(shown) if shown.status.success() && !shown.stdout.is_empty() => {
                let text = String::from_utf8_lossy(&shown.stdout);
                assert!(text.contains("--max-songs-per-artist"), "{text}");
                assert_eq!(String::from_utf8_lossy(&shown.stderr), "");
            }
            _ => eprintln!("skipped: `man` shows no pages here"),
        }
    }
}

#[test]
fn pages_are_in_the_language_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    stdout(playlist().args(["--lang", "pt-BR", "man", "--dir"]).arg(folder.path()));
    let of_program = stdout(playlist().arg("man").env("LC_ALL", "pt_BR.UTF-8"));
    let read = |page: &str| fs::read_to_string(folder.path().join(page)).unwrap();
    for command in COMMANDS {
        let page = read(&format!("playlist-{command}.1"));
        assert!(page.contains("\n.SH SINOPSE\n") && page.contains("\n.SH OPÇÕES\n"), "{page}");
    }
    for page in [of_program, read("playlist.1"), read("playlist-probe.1")] {
        let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        for heading in headings {
            let known = ["NOME", "SINOPSE", "DESCRIÇÃO", "OPÇÕES", "COMANDOS", "NOTAS", "VERSÃO"];
            assert!(known.contains(&heading), "{heading}");
        }
        for words in ["ossible values", "default", "Print"] {
            assert!(!page.contains(words), "{words:?} is in\n{page}");
        }
        assert!(page.contains("[padrão: http://localhost:52023]"), "{page}");
    }
    let page = stdout(playlist().arg("man"));
    for words in ["\n.SH NAME\n", "\n.SH SUBCOMMANDS\n", "[default: 10s]"] {
        assert!(page.contains(words), "{words:?} is missing in\n{page}");
    }
}
