//! Failures of SQLite and PostgreSQL.

use super::Error;

impl From<::sqlx::Error> for Error {
    fn from(error: ::sqlx::Error) -> Self {
        match &error {
            // A full disk, a lock that was not released in time.
            ::sqlx::Error::PoolTimedOut | ::sqlx::Error::PoolClosed | ::sqlx::Error::Io(_) => {
                Self::unavailable(error)
            }
            ::sqlx::Error::Database(database) if database.code().is_some_and(|code| is_transient(&code)) => {
                Self::unavailable(error)
            }
            _ => Self::internal(error),
        }
    }
}

/// Whether a retry may succeed after a failure with this code. SQLite's codes are numbers (busy, locked, I/O error, disk full,
/// cannot open; an extended code has the primary one in its low byte). PostgreSQL's have five characters: connection lost, out
/// of resources, shutting down, serialization failure or deadlock, lock or statement time-out.
fn is_transient(code: &str) -> bool {
    if code.len() == 5 {
        return matches!(&code[..2], "08" | "53")
            || matches!(
                code,
                "57P01" | "57P02" | "57P03" | "40001" | "40P01" | "55P03" | "57014"
            );
    }
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_codes_are_recognised() {
        // SQLITE_FULL, SQLITE_IOERR_SHMSIZE, SQLITE_BUSY_SNAPSHOT; PostgreSQL's serialization, deadlock, shutdown, connection.
        for code in ["13", "4874", "517", "40001", "40P01", "57P01", "08006"] {
            assert!(is_transient(code), "{code}");
        }
        // SQLITE_ERROR, SQLITE_CONSTRAINT_UNIQUE, PostgreSQL's unique violation and syntax error.
        for code in ["1", "2067", "23505", "42601", ""] {
            assert!(!is_transient(code), "{code}");
        }
    }
}
