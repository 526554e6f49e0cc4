use std::{cell::RefCell, fs, path::Path};

use model::{VersionName, Volume};
use tempfile::TempDir;

/// Whatever `CURRENT` holds is the name of a version, which is one component of a path, or an error that names the file.
pub fn current(data: &[u8]) {
    thread_local! {
        static FOLDER: RefCell<TempDir> = RefCell::new(tempfile::tempdir().unwrap());
    }
    FOLDER.with_borrow(|folder| {
        fs::write(folder.path().join("CURRENT"), data).unwrap();
        let volume = Volume::new(folder.path());
        match volume.current() {
            Ok(version) => {
                let version = version.expect("there is a `CURRENT`");
                check(&version);
                let text = str::from_utf8(data).unwrap();
                assert_eq!(text.trim_end_matches(['\n', '\r']), version.as_str());
                volume.load(&version).unwrap_err();
            }
            Err(error) => assert!(error.to_string().contains("CURRENT")),
        }
    });
    if let Ok(version) = String::from_utf8_lossy(data).parse::<VersionName>() {
        check(&version);
    }
}

fn check(version: &VersionName) {
    assert_eq!(version.as_str().parse().as_ref(), Ok(version));
    let mut components = Path::new(version.as_str()).components();
    assert!(
        matches!(components.next(), Some(std::path::Component::Normal(name)) if name == version.as_str())
    );
    assert!(components.next().is_none() && !version.as_str().starts_with('.'));
    assert_eq!(version.digest().len(), 16);
}
