//! The components of a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use enginebay::host::manifest::{Manifest, ResourcePolicy};
use enginebay::{Error, ErrorKind};

use super::Problems;
use crate::failure::Failure;
use crate::load;
use crate::manifest;

/// How many folders below the one that is named are looked into.
const MOST_LEVELS: usize = 8;

/// How many components there may be.
const MOST_COMPONENTS: usize = 256;

/// How many files and folders are looked at.
const MOST_ENTRIES: usize = 100_000;

/// A component that is there to be loaded.
#[derive(Debug)]
pub(super) struct Found {
    /// The component's file.
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) bytes: Vec<u8>,
}

impl Found {
    pub(super) fn name(&self) -> &str {
        self.manifest.component.name.as_str()
    }
}

/// All components of a folder, in the order of their folders; what is wrong with others
/// is added to the problems.
pub(super) fn find(
    folder: &Path,
    policy: &ResourcePolicy,
    problems: &mut Problems,
) -> Result<Vec<Found>, Failure> {
    let files = manifests(folder, problems)?;
    if files.is_empty() && problems.first.is_none() {
        let message = format!("no {} in {}", Manifest::FILE, folder.display());
        let error = Error::new(ErrorKind::NotFound, message);
        return Err(Failure::advised(
            error,
            "`enginebay manifest init` begins one",
        ));
    }
    let mut found = Vec::new();
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in files {
        match read(&file, policy, &mut names) {
            Ok(component) => found.push(component),
            Err(failure) => problems.add(&failure),
        }
    }
    Ok(found)
}

fn read(
    file: &Path,
    policy: &ResourcePolicy,
    names: &mut BTreeMap<String, PathBuf>,
) -> Result<Found, Failure> {
    let manifest = manifest::read_with(file, policy)?;
    let name = manifest.component.name.as_str();
    if let Some(first) = names.get(name) {
        let message = format!(
            "{} and {} are both named `{name}`",
            first.display(),
            file.display()
        );
        let error = Error::new(ErrorKind::InvalidComponent, message);
        return Err(Failure::advised(error, "give each a name of its own"));
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let path = folder.join(manifest.component.file.as_str());
    let bytes = load::read(&path)?;
    names.insert(name.to_owned(), file.to_owned());
    Ok(Found {
        path,
        manifest,
        bytes,
    })
}

/// The manifests, by path.
fn manifests(folder: &Path, problems: &mut Problems) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    let mut left = MOST_ENTRIES;
    while let Some((folder, level)) = folders.pop() {
        let entries = match entries(&folder, &mut left) {
            Ok(entries) => entries,
            // The folder that was named has to be there.
            Err(error) if level == 0 => return Err(Failure::io("cannot read", &folder, error)),
            Err(error) => {
                problems.add(&Failure::io("cannot read", &folder, error));
                continue;
            }
        };
        for entry in entries {
            let name = entry.file_name();
            // Links to folders are none by their own type: there are no loops.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder {
                let hidden = name.as_encoded_bytes().starts_with(b".");
                if !hidden && level < MOST_LEVELS {
                    folders.push((entry.path(), level + 1));
                }
            } else if name == Manifest::FILE {
                files.push(entry.path());
            }
        }
        if left == 0 {
            return Err(too_many(&folder, MOST_ENTRIES, "files and folders"));
        }
        if files.len() > MOST_COMPONENTS {
            return Err(too_many(&folder, MOST_COMPONENTS, "components"));
        }
    }
    files.sort();
    Ok(files)
}

/// What is in a folder, and no more than is left.
fn entries(folder: &Path, left: &mut usize) -> io::Result<Vec<fs::DirEntry>> {
    let entries = fs::read_dir(folder)?.take(*left);
    let entries = entries.collect::<io::Result<Vec<_>>>()?;
    *left -= entries.len();
    Ok(entries)
}

fn too_many(folder: &Path, most: usize, what: &str) -> Failure {
    let message = format!(
        "more than {most} {what} were found, up to {}",
        folder.display()
    );
    let error = Error::new(ErrorKind::TooLarge, message);
    Failure::advised(error, "serve a folder with less in it")
}
