//! The barrier of `strategy: linear`: nobody starts a task while somebody is still before it.
//!
//! Every host says at which position of the play it stands. Positions are paths in the tree of blocks, so that a host in
//! a `rescue` and one that needs none meet again behind it. A host may go on when no other is at a smaller position.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A place in a play: section, step, part of a block, step in it, and so on.
pub type Position = Vec<u32>;

/// The barrier of one batch of hosts.
#[derive(Debug)]
pub struct Lockstep {
    rows: Mutex<Rows>,
    lowest: watch::Sender<Option<Position>>,
    moves: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Rows {
    at: BTreeMap<Position, BTreeSet<usize>>,
    leader: Option<(Position, usize)>,
}

impl Lockstep {
    /// A barrier for hosts numbered from 0, all before the first step.
    pub fn new(hosts: usize) -> Self {
        let mut at = BTreeMap::new();
        if hosts > 0 {
            at.insert(Position::new(), (0..hosts).collect());
        }
        Self {
            rows: Mutex::new(Rows { at, leader: None }),
            lowest: watch::Sender::new(Some(Position::new())),
            moves: watch::Sender::new(0),
        }
    }

    /// Go from one position to the next and wait until nobody is before it. True for the one host that stands for all
    /// hosts of this step (`run_once`): the first in order.
    pub async fn reach(&self, host: usize, from: &Position, to: &Position) -> bool {
        self.shift(host, from, Some(to));
        let mut lowest = self.lowest.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = lowest.wait_for(|lowest| lowest.as_ref().is_none_or(|lowest| lowest >= to)).await;
        let mut rows = self.rows();
        if rows.leader.as_ref().is_none_or(|(position, _)| position != to) {
            let first = rows.at.get(to).and_then(|hosts| hosts.first().copied()).unwrap_or(host);
            rows.leader = Some((to.clone(), first));
        }
        rows.leader.as_ref().is_some_and(|(_, leader)| *leader == host)
    }

    /// Wait for this host's turn at a step where at most `width` hosts work at once (`throttle`): they go in their order.
    pub async fn turn(&self, host: usize, at: &Position, width: usize) {
        let mut moves = self.moves.subscribe();
        let is_due = |_: &u64| self.rows().at.get(at).is_none_or(|hosts| hosts.range(..host).count() < width);
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = moves.wait_for(is_due).await;
    }

    /// This host has no further steps.
    pub fn leave(&self, host: usize, from: &Position) {
        self.shift(host, from, None);
    }

    fn shift(&self, host: usize, from: &Position, to: Option<&Position>) {
        let mut rows = self.rows();
        if let Some(hosts) = rows.at.get_mut(from) {
            hosts.remove(&host);
            if hosts.is_empty() {
                rows.at.remove(from);
            }
        }
        if let Some(to) = to {
            rows.at.entry(to.clone()).or_default().insert(host);
        }
        let lowest = rows.at.keys().next().cloned();
        // Told while the rows are held: of two hosts that move at once the later one must have the last word, or all wait
        // for a position that nobody is at any more.
        self.lowest.send_if_modified(|known| {
            let changed = *known != lowest;
            *known = lowest;
            changed
        });
        drop(rows);
        self.moves.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn nobody_starts_a_step_before_all_have_finished_the_one_before() {
        let lockstep = Arc::new(Lockstep::new(3));
        let finished = Arc::new(AtomicUsize::new(0));
        let hosts: Vec<_> = (0..3)
            .map(|host| {
                let (lockstep, finished) = (Arc::clone(&lockstep), Arc::clone(&finished));
                tokio::spawn(async move {
                    let mut leaders = 0;
                    let mut at = Position::new();
                    for step in 0..4_u32 {
                        let next = vec![step];
                        leaders += usize::from(lockstep.reach(host, &at, &next).await);
                        at = next;
                        assert!(finished.load(Ordering::SeqCst) >= 3 * step as usize);
                        tokio::task::yield_now().await;
                        finished.fetch_add(1, Ordering::SeqCst);
                    }
                    lockstep.leave(host, &at);
                    leaders
                })
            })
            .collect();
        let mut leaders = Vec::new();
        for host in hosts {
            leaders.push(host.await.unwrap_or(99));
        }
        assert_eq!(leaders, [4, 0, 0]);
    }

    #[tokio::test]
    async fn a_throttled_step_goes_in_order() {
        let lockstep = Arc::new(Lockstep::new(3));
        let order = Arc::new(Mutex::new(Vec::new()));
        let hosts: Vec<_> = (0..3)
            .rev()
            .map(|host| {
                let (lockstep, order) = (Arc::clone(&lockstep), Arc::clone(&order));
                tokio::spawn(async move {
                    let (start, step) = (Position::new(), vec![1]);
                    lockstep.reach(host, &start, &step).await;
                    lockstep.turn(host, &step, 1).await;
                    if let Ok(mut order) = order.lock() {
                        order.push(host);
                    }
                    lockstep.leave(host, &step);
                })
            })
            .collect();
        for host in hosts {
            assert!(host.await.is_ok());
        }
        assert_eq!(order.lock().map(|order| order.clone()).unwrap_or_default(), [0, 1, 2]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn hosts_that_move_at_once_lose_no_word() {
        for _ in 0..300 {
            let lockstep = Arc::new(Lockstep::new(4));
            let hosts: Vec<_> = (0..4)
                .map(|host| {
                    let lockstep = Arc::clone(&lockstep);
                    tokio::spawn(async move {
                        let mut at = Position::new();
                        for step in 0..20_u32 {
                            let next = vec![step];
                            lockstep.reach(host, &at, &next).await;
                            at = next;
                        }
                        lockstep.leave(host, &at);
                    })
                })
                .collect();
            for host in hosts {
                let ended = tokio::time::timeout(std::time::Duration::from_secs(60), host).await;
                assert!(ended.is_ok(), "a host waits for nobody");
            }
        }
    }

    #[tokio::test]
    async fn a_host_that_leaves_holds_nobody_up() {
        let lockstep = Lockstep::new(2);
        lockstep.leave(0, &Position::new());
        assert!(lockstep.reach(1, &Position::new(), &vec![7]).await);
    }
}
