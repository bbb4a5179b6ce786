//! The one way to stdout and stderr. Lines never break a progress bar, and a reader that went away (`| head`) is no
//! error: what comes after is dropped, the run goes on. A full disk is one: the run goes on as well, and fails at its end.

use indicatif::MultiProgress;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where text goes. Cloning shares it.
#[derive(Clone)]
pub struct Screen {
    streams: Arc<Mutex<Streams>>,
    bars: MultiProgress,
    bars_visible: bool,
    screen_wanted: bool,
}

struct Streams {
    data: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    data_gone: bool,
    data_lost: Option<String>,
}

impl Screen {
    /// The process's own stdout and stderr.
    pub fn terminal() -> Self {
        let visible = io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            streams: Arc::new(Mutex::new(Streams {
                data: Box::new(io::stdout()),
                talk: Box::new(io::stderr()),
                data_gone: false,
                data_lost: None,
            })),
            bars: MultiProgress::new(),
            bars_visible: visible,
            screen_wanted: io::stdout().is_terminal(),
        }
    }

    /// Two buffers instead of a terminal.
    pub fn captured() -> (Self, Captured) {
        let captured = Captured::default();
        let screen = Self::with_streams(Box::new(captured.data.clone()), Box::new(captured.talk.clone()));
        (screen, captured)
    }

    fn with_streams(data: Box<dyn Write + Send>, talk: Box<dyn Write + Send>) -> Self {
        Self {
            streams: Arc::new(Mutex::new(Streams { data, talk, data_gone: false, data_lost: None })),
            bars: MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden()),
            bars_visible: false,
            screen_wanted: false,
        }
    }

    /// Whether progress bars can be seen.
    pub fn shows_progress(&self) -> bool {
        self.bars_visible
    }

    /// Whether people read stdout directly.
    pub fn data_is_terminal(&self) -> bool {
        self.screen_wanted
    }

    /// The place for progress bars.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Write data: stdout.
    pub fn data(&self, text: &str) {
        self.data_bytes(text.as_bytes());
    }

    /// Write data that need not be text: stdout.
    pub fn data_bytes(&self, bytes: &[u8]) {
        self.drawn_around(|| {
            let mut streams = self.streams();
            if streams.data_gone {
                return;
            }
            if let Err(error) = streams.data.write_all(bytes).and_then(|()| streams.data.flush()) {
                streams.data_gone = true;
                if error.kind() != io::ErrorKind::BrokenPipe {
                    streams.data_lost = Some(error.to_string());
                }
            }
        });
    }

    /// Write talk: stderr.
    pub fn talk(&self, text: &str) {
        self.drawn_around(|| {
            let mut streams = self.streams();
            // There is no place left to report that stderr is gone.
            let _ = streams.talk.write_all(text.as_bytes()).and_then(|()| streams.talk.flush());
        });
    }

    /// Do something that writes to the terminal by itself (a password prompt) without a bar in its way.
    pub fn drawn_around<R>(&self, action: impl FnOnce() -> R) -> R {
        if self.bars_visible { self.bars.suspend(action) } else { action() }
    }

    /// Whether the reader of stdout went away.
    pub fn data_gone(&self) -> bool {
        self.streams().data_gone
    }

    /// Why data could not be written, where that was no reader's wish.
    pub fn data_lost(&self) -> Option<String> {
        self.streams().data_lost.clone()
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a [`Screen::captured`] got.
#[derive(Clone, Default)]
pub struct Captured {
    data: Buffer,
    talk: Buffer,
}

impl Captured {
    /// Everything written as data.
    pub fn data(&self) -> String {
        self.data.text()
    }

    /// Everything written as talk.
    pub fn talk(&self) -> String {
        self.talk.text()
    }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let talk = Buffer::default();
        let screen = Screen::with_streams(Box::new(Broken(io::ErrorKind::BrokenPipe)), Box::new(talk.clone()));
        screen.data("one\n");
        screen.data("two\n");
        screen.talk("still here\n");
        assert!(screen.data_gone());
        assert_eq!((talk.text().as_str(), screen.data_lost()), ("still here\n", None));
    }

    #[test]
    fn a_full_disk_is_remembered() {
        let full = Broken(io::ErrorKind::StorageFull);
        let screen = Screen::with_streams(Box::new(full), Box::new(Buffer::default()));
        screen.data("one\n");
        assert_eq!(screen.data_lost().as_deref(), Some("no storage space"));
    }
}
