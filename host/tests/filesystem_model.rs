//! The filesystem service against a model: random operations on a real directory.

use std::collections::BTreeMap;

use enginebay_host::capability::FilesystemAction;
use enginebay_host::filesystem::{Access, FileError, FileType, Filesystem, OpenFlags, Query};
use proptest::prelude::*;

fn all(_: FilesystemAction, _: &str) -> bool {
    true
}

/// What is at a path; directories have no contents.
type Model = BTreeMap<String, Option<Vec<u8>>>;

#[derive(Clone, Debug)]
enum Step {
    Write(String, Vec<u8>, bool),
    Append(String, Vec<u8>),
    Delete(String),
    CreateDirectory(String),
    RemoveDirectory(String),
    RemoveAll(String),
    Rename(String, String),
    Copy(String, String),
    List(String),
}

/// One to three names, of two that there are.
fn path() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]", 1..4).prop_map(|names| format!("/data/{}", names.join("/")))
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..6);
    prop_oneof![
        4 => (path(), bytes(), any::<bool>()).prop_map(|(a, b, new)| Step::Write(a, b, new)),
        1 => (path(), bytes()).prop_map(|(a, b)| Step::Append(a, b)),
        2 => path().prop_map(Step::Delete),
        5 => path().prop_map(Step::CreateDirectory),
        2 => path().prop_map(Step::RemoveDirectory),
        1 => path().prop_map(Step::RemoveAll),
        3 => (path(), path()).prop_map(|(a, b)| Step::Rename(a, b)),
        2 => (path(), path()).prop_map(|(a, b)| Step::Copy(a, b)),
        1 => path().prop_map(Step::List),
    ]
}

/// The kinds of failures that the model tells apart.
#[derive(Debug, PartialEq)]
enum Kind {
    NotFound,
    NotADirectory,
    NotAFile,
    AlreadyExists,
    NotEmpty,
    SameFile,
}

fn kind(error: FileError) -> Kind {
    match error {
        FileError::NotFound { .. } => Kind::NotFound,
        FileError::NotADirectory { .. } => Kind::NotADirectory,
        FileError::NotAFile { .. } => Kind::NotAFile,
        FileError::AlreadyExists { .. } => Kind::AlreadyExists,
        FileError::DirectoryNotEmpty { .. } => Kind::NotEmpty,
        FileError::InvalidArgument { .. } => Kind::SameFile,
        other => panic!("{other:?}"),
    }
}

fn parent(path: &str) -> &str {
    &path[..path.rfind('/').unwrap()]
}

/// That all directories above a path are there.
fn above(model: &Model, path: &str) -> Result<(), Kind> {
    let mut ends = path.match_indices('/').map(|(end, _)| &path[..end]);
    let broken = ends.find_map(|above| match model.get(above) {
        _ if above.len() < "/data".len() => None,
        Some(None) => None,
        Some(Some(_)) => Some(Kind::NotADirectory),
        None => Some(Kind::NotFound),
    });
    broken.map_or(Ok(()), Err)
}

fn inside<'a>(model: &'a Model, path: &str) -> impl Iterator<Item = String> + use<'a> {
    let start = format!("{path}/");
    let all = model.keys().filter(move |it| it.starts_with(&start));
    all.cloned()
}

fn file<'a>(model: &'a Model, path: &str) -> Result<&'a Vec<u8>, Kind> {
    above(model, path)?;
    match model.get(path) {
        None => Err(Kind::NotFound),
        Some(None) => Err(Kind::NotAFile),
        Some(Some(contents)) => Ok(contents),
    }
}

fn directory(model: &Model, path: &str) -> Result<(), Kind> {
    above(model, path)?;
    match model.get(path) {
        None => Err(Kind::NotFound),
        Some(None) => Ok(()),
        Some(Some(_)) => Err(Kind::NotADirectory),
    }
}

/// Whether a file can be written at a path.
fn target(model: &Model, path: &str) -> Result<(), Kind> {
    above(model, path)?;
    match model.get(path) {
        Some(None) => Err(Kind::NotAFile),
        _ => Ok(()),
    }
}

/// What the model has a step do.
fn expect(model: &mut Model, step: &Step) -> Result<Vec<String>, Kind> {
    match step {
        Step::Write(path, bytes, new) => {
            above(model, path)?;
            if *new && model.contains_key(path) {
                return Err(Kind::AlreadyExists);
            }
            target(model, path)?;
            model.insert(path.clone(), Some(bytes.clone()));
        }
        Step::Append(path, bytes) => {
            let mut contents = file(model, path)?.clone();
            contents.extend(bytes);
            model.insert(path.clone(), Some(contents));
        }
        Step::Delete(path) => {
            file(model, path)?;
            model.remove(path);
        }
        Step::CreateDirectory(path) => {
            above(model, path)?;
            if model.contains_key(path) {
                return Err(Kind::AlreadyExists);
            }
            model.insert(path.clone(), None);
        }
        Step::RemoveDirectory(path) => {
            directory(model, path)?;
            if inside(model, path).next().is_some() {
                return Err(Kind::NotEmpty);
            }
            model.remove(path);
        }
        Step::RemoveAll(path) => {
            directory(model, path)?;
            for gone in inside(model, path).collect::<Vec<_>>() {
                model.remove(&gone);
            }
            model.remove(path);
        }
        Step::Rename(from, to) => {
            above(model, from)?;
            above(model, to)?;
            let contents = file(model, from)?.clone();
            target(model, to)?;
            model.remove(from);
            model.insert(to.clone(), Some(contents));
        }
        Step::Copy(from, to) => {
            let contents = file(model, from)?.clone();
            target(model, to)?;
            if from == to {
                return Err(Kind::SameFile);
            }
            model.insert(to.clone(), Some(contents));
        }
        Step::List(path) => {
            directory(model, path)?;
            let children = inside(model, path).filter(|it| parent(it) == path);
            return Ok(children.map(|it| it[path.len() + 1..].to_owned()).collect());
        }
    }
    Ok(Vec::new())
}

fn run(files: &Filesystem, step: &Step) -> Result<Vec<String>, FileError> {
    match step {
        Step::Write(path, bytes, new) => {
            let flags = OpenFlags::new()
                .create(true)
                .create_new(*new)
                .truncate(true);
            files.open_write(path, flags, &all)?.write(bytes)?;
        }
        Step::Append(path, bytes) => {
            let file = files.open_write(path, OpenFlags::new().append(true), &all)?;
            file.write(bytes)?;
        }
        Step::Delete(path) => files.delete_file(path, &all)?,
        Step::CreateDirectory(path) => files.create_directory(path, &all)?,
        Step::RemoveDirectory(path) => files.remove_directory(path, &all)?,
        Step::RemoveAll(path) => files.remove_directory_recursive(path, &all)?,
        Step::Rename(from, to) => files.rename(from, to, &all)?,
        Step::Copy(from, to) => drop(files.copy(from, to, &all)?),
        Step::List(path) => {
            let entries = files.list_directory(path, &all)?;
            return Ok(entries.into_iter().map(|entry| entry.path).collect());
        }
    }
    Ok(Vec::new())
}

/// All that is there.
fn state(files: &Filesystem) -> Model {
    let query = Query {
        pattern: None,
        file_type: None,
        max_depth: u32::MAX,
    };
    let mut model = Model::from([("/data".to_owned(), None)]);
    let mut size = 0;
    for entry in files.find("/data", &query, &all).unwrap() {
        let path = format!("/data/{}", entry.path);
        let contents = match entry.file_type {
            FileType::Directory => None,
            FileType::Regular => {
                let file = files.open_read(&path, &all).unwrap();
                Some(file.read(100).unwrap().data)
            }
            other => panic!("{other:?} at {path}"),
        };
        size += contents.as_ref().map_or(0, Vec::len) as u64;
        model.insert(path, contents);
    }
    assert_eq!(files.directory_size("/data", &all), Ok(size));
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_operations_do_what_they_say(steps in prop::collection::vec(step(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let files = Filesystem::builder()
            .mount("/data", directory.path(), Access::ReadWrite)
            .build()
            .unwrap();
        let mut model = Model::from([("/data".to_owned(), None)]);
        for step in &steps {
            let expected = expect(&mut model, step);
            let got = run(&files, step).map_err(kind);
            prop_assert_eq!(&got, &expected, "{:?}", step);
        }
        prop_assert_eq!(state(&files), model);
    }
}
