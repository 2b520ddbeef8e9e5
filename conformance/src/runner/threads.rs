//! `thread` and `wait`: directives that run on other threads, each in a world of
//! its own with the definitions of the script.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use enginebay::Backend;

use super::{Run, Step};
use crate::annotation::Annotation;
use crate::outcome::Outcome;
use crate::script;

/// The threads that one directive has started.
pub(super) struct Thread(Vec<JoinHandle<Done>>);

/// What one of them did.
struct Done {
    /// For each directive, the first outcome that was not a pass.
    outcomes: Vec<Outcome>,
    fuel: Option<u64>,
}

impl<B: Backend> Run<B> {
    /// Starts threads. Their directives get their outcomes when they are waited
    /// for.
    pub(super) fn thread(
        &mut self,
        name: &str,
        steps: &Arc<[script::Step]>,
        annotation: &Annotation,
    ) -> Step<()> {
        if self.threads.contains_key(name) {
            return Err(Outcome::fail("a thread of this name runs already"));
        }
        let rounds = annotation.repeat.unwrap_or(1);
        let mut started = Vec::new();
        for number in 1..=annotation.threads.unwrap_or(1) {
            let world = self.world.fork();
            let (steps, header) = (steps.clone(), self.header.clone());
            let run = move || {
                let mut run = Run::new(world, &header);
                run.rounds(&steps, rounds, number)
            };
            let builder = thread::Builder::new().name(format!("{name} {number}"));
            let handle = builder.spawn(run);
            started.push(handle.map_err(|error| Outcome::unsupported("threads", error))?);
        }
        // Their reports stand behind that of this directive.
        let place = self.reports.len() + 1;
        self.threads
            .insert(name.to_owned(), (Thread(started), place));
        Ok(())
    }

    /// Does all directives so many times, in a new world each.
    fn rounds(&mut self, steps: &[script::Step], rounds: u32, thread: u32) -> Done {
        let mut outcomes = vec![Outcome::Pass; steps.len()];
        let mut fuel = None;
        for round in 1..=rounds {
            self.world = self.world.fork();
            for (step, known) in steps.iter().zip(&mut outcomes) {
                let outcome = match self.step(step) {
                    Outcome::Fail(text) => {
                        Outcome::fail(format!("in thread {thread}, round {round}: {text}"))
                    }
                    outcome => outcome,
                };
                if *known == Outcome::Pass {
                    *known = outcome;
                }
            }
            fuel = add(fuel, self.world.fuel());
        }
        // Stores end here, and not when somebody waits.
        self.world = self.world.fork();
        Done { outcomes, fuel }
    }

    /// Waits until the threads of this name have ended.
    pub(super) fn wait(&mut self, name: &str) -> Step<()> {
        let Some((Thread(handles), place)) = self.threads.remove(name) else {
            return Err(Outcome::fail("there is no thread of this name"));
        };
        let mut all: Option<Vec<Outcome>> = None;
        for handle in handles {
            let done = handle.join();
            let done = done.map_err(|_| Outcome::fail("the thread panicked"))?;
            self.world.spent = add(self.world.spent, done.fuel);
            let all = all.get_or_insert_with(|| done.outcomes.clone());
            for (known, outcome) in all.iter_mut().zip(done.outcomes) {
                if *known == Outcome::Pass {
                    *known = outcome;
                }
            }
        }
        let reports = self.reports.iter_mut().skip(place);
        for (report, outcome) in reports.zip(all.unwrap_or_default()) {
            report.outcome = outcome;
        }
        Ok(())
    }
}

pub(super) fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}
