//! Exit codes.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | fine |
//! | 1 | internal error |
//! | 2 | some host failed |
//! | 3 | would change (`--check --detailed-exitcode`) |
//! | 4 | some host unreachable |
//! | 5 | bad input: usage, syntax, inventory, unknown module or parameter; nothing was contacted |
//! | 6 | rolled back |
//! | 7 | a rollback failed |
//! | 8 | paused |
//! | 9 | pending reboot only |
//! | 130 | interrupted |
//!
//! When several apply, the gravest counts, in the order 7 1 6 2 4 8 9 3 0. Bad input and interruption end a command
//! before others can apply: they count above all.

use crate::event::Recap;

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Fine.
    Fine,
    /// Internal error.
    Internal,
    /// Some host failed.
    Failed,
    /// Would change.
    WouldChange,
    /// Some host unreachable.
    Unreachable,
    /// Bad input; nothing was contacted.
    BadInput,
    /// Rolled back.
    RolledBack,
    /// A rollback failed.
    RollbackFailed,
    /// Paused.
    Paused,
    /// Pending reboot only.
    PendingReboot,
    /// Interrupted.
    Interrupted,
}

impl ExitCode {
    /// All of them, gravest first.
    pub const GRAVEST_FIRST: [Self; 11] = [
        Self::Interrupted,
        Self::BadInput,
        Self::RollbackFailed,
        Self::Internal,
        Self::RolledBack,
        Self::Failed,
        Self::Unreachable,
        Self::Paused,
        Self::PendingReboot,
        Self::WouldChange,
        Self::Fine,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Internal => 1,
            Self::Failed => 2,
            Self::WouldChange => 3,
            Self::Unreachable => 4,
            Self::BadInput => 5,
            Self::RolledBack => 6,
            Self::RollbackFailed => 7,
            Self::Paused => 8,
            Self::PendingReboot => 9,
            Self::Interrupted => 130,
        }
    }

    /// The code with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::GRAVEST_FIRST.into_iter().find(|row| row.code() == code)
    }

    /// A word or two for tables.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Internal => "internal error",
            Self::Failed => "failed",
            Self::WouldChange => "would change",
            Self::Unreachable => "unreachable",
            Self::BadInput => "bad input",
            Self::RolledBack => "rolled back",
            Self::RollbackFailed => "rollback failed",
            Self::Paused => "paused",
            Self::PendingReboot => "pending reboot",
            Self::Interrupted => "interrupted",
        }
    }

    /// The graver of two.
    #[must_use]
    pub fn gravest(self, other: Self) -> Self {
        Self::GRAVEST_FIRST.into_iter().find(|row| *row == self || *row == other).unwrap_or(self)
    }

    /// What a run's recap amounts to: failures and lost hosts.
    pub fn of_recap<'a>(recap: impl IntoIterator<Item = &'a Recap>) -> Self {
        recap.into_iter().fold(Self::Fine, |code, row| {
            let code = if row.failed > 0 { code.gravest(Self::Failed) } else { code };
            if row.unreachable > 0 { code.gravest(Self::Unreachable) } else { code }
        })
    }
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> Self {
        code.code()
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_documented_order_holds() {
        let documented = [7, 1, 6, 2, 4, 8, 9, 3, 0].map(|code| ExitCode::from_code(code).unwrap());
        for (at, graver) in documented.iter().enumerate() {
            for lesser in documented.iter().skip(at) {
                assert_eq!(graver.gravest(*lesser), *graver);
                assert_eq!(lesser.gravest(*graver), *graver);
            }
        }
    }

    #[test]
    fn every_code_has_its_own_number() {
        let numbers: std::collections::BTreeSet<u8> = ExitCode::GRAVEST_FIRST.map(ExitCode::code).into();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130].into());
        assert_eq!(ExitCode::from_code(77), None);
    }

    #[test]
    fn failures_count_before_unreachable_hosts() {
        let lost = Recap { unreachable: 1, ..Recap::default() };
        let failed = Recap { failed: 1, ..Recap::default() };
        assert_eq!(ExitCode::of_recap([&Recap::default()]), ExitCode::Fine);
        assert_eq!(ExitCode::of_recap([&lost]), ExitCode::Unreachable);
        assert_eq!(ExitCode::of_recap([&lost, &failed]), ExitCode::Failed);
        assert_eq!(ExitCode::of_recap([&failed, &lost]), ExitCode::Failed);
    }
}
