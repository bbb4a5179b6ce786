//! Work that may never end: reading below a folder whose server or driver does not answer stops the reader for good, and
//! nothing can call it back. So each piece of work is done on a thread of its own accord, and who does not answer in time is
//! left behind; the thread ends with the program.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// For how long a piece of reading may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Stack of a thread that reads.
const STACK: usize = 512 * 1024;

/// More threads than this gain nothing: the kernel answers most questions under locks of its own.
const MOST_THREADS: usize = 4;

/// Pieces of work by number, for threads that share them.
struct Pieces {
    work: Box<dyn Fn(usize) + Send + Sync>,
    count: usize,
    progress: Mutex<Progress>,
    moved: Condvar,
}

/// How far the work has come.
#[derive(Default)]
struct Progress {
    /// The piece to be begun next.
    next: usize,
    /// Pieces in hand and since when, oldest first.
    running: Vec<(usize, Instant)>,
    /// Pieces done or given up.
    ended: usize,
}

/// The answers of `work` for 0 to `count`, asked on a few threads; `None` for one that did not come in time.
pub fn answers<T: Send + 'static>(
    count: usize,
    patience: Duration,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<Option<T>> {
    let found: Arc<Mutex<Vec<Option<T>>>> = Arc::default();
    locked(&found).resize_with(count, || None);
    let places = Arc::clone(&found);
    let work = move |piece: usize| {
        let answer = work(piece);
        // An answer that comes too late finds no place any more.
        if let Some(place) = locked(&places).get_mut(piece) {
            *place = Some(answer);
        }
    };
    let pieces = Pieces { work: Box::new(work), count, progress: Mutex::default(), moved: Condvar::new() };
    wait(&Arc::new(pieces), patience);
    std::mem::take(&mut *locked(&found))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns when every piece is done or was given up.
fn wait(pieces: &Arc<Pieces>, patience: Duration) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS).min(pieces.count);
    let begun = (0..threads).filter(|_| begin(pieces)).count();
    if begun == 0 {
        // No thread can be had: better without a deadline than not at all.
        (0..pieces.count).for_each(|piece| (pieces.work)(piece));
        return;
    }
    let mut progress = locked(&pieces.progress);
    while progress.ended < pieces.count {
        let left = progress.running.first().map_or(patience, |(_, since)| patience.saturating_sub(since.elapsed()));
        let (guard, timeout) = pieces.moved.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner);
        progress = guard;
        if !timeout.timed_out() {
            continue;
        }
        let late = progress.running.iter().take_while(|(_, since)| since.elapsed() >= patience).count();
        progress.running.drain(..late);
        progress.ended += late;
        let replaced = (0..late).filter(|_| begin(pieces)).count();
        if progress.running.is_empty() && replaced == 0 {
            // No thread is left to take up the rest, and none can be had.
            return;
        }
    }
}

/// A thread that works off pieces until there are none left; whether it could be started.
fn begin(pieces: &Arc<Pieces>) -> bool {
    let pieces = Arc::clone(pieces);
    Builder::new().stack_size(STACK).spawn(move || work_off(&pieces)).is_ok()
}

fn work_off(pieces: &Pieces) {
    loop {
        let mut progress = locked(&pieces.progress);
        let piece = progress.next;
        if piece >= pieces.count {
            return;
        }
        progress.next += 1;
        progress.running.push((piece, Instant::now()));
        drop(progress);
        (pieces.work)(piece);
        let mut progress = locked(&pieces.progress);
        // One that was given up was counted already.
        let before = progress.running.len();
        progress.running.retain(|(other, _)| *other != piece);
        progress.ended += before - progress.running.len();
        pieces.moved.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_answers_in_its_place() {
        let found = answers(100, PATIENCE, |piece| piece * 2);
        assert!(found.iter().enumerate().all(|(piece, answer)| *answer == Some(piece * 2)), "{found:?}");
        assert!(answers(0, PATIENCE, |piece| piece).is_empty());
    }

    #[test]
    fn who_never_answers_holds_nobody_up() {
        let never = Mutex::new(());
        let never = Arc::new(never);
        let held = never.lock();
        let waited_for = Arc::clone(&never);
        // More pieces that hang than there are threads; those that do not get time enough on a busy machine, too.
        let found = answers(40, Duration::from_secs(2), move |piece| {
            if piece % 5 == 0 {
                drop(waited_for.lock());
            }
            piece
        });
        drop(held);
        for (piece, answer) in found.into_iter().enumerate() {
            assert_eq!(answer, (piece % 5 != 0).then_some(piece));
        }
    }
}
