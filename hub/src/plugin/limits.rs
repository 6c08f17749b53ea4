//! How much one run of a plugin may take.

/// The longest run that may be configured, in milliseconds: an operation of several runs has to end in time.
pub const RUN_MS_MAX: u64 = 10_000;
/// The most fuel that may be configured for one run.
pub const FUEL_MAX: u64 = 100_000_000_000;
/// The most memory that may be configured for one run, in bytes: what the sandbox keeps ready for each.
pub const MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The longest reply that may be configured, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How many runs of all plugins are worked on at once.
pub const RUNS_OF_ALL_MAX: usize = 32;

/// The limits of one run. What goes over one of them ends the run, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may compute, in milliseconds of the wall clock.
    pub run_ms_max: u64,
    /// How much it may compute, in the engine's fuel: about one unit an instruction. The same run always
    /// takes the same.
    pub fuel_max: u64,
    /// How much memory it may have, in bytes.
    pub memory_bytes_max: usize,
    /// How long its reply may be, in bytes.
    pub output_bytes_max: usize,
    /// How many lines it may log ...
    pub log_lines_max: usize,
    /// ... and how long each is at most, in bytes; what is longer is cut.
    pub log_line_bytes_max: usize,
    /// How many runs of it are worked on at once.
    pub concurrent_runs_max: usize,
}

impl Limits {
    /// Those of a plugin whose name is not known yet, because it is asked for it under them: the most that
    /// the sandbox can give.
    pub const DESCRIBING: Self = Self {
        run_ms_max: RUN_MS_MAX,
        fuel_max: FUEL_MAX,
        memory_bytes_max: MEMORY_BYTES_MAX,
        output_bytes_max: OUTPUT_BYTES_MAX,
        log_lines_max: 20,
        log_line_bytes_max: 1_024,
        concurrent_runs_max: 1,
    };

    /// How much memory all runs of one plugin take of the hub at once, in bytes, at most: what each may have, and
    /// the copy of its reply, which is made before its length is looked at and is at most as long.
    #[must_use]
    pub const fn resident_bytes_max(&self) -> usize {
        self.concurrent_runs_max.saturating_mul(self.memory_bytes_max.saturating_mul(2))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            run_ms_max: 1_000,
            fuel_max: 1_000_000_000,
            memory_bytes_max: 128 * 1024 * 1024,
            output_bytes_max: 1024 * 1024,
            log_lines_max: 20,
            log_line_bytes_max: 1_024,
            concurrent_runs_max: 4,
        }
    }
}
