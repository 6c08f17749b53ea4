//! How much one run of a plugin may take.

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

impl Default for Limits {
    fn default() -> Self {
        Self {
            run_ms_max: 1_000,
            fuel_max: 1_000_000_000,
            memory_bytes_max: 128 * 1024 * 1024,
            output_bytes_max: 1024 * 1024,
            log_lines_max: 20,
            log_line_bytes_max: 1_024,
            concurrent_runs_max: 8,
        }
    }
}
