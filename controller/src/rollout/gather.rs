//! `gather_facts`: the play's first task, unless it says no.

use super::host::{Flow, HostRun};
use super::{flags, scope};
use crate::catalog::Catalog;
use crate::plan::PlannedTask;
use crate::playbook::{Args, Task, Written};
use crate::template::Place;
use crate::yaml::Value;
use std::sync::Arc;

impl HostRun {
    /// A flag of the play for this host; `None` when it cannot be rendered or is neither yes nor no.
    pub fn play_flag(&self, written: &Option<Written>) -> Option<bool> {
        let mut scope = scope::host(&self.run, &self.host);
        for layer in &self.batch.planned.play.keywords.vars {
            scope.push(Arc::clone(layer));
        }
        scope.push(Arc::clone(&self.run.options.extra));
        let base = self.run.base.clone();
        let place = Place { search: vec![base.clone()], base: Some(base) };
        flags::truth(self, written, &scope, &place).ok()
    }

    /// Gather facts where the play wants them.
    pub async fn gather(&mut self) -> Flow {
        let play = Arc::clone(&self.batch.planned.play);
        let wanted = match &play.gather_facts {
            // What cannot be rendered without facts is answered by gathering them.
            Some(_) => self.play_flag(&play.gather_facts).unwrap_or(true),
            None => self.run.options.gather,
        };
        // Gathering is tagged as the play is, else `always`.
        let mut tags = self.run.planner.tags(&play.keywords);
        if tags.is_empty() {
            tags.insert("always".into());
        }
        if !wanted || !self.run.planner.selects(&tags) {
            return Flow::Next;
        }
        let Some(entry) = Catalog::builtin().find("setup") else { return Flow::Next };
        let mut args = Args::default();
        if let Some(subset) = &play.gather_subset {
            args.pairs.push(("gather_subset".into(), subset.clone()));
        }
        if let Some(path) = &play.fact_path {
            args.pairs.push(("fact_path".into(), path.clone()));
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
