//! Records a run: an output that writes from a thread of its own, so that a slow disk does not slow the run's hosts, and
//! that flushes soon after anything happened.

use super::HistoryError;
use super::index::Index;
use super::recording::Writer;
use crate::event::Event;
use crate::output::Output;
use luthier_protocol::name::RunId;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// An event is on the disk's side of a kill at most so long after it happened.
const FLUSH: Duration = Duration::from_millis(100);

/// Events that may wait for the disk before the run waits, too.
const QUEUE: usize = 4096;

/// The thread that writes: lines go in, and at the end it says how it went.
type Writing = (SyncSender<Vec<u8>>, JoinHandle<io::Result<()>>);

/// The recorder of one run.
pub struct Recorder {
    run: RunId,
    index: Index,
    path: PathBuf,
    writer: Option<Writing>,
    exit_code: Option<u8>,
    failure: Option<HistoryError>,
    complain: Option<Complain>,
}

/// Is told that nothing more is recorded, and why.
type Complain = Box<dyn FnOnce(&HistoryError) + Send>;

impl Recorder {
    pub(super) fn new(run: RunId, index: Index, path: PathBuf) -> Result<Self, HistoryError> {
        let file = super::place::create_private(&path)?;
        let writer = Writer::new(file).map_err(HistoryError::file("write", &path))?;
        let (send, receive) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write(writer, &receive))
            .map_err(HistoryError::file("start writing", &path))?;
        Ok(Self { run, index, path, writer: Some((send, thread)), exit_code: None, failure: None, complain: None })
    }

    /// Who is told, once and at once, when recording fails: the run goes on.
    #[must_use]
    pub fn on_failure(mut self, complain: impl FnOnce(&HistoryError) + Send + 'static) -> Self {
        self.complain = Some(Box::new(complain));
        self
    }

    /// What went wrong, if recording failed; told once.
    pub fn failure(&mut self) -> Option<HistoryError> {
        self.failure.take()
    }

    fn fail(&mut self, error: HistoryError) {
        if let Some(complain) = self.complain.take() {
            complain(&error);
        }
        self.failure.get_or_insert(error);
    }

    /// End the thread that writes; it says how it went.
    fn end_writing(&mut self) {
        let Some((send, thread)) = self.writer.take() else { return };
        drop(send);
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(source)) => self.fail(HistoryError::file("write", &self.path)(source)),
            Err(_) => self.fail(HistoryError::file("write", &self.path)(io::Error::other("the writer broke off"))),
        }
    }

    fn close(&mut self) {
        self.end_writing();
        // How the run ended is known in the index even where the recording is not whole.
        if let Some(code) = self.exit_code.take()
            && let Err(error) = self.index.finish(&self.run, code)
        {
            self.fail(error);
        }
    }
}

impl Output for Recorder {
    fn event(&mut self, event: &Event) {
        if let Event::RunFinished { exit_code, .. } = event {
            self.exit_code = Some(*exit_code);
        }
        if let Some((send, _)) = &self.writer
            && let Ok(mut line) = serde_json::to_vec(event)
        {
            line.push(b'\n');
            if send.send(line).is_err() {
                self.end_writing();
            }
        }
    }

    fn finish(&mut self) {
        self.close();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

fn write(mut writer: Writer, lines: &Receiver<Vec<u8>>) -> io::Result<()> {
    let mut flush_at: Option<Instant> = None;
    loop {
        let next = match flush_at {
            Some(at) => lines.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(line) => {
                let is_play = line.starts_with(br#"{"event":"play_started""#);
                writer.line(&line)?;
                let at = *flush_at.get_or_insert_with(|| Instant::now() + FLUSH);
                // Whom a play works on must be known before it works on them: a rollback asks those.
                if Instant::now() >= at || is_play {
                    writer.flush()?;
                    flush_at = None;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                writer.flush()?;
                flush_at = None;
            }
            Err(RecvTimeoutError::Disconnected) => return writer.finish(),
        }
    }
}
