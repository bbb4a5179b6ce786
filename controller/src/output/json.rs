//! JSON: one event a line, nothing else on stdout.

use super::{Output, Screen};
use crate::event::Event;

/// The `json` output.
pub struct Json {
    screen: Screen,
}

impl Json {
    /// Writes to this screen's data.
    pub fn new(screen: &Screen) -> Self {
        Self { screen: screen.clone() }
    }
}

impl Output for Json {
    fn event(&mut self, event: &Event) {
        // Events are plain data with text keys: turning one into JSON cannot fail.
        if let Ok(mut line) = serde_json::to_string(event) {
            line.push('\n');
            self.screen.data(&line);
        }
    }

    fn finish(&mut self) {}
}
