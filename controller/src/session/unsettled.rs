//! Whose transactions may be open on the host, and which of them were asked to close. It knows nothing of the line.

use super::SessionError;
use super::wire::Answer;
use luthier_protocol::message::Told;
use luthier_protocol::task::Identity;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The answer to a request, when it comes.
type Reply = oneshot::Receiver<Result<Answer, SessionError>>;

/// Identities that were given tasks (`None`: the login user), with the answer to [`Question::Settle`] where one is awaited.
///
/// [`Question::Settle`]: luthier_protocol::message::Question::Settle
#[derive(Default)]
pub(super) struct Unsettled {
    rows: Mutex<HashMap<Option<Identity>, Option<Reply>>>,
}

impl Unsettled {
    /// A task is sent that may change something.
    pub(super) fn opened(&self, identity: Option<&Identity>) {
        self.rows().insert(identity.cloned(), None);
    }

    /// Identities that nobody asked to close theirs.
    pub(super) fn open(&self) -> Vec<Option<Identity>> {
        self.rows().iter().filter(|(_, reply)| reply.is_none()).map(|(identity, _)| identity.clone()).collect()
    }

    /// It was asked to close.
    pub(super) fn closing(&self, identity: Option<Identity>, reply: Reply) {
        self.rows().insert(identity, Some(reply));
    }

    /// Whether all are closed: awaits what was asked for.
    pub(super) async fn is_settled(&self) -> bool {
        let rows = std::mem::take(&mut *self.rows());
        for reply in rows.into_values() {
            let Some(reply) = reply else { return false };
            if !matches!(reply.await, Ok(Ok(Answer::Told(Told::Settled)))) {
                return false;
            }
        }
        true
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<Option<Identity>, Option<Reply>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(answer: Option<Result<Answer, SessionError>>) -> Reply {
        let (sender, reply) = oneshot::channel();
        if let Some(answer) = answer {
            let _ = sender.send(answer);
        }
        reply
    }

    #[tokio::test]
    async fn settled_is_who_said_so() {
        let root = Identity { user: "root".into(), method: "sudo".into() };
        let rows = Unsettled::default();
        assert!(rows.is_settled().await, "nobody was given a task");

        rows.opened(None);
        rows.opened(Some(&root));
        rows.closing(None, asked(Some(Ok(Answer::Told(Told::Settled)))));
        assert_eq!(rows.open(), [Some(root.clone())]);
        assert!(!rows.is_settled().await, "root's is open");

        rows.opened(Some(&root));
        rows.closing(Some(root.clone()), asked(Some(Ok(Answer::Told(Told::Settled)))));
        assert!(rows.is_settled().await);

        rows.closing(None, asked(Some(Err(SessionError::Refused("disk full".into())))));
        assert!(!rows.is_settled().await);
        rows.closing(None, asked(None));
        assert!(!rows.is_settled().await, "the line was cut");

        rows.closing(None, asked(Some(Ok(Answer::Told(Told::Settled)))));
        rows.opened(None);
        assert!(!rows.is_settled().await, "a task came after it");
    }
}
