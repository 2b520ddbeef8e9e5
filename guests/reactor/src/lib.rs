//! A component without a main function. Its exports use files, the environment and
//! standard output, and it keeps what it needs from one call to the next.

use std::cell::Cell;
use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};

use exports::example::reactor::notes::{self, NotebookBorrow, Summary};

wit_bindgen::generate!({
    path: "wit",
    world: "reactor",
});

static SAID: AtomicU32 = AtomicU32::new(0);

struct Component;

impl Guest for Component {
    fn variable(name: String) -> Option<String> {
        env::var(name).ok()
    }

    fn say(line: String) -> u32 {
        println!("{line}");
        SAID.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn fail(why: String) {
        panic!("{why}");
    }
}

impl notes::Guest for Component {
    type Notebook = Notebook;

    fn append(to: NotebookBorrow<'_>, source: notes::Notebook) -> Result<u32, String> {
        let to: &Notebook = to.get();
        let lines = told(source.get::<Notebook>().read_lines())?;
        for line in &lines {
            told(to.write_line(line))?;
        }
        Ok(u32::try_from(lines.len()).unwrap_or(u32::MAX))
    }
}

struct Notebook {
    path: String,
    file: File,
    added: Cell<u32>,
}

impl Notebook {
    /// Opens the file once more: with the C library of this target, a descriptor that
    /// appends stays at the end when it is rewound.
    fn read_lines(&self) -> io::Result<Vec<String>> {
        let text = fs::read_to_string(&self.path)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn write_line(&self, line: &str) -> io::Result<u32> {
        (&self.file).write_all(format!("{line}\n").as_bytes())?;
        self.added.set(self.added.get() + 1);
        Ok(self.added.get())
    }
}

impl notes::GuestNotebook for Notebook {
    fn open(path: String) -> Result<notes::Notebook, String> {
        let file = File::options().append(true).create(true).open(&path);
        Ok(notes::Notebook::new(Notebook {
            path,
            file: told(file)?,
            added: Cell::new(0),
        }))
    }

    fn add(&self, line: String) -> Result<u32, String> {
        told(self.write_line(&line))
    }

    fn lines(&self) -> Result<Vec<String>, String> {
        told(self.read_lines())
    }

    fn summarize(&self) -> Result<Summary, String> {
        let lines = told(self.read_lines())?;
        Ok(Summary {
            lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
            bytes: told(self.file.metadata())?.len(),
            longest: lines.into_iter().max_by_key(String::len),
        })
    }
}

impl Drop for Notebook {
    fn drop(&mut self) {
        let last = format!("-- {} added\n", self.added.get());
        // Nobody is there to be told of an error.
        let _ = self.file.write_all(last.as_bytes());
    }
}

/// The kind alone, which is the same on each system.
fn told<T>(done: io::Result<T>) -> Result<T, String> {
    done.map_err(|error| format!("{:?}", error.kind()))
}

export!(Component);
