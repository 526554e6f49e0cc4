use std::num::NonZeroU32;

use model::Parameters;
use sha2::{Digest as _, Sha256};

use crate::training::Settings;

/// The parameters as the manifest tells them.
pub(crate) fn parameters(settings: &Settings, dataset: &model::Dataset) -> Parameters {
    Parameters {
        item_key: settings.read.item_key.to_string(),
        min_support: settings.min_support.to_string(),
        min_support_count: settings.min_support.count(dataset.playlists),
        min_confidence: settings.min_confidence.to_string(),
        min_pair_count: settings.min_pair_count.map_or(0, NonZeroU32::get),
        max_rules_per_song: settings.max_rules_per_song.map(NonZeroU32::get),
        max_length: settings.max_length.map(NonZeroU32::get),
        max_consequent_length: settings.max_consequent_length.get(),
    }
}

/// What identifies a training. The dataset's location is not in it, nor is the number of threads, for neither changes the
/// tables; the support is in it as a count, for `5%` and `0.05` ask for the same.
pub(crate) fn key(dataset: &model::Dataset, parameters: &Parameters) -> String {
    let identity = serde_json::json!([
        dataset.sha256,
        parameters.item_key,
        parameters.min_support_count,
        parameters.min_confidence,
        parameters.min_pair_count,
        parameters.max_rules_per_song,
        parameters.max_length,
        parameters.max_consequent_length,
        env!("CARGO_PKG_VERSION"),
        model::REVISION,
    ]);
    Sha256::digest(identity.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}
