//! The end of a host's list, foreseen: its transactions are asked to close together with the last task, so that nobody
//! waits a round trip for the host's goodbye.

use super::connect;
use super::host::HostRun;
use super::lockstep::Position;
use crate::plan::{PlannedPlay, PlannedStep};

/// Where the last task of a play stands; `None` where what comes last is known only when it runs: a handler, a `rescue`.
pub fn last_position(planned: &PlannedPlay) -> Option<Position> {
    if !planned.handlers.is_empty() {
        return None;
    }
    let (number, section) = planned.sections.iter().enumerate().rfind(|(_, section)| !section.steps.is_empty())?;
    let mut position = vec![number as u32 + 1];
    let mut steps = &section.steps;
    loop {
        position.push(steps.len().checked_sub(1)? as u32);
        match steps.last()? {
            PlannedStep::Task(_) => return Some(position),
            PlannedStep::Block(block) if block.rescue.is_empty() && block.always.is_empty() => {
                position.push(0);
                steps = &block.body;
            }
            PlannedStep::Block(_) => return None,
        }
    }
}

impl HostRun {
    /// After the last task was sent: ask for the end of what it opens. A line that is gone is noticed by who awaits the task.
    pub async fn settle_if_last(&self) {
        let batch = &self.batch;
        // Includes may have brought handlers.
        if batch.last.as_ref() == Some(&self.position) && batch.handlers().is_empty() {
            connect::settle_host(&self.run, &self.host).await;
        }
    }
}
