use model::{Evaluation, EvaluationFigures, Metadata, RPrecisions};

/// Held-out playlists that there must be at least, on either side, for figures with a number of seeds to be compared.
const MIN_PLAYLISTS: usize = 100;

/// The half width of a 95 % interval, in standard errors.
const INTERVAL: f64 = 1.96;

/// What a model may lose against another one that was asked the same questions. It is about what a listener would notice, and what a choice
/// of parameters that saves memory may cost.
const TOLERANCE: f64 = 0.05;

/// What it may lose of its gain over popularity on another dataset. Gains depend on the dataset a little: those of one way to recommend on
/// four sets of real playlists, dense and sparse, were 3.5, 3.7, 3.8 and 3.9.
const TOLERANCE_ELSEWHERE: f64 = 0.2;

/// Whether a model may replace the one in service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is not clearly worse; the text gives the figures.
    Accept(String),
    /// The two cannot be compared, so the gate has nothing against it; the text says why.
    Abstain(String),
    /// It is clearly worse; the text gives the figures and says what to do.
    Refuse(String),
}

/// Compares a model with the one in service, if there is one, by what they tell of their evaluations: the figures of their twins.
///
/// What is compared is the R-precision, as a mean over the numbers of seeds of means over the held-out playlists. If both were asked
/// the same questions, as after a training from the same dataset, the difference is taken playlist by playlist. Otherwise each model is
/// measured by popularity on its own playlists: the quotient of the two R-precisions is compared, for a difference depends on how hard the
/// playlists are (0.16 for dense and 0.08 for sparse ones, from models that are equally good; the quotients are 3.7 and 3.7).
///
/// A model is refused if the upper end of the 95 % interval of its change, relative to the one in service, is below the tolerance:
/// -5 % for the same questions, -20 % for others. The standard error takes the playlists as drawn at random and takes into account
/// that the same ones are asked with each number of seeds.
pub fn decide(published: Option<&Metadata>, new: &Metadata) -> Decision {
    let abstain = |why: &str| Decision::Abstain(why.to_owned());
    let Some(published) = published else {
        return abstain("no version that can be read is in service");
    };
    let (old_key, new_key) = (&published.parameters.item_key, &new.parameters.item_key);
    if old_key != new_key {
        return Decision::Abstain(format!(
            "the version in service takes other rows for the same song (item key `{old_key}`, and now `{new_key}`)"
        ));
    }
    let (Some(old), Some(new)) = (&published.evaluation, &new.evaluation) else {
        return abstain("the version in service or this one was not evaluated");
    };
    let seeds = comparable_seeds(old, new);
    if seeds.is_empty() {
        return Decision::Abstain(format!(
            "figures of fewer than {MIN_PLAYLISTS} held-out playlists are not compared, and the version in service has {} and this one {}",
            asked(old),
            asked(new),
        ));
    }
    let is_same = !old.hold_out.is_empty()
        && old.hold_out == new.hold_out
        && old.held_out_playlists == new.held_out_playlists;
    if is_same { on_the_same_playlists(old, new, &seeds) } else { on_other_playlists(old, new, &seeds) }
}

/// The numbers of seeds with which both models and popularity were asked about enough playlists.
fn comparable_seeds(old: &Evaluation, new: &Evaluation) -> Vec<u32> {
    let is_enough = |evaluation: &Evaluation, seeds: u32| {
        [EvaluationFigures::MODEL, EvaluationFigures::POPULARITY].iter().all(|recommender| {
            evaluation
                .figures_of(recommender, seeds)
                .is_some_and(|figures| figures.r_precisions.playlists() >= MIN_PLAYLISTS)
        })
    };
    let models = new.figures.iter().filter(|figures| figures.recommender == EvaluationFigures::MODEL);
    models
        .map(|figures| figures.seeds)
        .filter(|&seeds| is_enough(old, seeds) && is_enough(new, seeds))
        .collect()
}

/// The most playlists that a model was asked about with any number of seeds, of which each is told.
fn asked(evaluation: &Evaluation) -> usize {
    evaluation.figures.iter().map(|figures| figures.r_precisions.playlists()).max().unwrap_or(0)
}

fn on_the_same_playlists(old: &Evaluation, new: &Evaluation, seeds: &[u32]) -> Decision {
    let [of_old, of_new] = [old, new].map(|evaluation| Mean::of(evaluation, EvaluationFigures::MODEL, seeds));
    let errors = of_new.errors.iter().zip(&of_old.errors).map(|(new, old)| new - old);
    let relative = of_new.value / of_old.value - 1.0;
    let margin = INTERVAL * length(errors) / of_old.value;
    let change = Change { relative, interval: [relative - margin, relative + margin], tolerance: TOLERANCE };
    let figures = format!(
        "its R-precision is {:.4} against {:.4} of the version in service",
        of_new.value, of_old.value
    );
    let playlists = format!("on the same {} held-out playlists", new.held_out_playlists);
    change.decide(&figures, seeds, &playlists)
}

fn on_other_playlists(old: &Evaluation, new: &Evaluation, seeds: &[u32]) -> Decision {
    let (Some(of_old), Some(of_new)) = (Gain::of(old, seeds), Gain::of(new, seeds)) else {
        return Decision::Abstain(
            "popularity finds nothing, so there is no gain over it to compare".to_owned(),
        );
    };
    // A quotient's logarithm is spread as much to either side.
    let quotient = of_new.value / of_old.value;
    let margin = (INTERVAL * of_new.relative_error.hypot(of_old.relative_error)).exp();
    let change = Change {
        relative: quotient - 1.0,
        interval: [quotient / margin - 1.0, quotient * margin - 1.0],
        tolerance: TOLERANCE_ELSEWHERE,
    };
    let figures = format!(
        "its R-precision is {:.2} times that of popularity against {:.2} times of the version in service",
        of_new.value, of_old.value
    );
    let playlists = format!(
        "on {} and {} held-out playlists, which differ",
        new.held_out_playlists, old.held_out_playlists
    );
    change.decide(&figures, seeds, &playlists)
}

/// A mean over numbers of seeds of means over playlists.
struct Mean {
    value: f64,
    /// What each playlist adds to the error of the mean: the square root of the sum of their squares is its standard error.
    errors: Vec<f64>,
}

impl Mean {
    fn of(evaluation: &Evaluation, recommender: &str, seeds: &[u32]) -> Self {
        let mut mean = Mean { value: 0.0, errors: vec![0.0; evaluation.held_out_playlists as usize] };
        let figures = seeds.iter().filter_map(|&seeds| evaluation.figures_of(recommender, seeds));
        for RPrecisionsOf { values, playlists, average } in figures.map(RPrecisionsOf::new) {
            mean.value += average / seeds.len() as f64;
            for (error, value) in mean.errors.iter_mut().zip(values.iter()) {
                *error += value.map_or(0.0, |value| (value - average) / playlists / seeds.len() as f64);
            }
        }
        mean
    }
}

/// The R-precisions of one recommender with one number of seeds.
struct RPrecisionsOf<'e> {
    values: &'e RPrecisions,
    playlists: f64,
    average: f64,
}

impl<'e> RPrecisionsOf<'e> {
    fn new(figures: &'e EvaluationFigures) -> Self {
        let values = &figures.r_precisions;
        let playlists = values.playlists().max(1) as f64;
        RPrecisionsOf { values, playlists, average: values.iter().flatten().sum::<f64>() / playlists }
    }
}

/// The R-precision of a model divided by that of popularity.
struct Gain {
    value: f64,
    /// The standard error of its natural logarithm; 0 where the model finds nothing.
    relative_error: f64,
}

impl Gain {
    /// `None` if popularity finds nothing.
    fn of(evaluation: &Evaluation, seeds: &[u32]) -> Option<Self> {
        let model = Mean::of(evaluation, EvaluationFigures::MODEL, seeds);
        let popularity = Mean::of(evaluation, EvaluationFigures::POPULARITY, seeds);
        if popularity.value == 0.0 {
            return None;
        }
        // The first order of the logarithm's Taylor series.
        let errors = model.errors.iter().zip(&popularity.errors);
        let errors = errors.map(|(of_model, other)| of_model / model.value - other / popularity.value);
        let relative_error = if model.value == 0.0 { 0.0 } else { length(errors) };
        Some(Gain { value: model.value / popularity.value, relative_error })
    }
}

/// How much better or worse a model is than the one in service, as a share of what that one reaches.
struct Change {
    relative: f64,
    /// Its 95 % interval.
    interval: [f64; 2],
    /// The share that may be lost.
    tolerance: f64,
}

impl Change {
    fn decide(&self, figures: &str, seeds: &[u32], playlists: &str) -> Decision {
        // A model that finds nothing cannot be lost against.
        if !self.relative.is_finite() {
            return Decision::Accept(format!("{figures}, {} {playlists}", means_over(seeds)));
        }
        let percent = |share: f64| format!("{:+.1} %", share * 100.0);
        let [lower, upper] = self.interval;
        let told = format!(
            "{figures}: {}, with a 95 % interval from {} to {}, {} {playlists}",
            percent(self.relative),
            percent(lower),
            percent(upper),
            means_over(seeds),
        );
        if upper < -self.tolerance {
            Decision::Refuse(format!(
                "{told}; tolerated is {}. Look for what is wrong with the dataset or the parameters, or put the model in service all the \
                 same with `--publish-anyway`",
                percent(-self.tolerance),
            ))
        } else {
            Decision::Accept(told)
        }
    }
}

/// `as means over 1, 5 and 25 seeds`.
fn means_over(seeds: &[u32]) -> String {
    let seeds: Vec<String> = seeds.iter().map(u32::to_string).collect();
    match seeds.split_last() {
        Some((last, others)) if !others.is_empty() => {
            format!("as means over {} and {last} seeds", others.join(", "))
        }
        _ => format!("with {} seeds", seeds.concat()),
    }
}

/// The Euclidean length of a vector.
fn length(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}
