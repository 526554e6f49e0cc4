//! What clap says of a command line that it does not understand, in Portuguese.

use std::{error::Error as _, fmt::Write as _};

use clap::{
    builder::{StyledStr, Styles},
    error::{ContextKind, ContextValue, Error, ErrorFormatter, ErrorKind},
};

use super::{Lang, help};
use crate::values::WrongValue;

/// Says in Portuguese what clap's own formatter says in English.
pub(crate) struct InPortuguese;

impl ErrorFormatter for InPortuguese {
    fn format_error(error: &Error<Self>) -> StyledStr {
        // Those of clap, unless a command has others.
        let styles = Styles::styled();
        let (mark, valid) = (styles.get_error(), styles.get_valid());
        let mut text = format!("{mark}erro:{mark:#} {}", what(error, &styles));
        let meant =
            [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
                .map(|kind| told(error, kind).join("`, `"));
        if let Some(meant) = meant.iter().find(|meant| !meant.is_empty()) {
            let _ = write!(text, "\n\n  {valid}dica:{valid:#} você quis dizer `{valid}{meant}{valid:#}`?");
        }
        if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
            let _ = write!(text, "\n\n{}", help::usage(usage));
        }
        let literal = styles.get_literal();
        let _ = writeln!(text, "\n\n`{literal}--help{literal:#}` diz mais.");
        text.into()
    }
}

/// What is wrong.
fn what(error: &Error<InPortuguese>, styles: &Styles) -> String {
    let (invalid, literal, valid) = (styles.get_invalid(), styles.get_literal(), styles.get_valid());
    let one = |kind| told(error, kind).join(" ");
    let argument = one(ContextKind::InvalidArg);
    let value = one(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            format!("o argumento `{invalid}{argument}{invalid:#}` não é conhecido")
        }
        ErrorKind::InvalidSubcommand => {
            let command = one(ContextKind::InvalidSubcommand);
            format!("o comando `{invalid}{command}{invalid:#}` não é conhecido")
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("`{literal}{argument}{literal:#}` precisa de um valor") + &possible(error, styles)
        }
        ErrorKind::InvalidValue => {
            format!("`{invalid}{value}{invalid:#}` não é um valor para `{literal}{argument}{literal:#}`")
                + &possible(error, styles)
        }
        ErrorKind::ValueValidation => {
            let reason = error.source().map(|reason| match reason.downcast_ref::<WrongValue>() {
                Some(wrong) => format!(": {}", wrong.told(Lang::Portuguese)),
                None => format!(": {reason}"),
            });
            let reason = reason.unwrap_or_default();
            format!(
                "`{invalid}{value}{invalid:#}` não é um valor para `{literal}{argument}{literal:#}`{reason}"
            )
        }
        ErrorKind::MissingRequiredArgument => {
            let mut text = "falta na linha de comando:".to_owned();
            for argument in told(error, ContextKind::InvalidArg) {
                let _ = write!(text, "\n  {valid}{argument}{valid:#}");
            }
            text
        }
        ErrorKind::ArgumentConflict => {
            let other = told(error, ContextKind::PriorArg);
            if other.is_empty() || other == [argument.as_str()] {
                format!("`{invalid}{argument}{invalid:#}` só pode ser dado uma vez")
            } else {
                let other = other.join("`, `");
                format!(
                    "`{invalid}{argument}{invalid:#}` não pode ser dado com `{invalid}{other}{invalid:#}`"
                )
            }
        }
        ErrorKind::TooManyValues => {
            format!("`{literal}{argument}{literal:#}` não aceita o valor `{invalid}{value}{invalid:#}`")
        }
        ErrorKind::InvalidUtf8 => "a linha de comando tem texto que não é UTF-8".to_owned(),
        // No argument of this program leads to any other.
        kind => kind.to_string(),
    }
}

fn possible(error: &Error<InPortuguese>, styles: &Styles) -> String {
    let valid = styles.get_valid();
    let values: Vec<_> =
        told(error, ContextKind::ValidValue).iter().map(|value| format!("{valid}{value}{valid:#}")).collect();
    if values.is_empty() {
        return String::new();
    }
    format!("\n  [{}: {}]", help::POSSIBLE_VALUES, values.join(", "))
}

/// What clap tells of one thing: nothing, a text or several.
fn told(error: &Error<InPortuguese>, kind: ContextKind) -> Vec<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text],
        Some(ContextValue::Strings(texts)) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}
