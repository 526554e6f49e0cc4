use crate::{Artists, InvalidTable, Manifest, Metadata, Rules, Songs, VersionName};

/// The tables of a model: one Parquet file each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The songs, by falling support count.
    pub songs: Songs,
    /// The artists, by falling support count.
    pub artists: Artists,
    /// Rules from songs to a song.
    pub rules: Rules,
    /// Rules from an artist to a song.
    pub artist_rules: Rules,
}

/// A model as it was read from the volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The version that it is.
    pub version: VersionName,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its songs and rules.
    pub tables: Tables,
}

/// Checks what no table can check alone: that ids exist, that counts agree with one another and with the metadata, and that scores can be
/// computed.
pub(crate) fn check_consistency(metadata: &Metadata, tables: &Tables) -> Result<(), InvalidTable> {
    let invalid = |problem: String| Err(InvalidTable(problem));
    let Tables { songs, artists, rules, artist_rules } = tables;
    if let Some(problem) = metadata.scoring.problem() {
        return invalid(format!("`scoring`: {problem}"));
    }

    let baskets = metadata.dataset.playlists;
    let counted = [
        ("songs", u64::from(metadata.dataset.songs), songs.len()),
        ("artists", u64::from(metadata.dataset.artists), artists.len()),
        ("rules", metadata.counts.rules, rules.len()),
        ("artist rules", metadata.counts.artist_rules, artist_rules.len()),
    ];
    for (what, told, found) in counted {
        if told != found as u64 {
            return invalid(format!("the manifest tells of {told} {what}, the table holds {found}"));
        }
    }

    // The first song and the first artist are the commonest.
    let most = |count: Option<u32>| count.unwrap_or(0) > baskets;
    if most(songs.support_counts().first().copied())
        || most(artists.iter().next().map(|(_, artist)| artist.support_count))
    {
        return invalid(format!("a song or artist is in more than all {baskets} playlists"));
    }
    for (id, artist) in artists.iter() {
        if artist.songs.last().is_some_and(|&song| song as usize >= songs.len()) {
            return invalid(format!("artist {id} has a song that does not exist"));
        }
    }

    let song_counts = songs.support_counts();
    check_rules("rule", rules, song_counts, |antecedent, count| match antecedent {
        [song] => song_counts.get(*song as usize) == Some(&count),
        songs => songs
            .iter()
            .all(|&song| song_counts.get(song as usize).is_some_and(|&song_count| count <= song_count)),
    })?;
    let artist_counts: Vec<u32> = artists.iter().map(|(_, artist)| artist.support_count).collect();
    check_rules(
        "artist rule",
        artist_rules,
        song_counts,
        |antecedent, count| matches!(antecedent, [artist] if artist_counts.get(*artist as usize) == Some(&count)),
    )
}

/// `is_antecedent` tells whether an antecedent exists and can have the count.
fn check_rules(
    what: &str,
    rules: &Rules,
    song_counts: &[u32],
    is_antecedent: impl Fn(&[u32], u32) -> bool,
) -> Result<(), InvalidTable> {
    for group in rules.groups() {
        let antecedent = group.antecedent;
        if !is_antecedent(antecedent, group.antecedent_count) {
            return Err(InvalidTable(format!(
                "the antecedent {antecedent:?} of a {what} does not exist or has the wrong count {}",
                group.antecedent_count
            )));
        }
        for (&consequent, &support_count) in group.consequents.iter().zip(group.support_counts) {
            let is_consequent =
                song_counts.get(consequent as usize).is_some_and(|&count| support_count <= count);
            if !is_consequent {
                return Err(InvalidTable(format!(
                    "the consequent of the {what} {antecedent:?} => {consequent} does not exist or is rarer than the rule"
                )));
            }
        }
    }
    Ok(())
}

/// The files of a version with their rows.
pub(crate) fn row_counts(tables: &Tables) -> [(&'static str, usize); 4] {
    [
        ("songs.parquet", tables.songs.len()),
        ("artists.parquet", tables.artists.len()),
        ("rules.parquet", tables.rules.len()),
        ("artist_rules.parquet", tables.artist_rules.len()),
    ]
}
