//! The index of runs: one table in SQLite. Several controllers use it at once.

use super::HistoryError;
use super::process::Process;
use super::run::{RunMeta, RunRecord, RunState};
use luthier_protocol::name::RunId;
use rusqlite::{Connection, Row, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version of the tables, kept in SQLite's `user_version`.
const VERSION: i64 = 1;

/// Another controller is waited for so long.
const BUSY: Duration = Duration::from_secs(5);

/// Attempts to switch to the write-ahead log: SQLite does not wait for others there.
const ATTEMPTS: u32 = 50;

const SCHEMA: &str = "CREATE TABLE runs (
    run TEXT PRIMARY KEY NOT NULL,
    time TEXT NOT NULL,
    playbooks TEXT NOT NULL,
    check_mode INTEGER NOT NULL,
    hosts INTEGER NOT NULL,
    exit_code INTEGER,
    pid INTEGER NOT NULL,
    boot TEXT NOT NULL,
    started INTEGER NOT NULL
) STRICT";

/// The open index.
pub(super) struct Index {
    path: PathBuf,
    connection: Connection,
}

impl Index {
    /// Open it, and make it if need be.
    pub(super) fn open(path: &Path) -> Result<Self, HistoryError> {
        let index = |source| HistoryError::Index { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(index)?;
        connection.busy_timeout(BUSY).map_err(index)?;
        use_write_ahead_log(&connection).map_err(index)?;
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(index)?;
        let found = version(&connection).map_err(index)?;
        if found > VERSION {
            return Err(HistoryError::NewerIndex { path: path.to_owned(), found, known: VERSION });
        }
        if found < VERSION {
            create(&mut connection).map_err(index)?;
        }
        Ok(Self { path: path.to_owned(), connection })
    }

    /// A run begins.
    pub(super) fn begin(&self, meta: &RunMeta, process: &Process) -> Result<(), HistoryError> {
        let playbooks = serde_json::Value::from(meta.playbooks.clone()).to_string();
        self.connection
            .execute(
                "INSERT INTO runs (run, time, playbooks, check_mode, hosts, pid, boot, started) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    meta.run.as_str(),
                    meta.time,
                    playbooks,
                    meta.check,
                    i64::try_from(meta.hosts).unwrap_or(i64::MAX),
                    process.pid,
                    process.boot,
                    process.started
                ],
            )
            .map(drop)
            .map_err(|source| self.error(source))
    }

    /// A run has ended.
    pub(super) fn finish(&self, run: &RunId, exit_code: u8) -> Result<(), HistoryError> {
        self.connection
            .execute("UPDATE runs SET exit_code = ?2 WHERE run = ?1", params![run.as_str(), exit_code])
            .map(drop)
            .map_err(|source| self.error(source))
    }

    /// All runs, newest first.
    pub(super) fn all(&self) -> Result<Vec<RunRecord>, HistoryError> {
        let mut statement = self
            .connection
            .prepare("SELECT run, time, playbooks, check_mode, hosts, exit_code, pid, boot, started FROM runs ORDER BY time DESC, rowid DESC")
            .map_err(|source| self.error(source))?;
        let rows = statement.query_map([], record).map_err(|source| self.error(source))?;
        rows.collect::<Result<_, _>>().map_err(|source| self.error(source))
    }

    fn error(&self, source: rusqlite::Error) -> HistoryError {
        HistoryError::Index { path: self.path.clone(), source }
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let playbooks: String = row.get("playbooks")?;
    let exit_code: Option<u8> = row.get("exit_code")?;
    let process = Process { pid: row.get("pid")?, boot: row.get("boot")?, started: row.get("started")? };
    let state = match exit_code {
        Some(_) => RunState::Finished,
        None if process.alive() => RunState::Running,
        None => RunState::Interrupted,
    };
    Ok(RunRecord {
        run: RunId(row.get("run")?),
        time: row.get("time")?,
        playbooks: serde_json::from_str(&playbooks).unwrap_or_default(),
        check: row.get("check_mode")?,
        hosts: usize::try_from(row.get::<_, i64>("hosts")?).unwrap_or(0),
        state,
        exit_code,
    })
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Two controllers may find a fresh database at once: the second one sees the first one's tables once it has the lock.
fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&transaction)? < VERSION {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

fn use_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut attempt = 0;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) && attempt < ATTEMPTS =>
            {
                attempt += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            // A file system without shared memory keeps its old journal: slower, just as safe.
            other => return other.map(drop),
        }
    }
}
