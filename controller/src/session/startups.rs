//! Logins under way, limited for each server: `sshd` begins to drop connections when ten of them have not logged in yet
//! (`MaxStartups`), and many hosts may lie behind one address, or one program that connects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Logins under way at one server.
const AT_ONCE: usize = 8;

/// A place among the logins under way at a server, until it is dropped.
pub(super) type Turn = OwnedSemaphorePermit;

/// The limits, one for each server.
#[derive(Default)]
pub(super) struct Startups {
    doors: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Startups {
    /// Wait for one's turn at a server. The turn ends when what is returned is dropped.
    pub(super) async fn enter(&self, server: String) -> Option<Turn> {
        let door = {
            let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(doors.entry(server).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
        };
        // Never closed, so there is always a permit to come.
        door.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_server_is_entered_by_few_and_another_one_is_free() {
        let startups = Arc::new(Startups::default());
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let (startups, inside, most) = (Arc::clone(&startups), Arc::clone(&inside), Arc::clone(&most));
            all.spawn(async move {
                let _turn = startups.enter("a:22".into()).await;
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
            });
        }
        all.join_all().await;
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(startups.enter("a:22".into()).await);
        }
        assert!(startups.enter("b:22".into()).await.is_some());
    }
}
