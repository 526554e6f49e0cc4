use std::time::Duration;

use model::{Volume, VolumeError};
use serde_json::json;

use crate::{args::VersionsCommand, causes::with_causes, summary::number};

/// How long a command waits for a run that is publishing.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// What a command on the versions found or did, to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionsReport {
    /// One line for each thing, without a newline at the end.
    pub text: String,
    /// Whether everything was as it should be; `verify` finds damage, `list` a `CURRENT` that cannot be read.
    pub is_ok: bool,
}

/// Lists, rolls back, releases, verifies or prunes the versions on a volume.
///
/// # Errors
///
/// If the volume cannot be read or written, or a version is not there or damaged.
pub fn versions(command: &VersionsCommand) -> Result<VersionsReport, VolumeError> {
    let ok = |text| Ok(VersionsReport { text, is_ok: true });
    match command {
        VersionsCommand::List { volume, json } => {
            let volume = Volume::new(&volume.model_dir);
            if *json { ok(list_as_json(&volume)?) } else { list(&volume) }
        }
        VersionsCommand::Rollback { version, volume } => {
            let volume = existing(&volume.model_dir)?;
            let before = volume.current().ok().flatten();
            volume.publication(LOCK_WAIT)?.roll_back(version)?;
            ok(match before.filter(|before| before != version) {
                Some(before) => format!(
                    "{version} is in service; training runs will not bring {before} back by themselves"
                ),
                None => format!("{version} is in service"),
            })
        }
        VersionsCommand::Release { version, volume } => {
            let volume = existing(&volume.model_dir)?;
            let key = volume.manifest(version)?.metadata.key;
            let publication = volume.publication(LOCK_WAIT)?;
            let was_held = publication.hold(&key)?.is_some();
            publication.release(&key)?;
            ok(if was_held {
                format!("{version} may be put in service by training runs again")
            } else {
                format!("there was no hold on {version}")
            })
        }
        VersionsCommand::Verify { versions, volume } => {
            let volume = Volume::new(&volume.model_dir);
            let versions = if versions.is_empty() {
                volume.versions()?.into_iter().map(|(version, _)| version).collect()
            } else {
                versions.clone()
            };
            let mut report = VersionsReport { text: String::new(), is_ok: true };
            for version in versions {
                let verdict = match volume.load(&version) {
                    Ok(_) => "ok".to_owned(),
                    Err(error) => {
                        report.is_ok = false;
                        with_causes(&error)
                    }
                };
                push_line(&mut report.text, &format!("{version}  {verdict}"));
            }
            Ok(report)
        }
        VersionsCommand::Prune { keep_versions, volume } => {
            let volume = existing(&volume.model_dir)?;
            let removed = volume.publication(LOCK_WAIT)?.prune(*keep_versions)?;
            let mut text = String::new();
            for version in &removed {
                push_line(&mut text, &format!("removed {version}"));
            }
            ok(if removed.is_empty() { "nothing to remove".to_owned() } else { text })
        }
    }
}

/// A writer makes a folder that is missing; here that would hide a wrong name.
fn existing(model_dir: &std::path::Path) -> Result<Volume, VolumeError> {
    let volume = Volume::new(model_dir);
    volume.versions()?;
    Ok(volume)
}

/// Also when `CURRENT` cannot be read, for whoever mends it needs the names.
fn list(volume: &Volume) -> Result<VersionsReport, VolumeError> {
    let versions = volume.versions()?;
    let current = volume.current();
    let mut text = String::new();
    for (version, manifest) in versions {
        let is_current = matches!(&current, Ok(Some(current)) if *current == version);
        let mark = if is_current { '*' } else { ' ' };
        let line = match manifest {
            Ok(manifest) => {
                let metadata = &manifest.metadata;
                let refused = if metadata.refusal.is_some() { ", refused" } else { "" };
                format!(
                    "{mark} {version}  trained {}, {} rules from {} playlists of {}{refused}",
                    metadata.trained_at.format("%Y-%m-%dT%H:%M:%SZ"),
                    number(metadata.counts.rules),
                    number(metadata.dataset.playlists.into()),
                    metadata.dataset.location,
                )
            }
            Err(error) => format!("{mark} {version}  {}", with_causes(&error)),
        };
        push_line(&mut text, &line);
    }
    if text.is_empty() {
        text.push_str("no version was published yet");
    }
    if let Err(error) = &current {
        push_line(&mut text, &with_causes(error));
    }
    Ok(VersionsReport { text, is_ok: current.is_ok() })
}

fn list_as_json(volume: &Volume) -> Result<String, VolumeError> {
    let current = volume.current()?;
    let versions: Vec<_> = volume
        .versions()?
        .into_iter()
        .map(|(version, manifest)| {
            let in_service = current.as_ref() == Some(&version);
            match manifest {
                Ok(manifest) => json!({ "version": version, "in_service": in_service, "manifest": manifest }),
                Err(error) => {
                    json!({ "version": version, "in_service": in_service, "error": with_causes(&error) })
                }
            }
        })
        .collect();
    Ok(json!(versions).to_string())
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}
