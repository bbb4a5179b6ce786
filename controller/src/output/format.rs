//! What an output is, which there are, and how several listen to one run.

use super::{ColourChoice, Human, Json, Junit, Live, Progress, Screen};
use crate::event::Event;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Something that is told all events of a run.
pub trait Output: Send {
    /// Another event.
    fn event(&mut self, event: &Event);

    /// There are no more: also after a run that broke off without [`Event::RunFinished`].
    fn finish(&mut self);
}

/// The formats of `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
    /// JUnit XML.
    Junit,
}

/// How text for people shall look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Colours.
    pub colour: ColourChoice,
    /// How often `-v` was given.
    pub verbosity: u8,
}

/// The outputs of a run that happens now: the format asked for, and progress bars where they can be seen.
/// `total` is the number of results expected (tasks times hosts), where it is known.
pub fn open(format: Format, style: Style, screen: &Screen, total: Option<u64>) -> Outputs {
    let mut rows: Vec<Box<dyn Output>> = vec![row(format, style, screen, Live::Now)];
    if screen.shows_progress() {
        rows.push(Box::new(Progress::new(screen, total)));
    }
    Outputs::new(rows)
}

/// One row, without progress: for replays.
pub(super) fn row(format: Format, style: Style, screen: &Screen, live: Live) -> Box<dyn Output> {
    match format {
        Format::Human => Box::new(Human::new(screen, style.colour.wanted(&io::stdout()), style.verbosity, live)),
        Format::Json => Box::new(Json::new(screen)),
        Format::Junit => Box::new(Junit::new(screen)),
    }
}

/// Several outputs as one. Cloning shares them.
#[derive(Clone)]
pub struct Outputs {
    rows: Arc<Mutex<Vec<Box<dyn Output>>>>,
}

impl Outputs {
    /// These, told in this order.
    pub fn new(rows: Vec<Box<dyn Output>>) -> Self {
        Self { rows: Arc::new(Mutex::new(rows)) }
    }

    /// The output of a run that happened before.
    pub fn replay(format: Format, style: Style, screen: &Screen) -> Self {
        Self::new(vec![row(format, style, screen, Live::Replay)])
    }

    /// One more, told last.
    pub fn add(&self, row: Box<dyn Output>) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
    }

    /// Tell all of them.
    pub fn event(&self, event: &Event) {
        for row in self.rows.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            row.event(event);
        }
    }

    /// A listener for the event sink.
    pub fn listener(&self) -> Box<dyn FnMut(&Event) + Send> {
        let outputs = self.clone();
        Box::new(move |event| outputs.event(event))
    }

    /// There are no more events. Later calls do nothing.
    pub fn finish(&self) {
        for mut row in std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner)) {
            row.finish();
        }
    }
}
