//! The manifests of the folder, looked at again while their components run.

use enginebay::Backend;
use enginebay::host::runner::{ComponentHandle, Host, Reload};

use super::Problems;
use super::find::{self, Found};
use super::session::{NotLoaded, Session};
use super::watch::Watch;
use crate::args::EngineArgs;
use crate::output::{count, note};

impl Session<'_> {
    /// Has each component take up what its manifest says now, and loads those that are new
    /// or have ended. What is wrong is told, and what was there before goes on.
    pub(super) fn reload<B: Backend>(
        &self,
        host: &Host<B>,
        compiled: &EngineArgs,
        watch: &mut Watch,
    ) {
        let mut problems = Problems {
            keep_going: true,
            verbose: self.problems.verbose,
            first: None,
        };
        let found = find::find(&self.args.folder, &self.args.policy.policy(), &mut problems);
        let found = match found {
            Ok(found) => found,
            Err(failure) => return failure.tell(self.problems.verbose),
        };
        let mut changed = 0;
        for it in &found {
            let running = host.component(it.name()).filter(|it| !it.has_ended());
            let done = match running {
                Some(_) => self.renew(host, it),
                None => {
                    host.remove(it.name());
                    let loaded = self.load_one(host, compiled, it);
                    loaded.map(|handle| {
                        watch.replace(handle);
                        true
                    })
                }
            };
            match done {
                Ok(is_changed) => changed += u64::from(is_changed),
                Err(why) => why.failure(it).tell(self.problems.verbose),
            }
        }
        // What cannot be read has been told, and may be one of them.
        if problems.first.is_none() {
            let is_gone = |handle: &ComponentHandle| {
                !handle.has_ended() && found.iter().all(|it| it.name() != handle.name())
            };
            for handle in watch.handles().into_iter().filter(is_gone) {
                let name = handle.name();
                note(&format!(
                    "reload: {name} goes on, but its manifest is gone: stop the program to stop it"
                ));
            }
        }
        let changed = count(changed, "component");
        note(&format!("reload: {changed} changed"));
    }

    /// Whether something has changed.
    fn renew<B: Backend>(&self, host: &Host<B>, found: &Found) -> Result<bool, NotLoaded> {
        let name = found.name();
        let before = self.found.iter().find(|it| it.name() == name);
        if before.is_some_and(|it| it.bytes != found.bytes) {
            note(&format!(
                "reload: {name} goes on with the file that was loaded: start the program again \
                 to load the one that is there now"
            ));
        }
        match host.reload(&found.manifest)? {
            Reload::Unchanged => return Ok(false),
            Reload::Restarts(why) => {
                let why = why.join(", ");
                note(&format!(
                    "reload: {name} is started again for what changed in {why}"
                ));
            }
            _ => note(&format!("reload: {name} goes on with its new manifest")),
        }
        Ok(true)
    }
}
