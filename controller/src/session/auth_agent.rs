//! Authentication agents (`ssh-agent`): keys listed once per run, connections held only while a signature is made, so
//! that a thousand hosts do not hold a thousand of them.

use russh::keys::HashAlg;
use russh::keys::agent::client::AgentClient;
use russh::keys::agent::{AgentIdentity, AgentSessionBinding};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{OnceCell, Semaphore};

/// Connections to one agent at a time.
const CONNECTIONS: usize = 16;

/// How long an agent may take to list its keys. (To sign, it may ask a person.)
const LIST_LIMIT: Duration = Duration::from_secs(5);

/// The agents of a run, by socket.
#[derive(Default)]
pub(super) struct AuthAgents {
    agents: Mutex<HashMap<PathBuf, Arc<AuthAgent>>>,
}

/// One agent.
pub(super) struct AuthAgent {
    socket: PathBuf,
    permits: Semaphore,
    identities: OnceCell<Result<Vec<AgentIdentity>, String>>,
}

impl AuthAgents {
    /// The agent behind a socket.
    pub(super) fn get(&self, socket: &Path) -> Arc<AuthAgent> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let agent = agents.entry(socket.to_path_buf()).or_insert_with(|| {
            Arc::new(AuthAgent {
                socket: socket.to_path_buf(),
                permits: Semaphore::new(CONNECTIONS),
                identities: OnceCell::new(),
            })
        });
        Arc::clone(agent)
    }
}

impl AuthAgent {
    /// The keys it holds, or why they cannot be had.
    pub(super) async fn identities(&self) -> Result<&[AgentIdentity], String> {
        let list = async {
            match tokio::time::timeout(LIST_LIMIT, self.list()).await {
                Ok(found) => found,
                Err(_) => Err(self.wrong("it does not answer")),
            }
        };
        self.identities.get_or_init(|| list).await.as_deref().map_err(Clone::clone)
    }

    fn wrong(&self, problem: impl std::fmt::Display) -> String {
        format!("authentication agent {}: {problem}", self.socket.display())
    }

    async fn client(&self) -> Result<AgentClient<UnixStream>, String> {
        AgentClient::connect_uds(&self.socket).await.map_err(|error| self.wrong(error))
    }

    async fn list(&self) -> Result<Vec<AgentIdentity>, String> {
        self.client().await?.request_identities().await.map_err(|error| self.wrong(error))
    }

    /// Append a signature of `data` to it.
    pub(super) async fn sign(
        &self,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
        binding: Option<&AgentSessionBinding>,
    ) -> Result<Vec<u8>, String> {
        let _permit = self.permits.acquire().await.map_err(|error| self.wrong(error))?;
        let mut client = self.client().await?;
        if let Some(binding) = binding {
            // Agents that know no such thing refuse it; only keys bound to a host need it.
            let _ = client.bind_session(binding, false).await;
        }
        client.sign_request(identity, hash, data).await.map_err(|error| self.wrong(error))
    }
}
