//! `enginebay compile`: a component as machine code, in a file.

use std::fs;

use enginebay::generic::Engine;
use enginebay::{Backend, Error, ErrorKind, is_artifact};

use crate::args::CompileArgs;
use crate::compiler::Source;
use crate::dispatch::{self, Task};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::load;
use crate::output::{bytes, note};

struct Compile<'a> {
    args: &'a CompileArgs,
    wasm: &'a [u8],
}

impl Task for Compile<'_> {
    type Output = Result<Vec<u8>, Failure>;

    fn run<B: Backend>(&self) -> Self::Output {
        let engine = Engine::<B>::new(&self.args.engine.config(false))?;
        let source = Source {
            path: &self.args.file,
            bytes: self.wasm,
            engine: &self.args.engine,
            fuel: false,
            compiler: &self.args.compiler,
        };
        source.artifact(&engine)
    }
}

pub(crate) fn compile(args: &CompileArgs) -> Result<Exit, Failure> {
    let wasm = load::read(&args.file)?;
    if is_artifact(&wasm) {
        let error = Error::new(
            ErrorKind::InvalidComponent,
            "this is a precompiled component already",
        );
        return Err(load::named(error, &args.file));
    }
    if let (Ok(input), Ok(output)) = (args.file.canonicalize(), args.output.canonicalize())
        && input == output
    {
        let message = "the artifact would replace the component: name another file with -o";
        return Err(Failure::Usage(message.to_owned()));
    }
    let artifact = dispatch::on(&args.backend, &Compile { args, wasm: &wasm })??;
    fs::write(&args.output, &artifact)
        .map_err(|error| Failure::io("cannot write", &args.output, error))?;
    note(&format!(
        "compiled for {}: {} ({})",
        args.backend,
        args.output.display(),
        bytes(artifact.len() as u64),
    ));
    Ok(Exit::SUCCESS)
}
