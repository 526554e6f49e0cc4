use std::fmt;

use model::{Evaluation, EvaluationFigures};

/// A metric as people see it.
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) meaning: &'static str,
    pub(crate) of: fn(&EvaluationFigures) -> f64,
    pub(crate) form: Form,
}

/// How the values of a metric are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// 0 to 1, with three decimals.
    Share,
    /// 0 to 1, as a percentage.
    Percent,
    /// With two decimals; the fewer the better.
    Clicks,
}

/// In the order in which they are shown.
pub(crate) const METRICS: [Metric; 7] = [
    Metric {
        name: "R-precision",
        meaning: "share of the hidden songs among as many recommendations",
        of: |figures| figures.r_precision,
        form: Form::Share,
    },
    Metric {
        name: "nDCG",
        meaning: "how far in front the hidden songs are among 500 recommendations",
        of: |figures| figures.ndcg,
        form: Form::Share,
    },
    Metric {
        name: "hit rate@10",
        meaning: "share of playlists with a hidden song among the first 10 recommendations",
        of: |figures| figures.hit_rate_at_10,
        form: Form::Share,
    },
    Metric {
        name: "precision@10",
        meaning: "share of hidden songs among the first 10 recommendations",
        of: |figures| figures.precision_at_10,
        form: Form::Share,
    },
    Metric {
        name: "clicks",
        meaning: "times to ask for 10 more until a hidden song shows, 51 for never; fewer are better",
        of: |figures| figures.clicks,
        form: Form::Clicks,
    },
    Metric {
        name: "coverage",
        meaning: "share of all songs that were among the first 10 recommendations for any playlist",
        of: |figures| figures.coverage,
        form: Form::Percent,
    },
    Metric {
        name: "answered",
        meaning: "share of playlists for which a rule had something to say",
        of: |figures| figures.answered,
        form: Form::Percent,
    },
];

impl Metric {
    /// A value as text.
    pub(crate) fn written(&self, value: f64) -> String {
        match self.form {
            Form::Share => format!("{value:.3}"),
            Form::Percent if value >= 0.9995 => "100 %".to_owned(),
            Form::Percent if value >= 0.1 => format!("{:.1} %", value * 100.0),
            Form::Percent if value > 0.0 => format!("{:.2} %", value * 100.0),
            Form::Percent => "0 %".to_owned(),
            Form::Clicks => format!("{value:.2}"),
        }
    }

    /// How much more the model has than popularity, in percent; `-` where popularity has nothing, as it is never answered from rules.
    pub(crate) fn gain(&self, model: f64, popularity: f64) -> String {
        let quotient = model / popularity;
        match quotient {
            _ if !quotient.is_finite() => "-".to_owned(),
            // Of thousands of percent nobody makes a picture.
            10.0.. => format!("{quotient:.0}x"),
            _ => format!("{:+.0} %", (quotient - 1.0) * 100.0),
        }
    }
}

/// The model and popularity with one number of seeds.
pub(crate) struct Compared<'e> {
    pub(crate) model: &'e EvaluationFigures,
    pub(crate) popularity: &'e EvaluationFigures,
}

impl<'e> Compared<'e> {
    /// By number of seeds, where both were measured.
    pub(crate) fn all(evaluation: &'e Evaluation) -> Vec<Self> {
        let models =
            evaluation.figures.iter().filter(|figures| figures.recommender == EvaluationFigures::MODEL);
        models
            .filter_map(|model| {
                let popularity = evaluation.figures_of(EvaluationFigures::POPULARITY, model.seeds)?;
                Some(Compared { model, popularity })
            })
            .collect()
    }

    /// `1 seed`, `5 seeds`.
    pub(crate) fn seeds(&self) -> String {
        format!("{} seed{}", self.model.seeds, if self.model.seeds == 1 { "" } else { "s" })
    }
}

/// An evaluation as the table that a person reads, for a terminal of 80 columns.
pub(crate) struct EvaluationTable<'e>(pub(crate) &'e Evaluation);

impl fmt::Display for EvaluationTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compared = Compared::all(self.0);
        if compared.is_empty() {
            return write!(
                f,
                "not evaluated: no playlist was held out, for all are short or there are too few"
            );
        }
        let line = |name: &str, groups: &mut dyn Iterator<Item = String>| {
            let line = groups.fold(format!("{name:<13}"), |line, group| line + &group);
            line.trim_end().to_owned()
        };
        let group = |model: &str, popularity: &str, gain: &str| format!("{model:>7}{popularity:>8}{gain:>7}");
        let all = || compared.iter();
        writeln!(f, "{}", line("held out", &mut all().map(|both| format!("{:>22}", both.seeds()))))?;
        writeln!(f, "{}", line("", &mut all().map(|_| group("model", "popular", "gain"))))?;
        for metric in &METRICS {
            let mut groups = all().map(|both| {
                let [model, popularity] = [both.model, both.popularity].map(metric.of);
                group(&metric.written(model), &metric.written(popularity), &metric.gain(model, popularity))
            });
            writeln!(f, "{}", line(metric.name, &mut groups))?;
        }
        let playlists = |both: &Compared<'_>| both.model.r_precisions.playlists().to_string();
        write!(f, "{}", line("playlists", &mut all().map(|both| group(&playlists(both), "", ""))))
    }
}

#[cfg(test)]
mod tests {
    use model::RPrecisions;

    use super::*;

    fn figures(recommender: &str, seeds: u32, r_precision: f64) -> EvaluationFigures {
        EvaluationFigures {
            seeds,
            recommender: recommender.to_owned(),
            r_precision,
            ndcg: 2.0 * r_precision,
            hit_rate_at_10: 0.5,
            precision_at_10: 0.1,
            clicks: 1.0 / r_precision,
            coverage: r_precision / 10.0,
            answered: if recommender == EvaluationFigures::MODEL { 1.0 } else { 0.0 },
            r_precisions: vec![Some(r_precision); 123].into_iter().collect::<RPrecisions>(),
        }
    }

    #[test]
    fn the_table_fits_a_terminal_and_compares_model_and_popularity() {
        let evaluation = Evaluation {
            held_out_playlists: 123,
            validation_playlists: 0,
            hold_out: String::new(),
            figures: vec![
                figures("model", 1, 0.2),
                figures("popularity", 1, 0.05),
                figures("model", 5, 0.25),
                figures("popularity", 5, 0.02),
                figures("model", 25, 0.02),
                figures("popularity", 25, 0.04),
            ],
        };
        let expected = "\
held out                     1 seed               5 seeds              25 seeds
               model popular   gain  model popular   gain  model popular   gain
R-precision    0.200   0.050 +300 %  0.250   0.020    12x  0.020   0.040  -50 %
nDCG           0.400   0.100 +300 %  0.500   0.040    12x  0.040   0.080  -50 %
hit rate@10    0.500   0.500   +0 %  0.500   0.500   +0 %  0.500   0.500   +0 %
precision@10   0.100   0.100   +0 %  0.100   0.100   +0 %  0.100   0.100   +0 %
clicks          5.00   20.00  -75 %   4.00   50.00  -92 %  50.00   25.00 +100 %
coverage      2.00 %  0.50 % +300 % 2.50 %  0.20 %    12x 0.20 %  0.40 %  -50 %
answered       100 %     0 %      -  100 %     0 %      -  100 %     0 %      -
playlists        123                   123                   123";
        assert_eq!(EvaluationTable(&evaluation).to_string(), expected);
    }

    #[test]
    fn without_held_out_playlists_the_table_says_so() {
        let evaluation = Evaluation {
            held_out_playlists: 0,
            validation_playlists: 0,
            hold_out: String::new(),
            figures: vec![],
        };
        assert!(EvaluationTable(&evaluation).to_string().contains("no playlist was held out"));
    }
}
