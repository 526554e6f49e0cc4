//! All that the program says by itself, in every language that it speaks.
//!
//! Each text is a method of [`Lang`] with its languages side by side, so that none can be left out: it would not compile.
//! What the service says, and JSON, is the same in every language, and so are the three lines above a playlist, by which people
//! and scripts know it. What clap says has its English in clap, or in the comments of the command line; `help` and `misuse` have the
//! Portuguese of it.

mod doctor;
mod failures;
pub(crate) mod help;
mod information;
pub(crate) mod misuse;
mod probe;
mod prompt;
mod reasons;
mod tunnel;
mod values;

use std::ffi::OsString;

/// A language that the program speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    #[value(name = "en")]
    English,
    /// The Portuguese of Brazil.
    #[value(name = "pt-BR", aliases = ["pt", "pt_BR", "pt-br"])]
    Portuguese,
}

impl Lang {
    /// The language of the locale's messages: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set and not empty decides, and
    /// English stands in for a language that the program does not speak.
    #[must_use]
    pub fn of_locale(
        lc_all: Option<OsString>,
        lc_messages: Option<OsString>,
        lang: Option<OsString>,
    ) -> Self {
        let locale = [lc_all, lc_messages, lang].into_iter().flatten().find(|value| !value.is_empty());
        let locale = locale.unwrap_or_default().to_string_lossy().to_lowercase();
        match locale.split(['_', '-', '.', '@']).next() {
            // Who reads Portuguese of elsewhere reads that of Brazil more easily than English.
            Some("pt") => Self::Portuguese,
            _ => Self::English,
        }
    }
}

/// Texts: a name, what it tells of, and `{what it tells of}` within English `|` Portuguese.
macro_rules! texts {
    ($($name:ident($($argument:ident: $type:ty),*): $english:literal | $portuguese:literal;)*) => {
        impl $crate::texts::Lang {
            $(
                #[allow(clippy::useless_format, reason = "most texts tell of something")]
                pub(crate) fn $name(self $(, $argument: $type)*) -> String {
                    match self {
                        Self::English => format!($english),
                        Self::Portuguese => format!($portuguese),
                    }
                }
            )*
        }
    };
}
use texts;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_of_the_locale_that_is_set_decides() {
        let lang = |all: &str, messages: &str, lang: &str| {
            let value = |text: &str| (text != "-").then(|| text.into());
            Lang::of_locale(value(all), value(messages), value(lang))
        };
        assert_eq!(lang("pt_BR.UTF-8", "en_US.UTF-8", "en_US.UTF-8"), Lang::Portuguese);
        assert_eq!(lang("-", "en_US.UTF-8", "pt_BR.UTF-8"), Lang::English);
        assert_eq!(lang("", "", "pt_BR"), Lang::Portuguese);
        assert_eq!(lang("C", "pt_BR", "pt_BR"), Lang::English);
        assert_eq!(lang("-", "-", "PT-br"), Lang::Portuguese);
        assert_eq!(lang("-", "-", "pt"), Lang::Portuguese);
        for other in ["-", "de_DE.UTF-8", "C.UTF-8", "POSIX", "ptolemaic"] {
            assert_eq!(lang("-", "-", other), Lang::English, "{other}");
        }
    }
}
