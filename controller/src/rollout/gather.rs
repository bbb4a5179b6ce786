//! `gather_facts`: the play's first task, unless it says no.

use super::flags;
use super::host::{Flow, HostRun};
use crate::catalog::Catalog;
use crate::plan::PlannedTask;
use crate::playbook::{Args, Task, Written};
use crate::yaml::Value;
use std::sync::Arc;

impl HostRun {
    /// Gather facts where the play wants them.
    pub async fn gather(&mut self) -> Flow {
        let play = Arc::clone(&self.batch.planned.play);
        let wanted = match &play.gather_facts {
            Some(written) => flags::of(&written.value).unwrap_or(true),
            None => self.run.options.gather,
        };
        if !wanted {
            return Flow::Next;
        }
        let Some(entry) = Catalog::builtin().find("setup") else { return Flow::Next };
        let mut args = Args::default();
        if let Some(subset) = &play.gather_subset {
            args.pairs.push(("gather_subset".into(), subset.clone()));
        }
        let mut keywords = play.keywords.clone();
        // The play's conditions and its `delegate_to`-like keywords are for its tasks.
        keywords.when.clear();
        let task = Task {
            name: Some(Written { value: Value::from("Gathering Facts"), origin: play.origin.clone() }),
            origin: play.origin.clone(),
            module: "setup".into(),
            module_origin: play.origin.clone(),
            args,
            keywords: Default::default(),
            looped: None,
            register: None,
            notify: Vec::new(),
            listen: Vec::new(),
            changed_when: None,
            failed_when: None,
            until: None,
            retries: None,
            delay: None,
            revert: None,
            apart: None,
            poll: None,
            role: None,
            file: play.file.clone(),
            import: None,
        };
        let planned = PlannedTask { task: Arc::new(task), keywords, entry, handler: false, outer: None };
        match self.arrive(vec![0]).await {
            Flow::Next => self.task(&Arc::new(planned)).await,
            flow => flow,
        }
    }
}
