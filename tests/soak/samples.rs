//! What is looked at: the hub's process as the system knows it, and its database as it is stored.

use std::collections::BTreeMap;

use crate::processes::database::Database;

/// What waits at a moment.
const WAITING: &str = "
    SELECT coalesce(max(NOW - due.available_at), 0), count(*) FROM jobs AS due
        WHERE due.available_at <= NOW AND due.leased_until IS NULL
    UNION ALL SELECT 0, count(*) FROM jobs WHERE leased_until IS NOT NULL
    UNION ALL SELECT 0, count(*) FROM inbox WHERE state = 'received'";

/// What is in doubt, in words of the payments' states.
const UNSETTLED: &str = "
    SELECT id, state FROM payments
    WHERE state LIKE '%\"state\":\"unknown\"%' OR state LIKE '%\"state\":\"created\"%'
        OR status NOT IN ('requires_checkout', 'requires_capture', 'succeeded', 'failed', 'canceled', 'expired')
    LIMIT 2";

/// A running hub.
pub(super) struct Hub {
    pub(super) process: u32,
    pub(super) database: Database,
}

/// What must not grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) memory_kb: u64,
    pub(super) handles: u64,
    pub(super) threads: u64,
    pub(super) oldest_job_ms: u64,
    pub(super) jobs_due: u64,
    pub(super) jobs_held: u64,
    pub(super) unread: u64,
    /// 0 on a server, which has one log for all databases.
    pub(super) log_bytes: u64,
}

/// What grows with the payments.
pub(super) struct Tables {
    pub(super) rows: BTreeMap<String, u64>,
    /// 0 on a server.
    pub(super) bytes: u64,
}

impl Tables {
    pub(super) fn payments(&self) -> u64 {
        self.rows.get("payments").copied().unwrap_or(0)
    }
}

impl Hub {
    pub(super) fn moment(&self) -> Moment {
        let status = self.process_file("status");
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
        };
        let handles = std::fs::read_dir(format!("/proc/{}/fd", self.process)).expect("its files").count();
        let since_1970 = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
        let rows = self.database.rows(&WAITING.replace("NOW", &since_1970.as_micros().to_string()));
        let numbers: Vec<u64> =
            rows.iter().flat_map(|row| row.split('|')).map(|text| text.parse().expect("a number")).collect();
        let [oldest, due, _, held, _, unread] = numbers[..] else { panic!("three rows: {rows:?}") };
        Moment {
            memory_kb: line("VmRSS:"),
            handles: u64::try_from(handles).expect("a count"),
            threads: line("Threads:"),
            oldest_job_ms: oldest / 1_000,
            jobs_due: due,
            jobs_held: held,
            unread,
            log_bytes: self.file_bytes("-wal"),
        }
    }

    fn process_file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.process)).expect("the hub runs")
    }

    fn file_bytes(&self, end: &str) -> u64 {
        match &self.database {
            Database::File(path) => {
                std::fs::metadata(format!("{}{end}", path.display())).map_or(0, |file| file.len())
            }
            Database::Server(_) => 0,
        }
    }

    pub(super) fn tables(&self) -> Tables {
        let count = |table: &String| format!("SELECT '{table}', count(*) FROM {table}");
        let counts: Vec<String> = self.database.tables().iter().map(count).collect();
        // All of them at one moment.
        let rows = self.database.rows(&counts.join(" UNION ALL "));
        let count = |row: &String| {
            let (table, count) = row.split_once('|').expect("a table and a count");
            (table.to_owned(), count.parse().expect("a count"))
        };
        Tables { rows: rows.iter().map(count).collect(), bytes: self.file_bytes("") }
    }

    /// Some of what is in doubt; nothing to say while something is due.
    pub(super) fn unsettled(&self) -> Option<String> {
        let moment = self.moment();
        if moment.jobs_due + moment.jobs_held + moment.unread > 0 {
            return Some(format!("{moment:?}"));
        }
        Some(self.database.rows(UNSETTLED).join("\n"))
    }

    /// What was captured and given back, by the payments' own columns.
    pub(super) fn money(&self) -> (u64, u64) {
        let sum = |column: &str| self.count(&format!("SELECT coalesce(sum({column}), 0) FROM payments"));
        (sum("captured"), sum("refund_asked"))
    }

    /// Jobs, and what may have some: payments that wait for somebody.
    pub(super) fn jobs_and_unfinished(&self) -> (u64, u64) {
        let unfinished =
            "SELECT count(*) FROM payments WHERE status IN ('requires_checkout', 'requires_capture')";
        (self.count("SELECT count(*) FROM jobs"), 2 * self.count(unfinished))
    }

    fn count(&self, sql: &str) -> u64 {
        u64::try_from(self.database.number(sql)).expect("a count")
    }
}
