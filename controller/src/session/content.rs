//! File content that a task offers: sent in pieces when the agent asks for it.

use luthier_protocol::frame;
use luthier_protocol::message::{CHUNK, ToAgent};
use luthier_protocol::name::Seq;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::Sender;

/// Where offered content comes from.
#[derive(Debug, Clone)]
pub enum ContentSource {
    /// Bytes at hand, shared between hosts.
    Bytes(Arc<[u8]>),
    /// A file, read while it is sent.
    File(PathBuf),
}

/// Why content could not be sent: the path and the reason; `None` when the line is gone, which others tell.
pub(super) type Unsent = Option<(PathBuf, String)>;

/// Send all of it. Waits while the host does not take it.
pub(super) async fn send(source: ContentSource, seq: Seq, queue: &Sender<Vec<u8>>) -> Result<(), Unsent> {
    match source {
        ContentSource::Bytes(bytes) => {
            let mut rest: &[u8] = &bytes;
            loop {
                let (piece, after) = rest.split_at(rest.len().min(CHUNK));
                rest = after;
                put(queue, seq, piece.to_vec(), rest.is_empty()).await?;
                if rest.is_empty() {
                    return Ok(());
                }
            }
        }
        ContentSource::File(path) => {
            let wrong = |error: std::io::Error| Some((path.clone(), error.to_string()));
            let mut file = tokio::fs::File::open(&path).await.map_err(wrong)?;
            loop {
                let mut piece = Vec::with_capacity(CHUNK);
                while piece.len() < CHUNK {
                    let room = (CHUNK - piece.len()) as u64;
                    if (&mut file).take(room).read_to_end(&mut piece).await.map_err(wrong)? == 0 {
                        break;
                    }
                }
                let last = piece.len() < CHUNK;
                put(queue, seq, piece, last).await?;
                if last {
                    return Ok(());
                }
            }
        }
    }
}

async fn put(queue: &Sender<Vec<u8>>, seq: Seq, data: Vec<u8>, last: bool) -> Result<(), Unsent> {
    let bytes = frame::encode(&ToAgent::Content { seq, data, last })
        .map_err(|error| Some((PathBuf::new(), error.to_string())))?;
    queue.send(bytes).await.map_err(|_| None)
}
