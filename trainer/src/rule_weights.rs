use crate::{
    ease::Ease,
    factors::Factors,
    one_song_rules::{Antecedent, PairRule},
};

/// The greatest weight; those above it are cut off.
pub(crate) const GREATEST_WEIGHT: f64 = 255.0;

/// What is known of a rule that may become a part of its weights: its confidence when long baskets count less, its smooth and its sharp
/// weight by latent factors, and its weight by EASE^R. None is below 0.
pub(crate) type Parts = [f32; 4];

pub(crate) const CONFIDENCE: usize = 0;
pub(crate) const SMOOTH: usize = 1;
pub(crate) const SHARP: usize = 2;
pub(crate) const EASE: usize = 3;

/// Finds the parts of the rules of one antecedent.
pub(crate) struct PartsFinder<'l> {
    factors: &'l Factors,
    consequents: Vec<u32>,
    smooth: Vec<f32>,
    sharp: Vec<f32>,
}

impl<'l> PartsFinder<'l> {
    pub(crate) fn new(factors: &'l Factors) -> Self {
        PartsFinder { factors, consequents: Vec::new(), smooth: Vec::new(), sharp: Vec::new() }
    }

    /// Appends the parts of the rules. `ease` has the weights of EASE^R from the antecedent to the songs that it knows; it is empty when it
    /// does not know the antecedent.
    pub(crate) fn append(
        &mut self,
        antecedent: &Antecedent,
        rules: &[PairRule],
        ease: &[f32],
        parts: &mut Vec<Parts>,
    ) {
        self.consequents.clear();
        self.consequents.extend(rules.iter().map(|rule| rule.song));
        self.factors.weights(antecedent.id, &self.consequents, &mut self.smooth, &mut self.sharp);
        parts.extend(rules.iter().zip(&self.smooth).zip(&self.sharp).map(|((rule, &smooth), &sharp)| {
            let ease = ease.get(rule.song as usize).copied().unwrap_or(0.0);
            [rule.damped_confidence(antecedent), smooth.max(0.0), sharp.max(0.0), ease.max(0.0)]
        }));
    }
}

/// How the two weights of a rule follow from its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mixture {
    /// By part, how much of it is in the weight for a single seed.
    pub(crate) one: Parts,
    /// By part, how much of it is in the weight for many seeds.
    pub(crate) many: Parts,
    /// What one unit of the weight for a single seed stands for, and one of that for many.
    pub(crate) units: [f64; 2],
}

impl Mixture {
    /// Confidence alone, in 255ths, and nothing for many seeds.
    pub(crate) const CONFIDENCE: Mixture =
        Mixture { one: [1.0, 0.0, 0.0, 0.0], many: [0.0; 4], units: [1.0 / GREATEST_WEIGHT; 2] };

    /// Both weights of a rule before they are rounded.
    pub(crate) fn exact(&self, parts: &Parts) -> [f32; 2] {
        [dot(&self.one, parts), dot(&self.many, parts)]
    }

    /// Both weights of a rule; the first is at least 1, for a rule that was worth keeping has a say.
    pub(crate) fn weights(&self, parts: &Parts) -> [u16; 2] {
        let [one, many] = self.exact(parts);
        let round = |value: f32, unit: f64, least: f64| {
            (f64::from(value) / unit).round().clamp(least, GREATEST_WEIGHT) as u16
        };
        [round(one, self.units[0], 1.0), round(many, self.units[1], 0.0)]
    }
}

fn dot(a: &Parts, b: &Parts) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Weighs the rules as they go to their table.
pub struct RuleWeights<'l> {
    mixture: Mixture,
    learned: Option<(PartsFinder<'l>, &'l Ease)>,
    ease: Vec<f32>,
    parts: Vec<Parts>,
}

impl Default for RuleWeights<'_> {
    /// Weighs rules by their confidence alone, in 255ths.
    fn default() -> Self {
        RuleWeights { mixture: Mixture::CONFIDENCE, learned: None, ease: Vec::new(), parts: Vec::new() }
    }
}

impl<'l> RuleWeights<'l> {
    pub(crate) fn learned(mixture: Mixture, factors: &'l Factors, ease: &'l Ease) -> Self {
        RuleWeights { mixture, learned: Some((PartsFinder::new(factors), ease)), ..RuleWeights::default() }
    }

    /// The two weights of each of an antecedent's rules.
    pub(crate) fn of_pairs(
        &mut self,
        antecedent: &Antecedent,
        rules: &[PairRule],
    ) -> impl Iterator<Item = [u16; 2]> {
        self.parts.clear();
        match &mut self.learned {
            Some((finder, ease)) => {
                self.ease.clear();
                if (antecedent.id as usize) < ease.len() {
                    ease.row(antecedent.id, &mut self.ease);
                }
                finder.append(antecedent, rules, &self.ease, &mut self.parts);
            }
            None => {
                let confidence = |rule: &PairRule| [rule.damped_confidence(antecedent), 0.0, 0.0, 0.0];
                self.parts.extend(rules.iter().map(confidence));
            }
        }
        self.parts.iter().map(|parts| self.mixture.weights(parts))
    }

    /// The two weights of a rule of which only the confidence is known.
    pub(crate) fn of_confidence(&self, both: u32, antecedent: u32) -> [u16; 2] {
        let confidence = (f64::from(both) / f64::from(antecedent)) as f32;
        self.mixture.weights(&[confidence, 0.0, 0.0, 0.0])
    }
}
