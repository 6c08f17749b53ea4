//! The sandbox that all plugins share: it compiles a plugin once and runs it in a fresh instance each time.
//!
//! Invariant: an instance can call nothing but `log`, sees one run, and ends within its [`Limits`].

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use processor_sdk::{Ask, CONTRACT_VERSION, Descriptor, Reply};
use semver::Version;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Component, InstancePre, Linker, WasmStr};
use wasmtime::{
    Config, Engine, PoolConcurrencyLimitError, PoolingAllocationConfig, ResourceLimiter, Store,
    StoreContextMut, Trap, UpdateDeadline,
};

use super::cache::CodeCache;
use super::file::{self, FILE_BYTES_MAX, PluginHash};
use super::limits::{Limits, MEMORY_BYTES_MAX, RUNS_OF_ALL_MAX};
use super::manifest;
use super::pace::{Pace, TICK_MS, Turn};

/// The one thing that a plugin may import.
pub(super) const LOG: &str = "log";
/// What it must export.
pub(super) const DESCRIBE: &str = "describe";
pub(super) const RUN: &str = "run";

/// How many instances there are at most: those of runs, and some of plugins that are being loaded or looked at.
const INSTANCES_OF_ALL_MAX: usize = RUNS_OF_ALL_MAX + 16;
/// How many core instances one plugin is made of at most; those of Python and JavaScript have dozens.
const CORE_INSTANCES_MAX: usize = 64;
/// How many memories it has at most: a plugin in JavaScript has three, of which two are small. Their sizes count
/// together.
const MEMORIES_MAX: usize = 4;
/// How many tables it has at most ...
const TABLES_MAX: usize = 16;
/// ... and how many elements each of them.
const TABLE_ELEMENTS_MAX: usize = 50_000;
/// How long the engine's own notes on one instance may be, in bytes.
const METADATA_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How deep it may recurse, in bytes of stack. The threads that it runs on have four times as much.
const STACK_BYTES_MAX: usize = 512 * 1024;
/// How much of an unused place stays in memory, in bytes, so that the next run finds it ready.
const KEPT_WARM_BYTES: usize = 64 * 1024;

/// Why a file is not a plugin that can be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    #[error("the sandbox for plugins cannot be set up: {0}")]
    Engine(String),
    #[error("the file is longer than {FILE_BYTES_MAX} bytes; build the plugin with optimization for size")]
    TooLong,
    #[error("the file is not a WebAssembly component: {0}; build it with `payhub plugin build`")]
    NotAComponent(String),
    #[error(
        "it imports {0}, and a plugin may import nothing but `log`: it has no clock, disk, network or \
         randomness; remove what needs it"
    )]
    Import(String),
    #[error(
        "it does not export `{0}`; use `export_adapter!` of processor-sdk, or the template of its language"
    )]
    Export(&'static str),
    #[error("its `describe` {0}")]
    Describe(RunFault),
    #[error("its descriptor cannot be read: {0}; build it with the SDK of this hub")]
    Descriptor(String),
    #[error("its descriptor {0}; correct it and build the plugin again")]
    Manifest(String),
    #[error("it speaks contract version {0}, this hub {CONTRACT_VERSION}; build it with the SDK of this hub")]
    Contract(u32),
}

/// How a run ended without a reply. Written so that it goes on from the plugin's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunFault {
    #[error("took longer than {0} ms")]
    OutOfTime(u64),
    #[error("used up its fuel of {0}")]
    OutOfFuel(u64),
    #[error("wanted more memory than {0} bytes")]
    OutOfMemory(usize),
    #[error("recursed too deeply")]
    StackOverflow,
    #[error("trapped: {0}")]
    Trapped(String),
    #[error("replied with more than {0} bytes")]
    TooLong(usize),
    #[error("replied with something that is not a reply: {0}")]
    Unreadable(String),
    #[error("was not run, because the sandbox has no room: {0}")]
    NoRoom(String),
}

/// Compiles and runs plugins.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<Instance>,
    pace: Arc<Pace>,
    runs: Arc<Semaphore>,
}

/// A plugin that is ready to run.
pub struct Plugin {
    descriptor: Descriptor,
    version: Version,
    hash: PluginHash,
    limits: Limits,
    pre: InstancePre<Instance>,
    engine: Engine,
    pace: Arc<Pace>,
    own_runs: Arc<Semaphore>,
    all_runs: Arc<Semaphore>,
}

/// What a run takes up while it lasts.
pub struct Places {
    _own: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

/// What one run came to.
#[derive(Debug)]
pub struct Ran<T> {
    /// The reply, or why there is none.
    pub result: Result<T, RunFault>,
    /// What it logged, cut to its limits. The caller masks secrets before anybody sees it.
    pub log: Vec<String>,
}

/// One run's own state on the host's side.
struct Instance {
    limits: Limits,
    turn: Turn,
    memory_bytes: usize,
    memory_refused: bool,
    log: Vec<String>,
}

impl ResourceLimiter for Instance {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let all = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let granted = all <= self.limits.memory_bytes_max;
        if granted {
            self.memory_bytes = all;
        }
        self.memory_refused |= !granted;
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}

/// What is set aside once for the runs of all plugins. Most of it is addresses, which cost nothing until used.
fn config() -> Config {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count(INSTANCES_OF_ALL_MAX))
        .total_core_instances(count(INSTANCES_OF_ALL_MAX * CORE_INSTANCES_MAX))
        .total_memories(count(INSTANCES_OF_ALL_MAX * MEMORIES_MAX))
        .total_tables(count(INSTANCES_OF_ALL_MAX * TABLES_MAX))
        .max_core_instances_per_component(count(CORE_INSTANCES_MAX))
        .max_memories_per_component(count(MEMORIES_MAX))
        .max_tables_per_component(count(TABLES_MAX))
        .max_component_instance_size(METADATA_BYTES_MAX)
        .max_core_instance_size(METADATA_BYTES_MAX)
        .max_memory_size(MEMORY_BYTES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        // Not by `pagemap_scan`, which is faster: it passes over pages that the system has swapped out or is moving,
        // and what they hold would be seen by the next run.
        .linear_memory_keep_resident(KEPT_WARM_BYTES)
        .table_keep_resident(KEPT_WARM_BYTES)
        .max_unused_warm_slots(count(RUNS_OF_ALL_MAX));
    let mut config = Config::new();
    config
        .allocation_strategy(pool)
        .epoch_interruption(true)
        .consume_fuel(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        // Nobody is shown where in a plugin's code something went wrong, and what would tell it makes the compiled code
        // longer, which is read and checked at each load.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false)
        // The same question has the same answer on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

impl Sandbox {
    /// The sandbox of this process, made when it is first needed: its memory is set aside once, whatever is
    /// loaded into it later.
    ///
    /// # Errors
    /// [`PluginError::Engine`].
    pub fn shared() -> Result<Arc<Self>, PluginError> {
        static SHARED: OnceLock<Result<Arc<Sandbox>, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::new().map_err(|error| error.to_string()));
        shared.clone().map_err(PluginError::Engine)
    }

    /// A sandbox of its own.
    ///
    /// # Errors
    /// [`PluginError::Engine`].
    pub fn new() -> Result<Arc<Self>, PluginError> {
        let failed = |error: wasmtime::Error| PluginError::Engine(format!("{error:#}"));
        let engine = Engine::new(&config()).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        linker.root().func_wrap(LOG, log).map_err(failed)?;
        let pace = Arc::new(Pace::default());
        let (weak, ticking) = (engine.weak(), Arc::clone(&pace));
        let ticker = move || {
            while let Some(engine) = weak.upgrade() {
                // Before the epoch, at whose end a run asks for it.
                ticking.tick();
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(Duration::from_millis(TICK_MS));
            }
        };
        std::thread::Builder::new()
            .name("plugin-ticks".to_owned())
            .spawn(ticker)
            .map_err(|error| PluginError::Engine(error.to_string()))?;
        let runs = Arc::new(Semaphore::new(RUNS_OF_ALL_MAX));
        Ok(Arc::new(Self { engine, linker, pace, runs }))
    }

    /// Compiles a plugin and asks it who it is. Takes from milliseconds to seconds: not for a request's path.
    ///
    /// # Errors
    /// [`PluginError`].
    pub fn load(&self, file: &[u8], limits: Limits) -> Result<Arc<Plugin>, PluginError> {
        self.load_named(file, None, |_| limits)
    }

    /// [`Sandbox::load`], where compiled code is kept in a cache and the limits are those of the plugin of a name.
    ///
    /// # Errors
    /// [`PluginError`].
    pub fn load_named(
        &self,
        file: &[u8],
        cache: Option<&CodeCache>,
        limits_of: impl FnOnce(&str) -> Limits,
    ) -> Result<Arc<Plugin>, PluginError> {
        file::check(file)?;
        let hash = PluginHash::of(file);
        let component = match cache.and_then(|cache| cache.load(&self.engine, hash)) {
            Some(component) => component,
            None => {
                let component = Component::new(&self.engine, file)
                    .map_err(|error| PluginError::NotAComponent(format!("{error:#}")))?;
                if let Some(cache) = cache {
                    cache.keep(&self.engine, hash, &component);
                }
                component
            }
        };
        let pre = self
            .linker
            .instantiate_pre(&component)
            .map_err(|error| PluginError::NotAComponent(format!("{error:#}")))?;
        let text = call(&self.engine, &self.pace, &pre, Limits::DESCRIBING, DESCRIBE, None).result;
        let (descriptor, version) = manifest::read(&text.map_err(PluginError::Describe)?)?;
        let limits = limits_of(&descriptor.name);
        Ok(Arc::new(Plugin {
            descriptor,
            version,
            hash,
            limits,
            pre,
            engine: self.engine.clone(),
            pace: Arc::clone(&self.pace),
            own_runs: Arc::new(Semaphore::new(limits.concurrent_runs_max)),
            all_runs: Arc::clone(&self.runs),
        }))
    }
}

impl Plugin {
    /// Who it says it is.
    #[must_use]
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its descriptor's version.
    #[must_use]
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// Which file it is.
    #[must_use]
    pub const fn hash(&self) -> PluginHash {
        self.hash
    }

    /// What one run of it may take.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// How many runs of it are under way.
    #[must_use]
    pub fn runs_under_way(&self) -> usize {
        self.limits.concurrent_runs_max.saturating_sub(self.own_runs.available_permits())
    }

    /// Waits until a run may begin. Its own places come first, so that a plugin that spins in all of them
    /// waits for itself and not in the others' way.
    pub async fn places(&self) -> Places {
        // Neither is ever closed.
        let own = Arc::clone(&self.own_runs).acquire_owned().await.ok();
        let all = Arc::clone(&self.all_runs).acquire_owned().await.ok();
        Places { _own: own, _all: all }
    }

    /// Runs it once. Computes for as long as its limits allow: not on a thread that serves others.
    #[must_use]
    pub fn run(&self, ask: &Ask) -> Ran<Reply> {
        match serde_json::to_string(ask) {
            Ok(ask) => self.run_text(&ask),
            Err(error) => Ran { result: Err(RunFault::Unreadable(error.to_string())), log: vec![] },
        }
    }

    /// [`Plugin::run`] with an ask that is written already.
    #[must_use]
    pub fn run_text(&self, ask: &str) -> Ran<Reply> {
        let Ran { result, log } = call(&self.engine, &self.pace, &self.pre, self.limits, RUN, Some(ask));
        let result = result.and_then(|text| {
            serde_json::from_str(&text).map_err(|error| RunFault::Unreadable(error.to_string()))
        });
        Ran { result, log }
    }
}

impl fmt::Display for Plugin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "plugin {} {}", self.descriptor.name, self.descriptor.version)
    }
}

fn log(mut context: StoreContextMut<'_, Instance>, (line,): (WasmStr,)) -> wasmtime::Result<()> {
    let limits = context.data().limits;
    if context.data().log.len() >= limits.log_lines_max {
        return Ok(());
    }
    let line = line.to_str(&context)?;
    // Only what is kept is copied.
    let line = line[..line.floor_char_boundary(limits.log_line_bytes_max)].to_owned();
    context.data_mut().log.push(line);
    Ok(())
}

fn call(
    engine: &Engine,
    pace: &Arc<Pace>,
    pre: &InstancePre<Instance>,
    limits: Limits,
    function: &str,
    ask: Option<&str>,
) -> Ran<String> {
    let turn = Turn::begin(pace, limits.run_ms_max);
    let instance = Instance { limits, turn, memory_bytes: 0, memory_refused: false, log: Vec::new() };
    let mut store = Store::new(engine, instance);
    store.limiter(|instance| instance);
    store.set_epoch_deadline(Turn::first_ticks(limits.run_ms_max));
    store.epoch_deadline_callback(|mut context| match context.data_mut().turn.pause() {
        None => Ok(UpdateDeadline::Interrupt),
        Some(pause) => {
            std::thread::sleep(pause);
            Ok(UpdateDeadline::Continue(1))
        }
    });
    let result = store
        .set_fuel(limits.fuel_max)
        .and_then(|()| in_store(&mut store, pre, function, ask, limits.output_bytes_max));
    let memory_refused = store.data().memory_refused;
    let log = std::mem::take(&mut store.data_mut().log);
    let result = match result {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(RunFault::TooLong(limits.output_bytes_max)),
        Err(error) => Err(fault(&error, limits, memory_refused)),
    };
    Ran { result, log }
}

fn fault(error: &wasmtime::Error, limits: Limits, memory_refused: bool) -> RunFault {
    if error.is::<PoolConcurrencyLimitError>() {
        return RunFault::NoRoom(error.root_cause().to_string());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => RunFault::OutOfTime(limits.run_ms_max),
        Some(Trap::OutOfFuel) => RunFault::OutOfFuel(limits.fuel_max),
        Some(Trap::StackOverflow) => RunFault::StackOverflow,
        _ if memory_refused => RunFault::OutOfMemory(limits.memory_bytes_max),
        Some(trap) => RunFault::Trapped(trap.to_string().replace("wasm trap: ", "")),
        None => RunFault::Trapped(error.root_cause().to_string()),
    }
}

fn in_store(
    store: &mut Store<Instance>,
    pre: &InstancePre<Instance>,
    function: &str,
    ask: Option<&str>,
    output_bytes_max: usize,
) -> wasmtime::Result<Option<String>> {
    let instance = pre.instantiate(&mut *store)?;
    // Copied, not borrowed: by the time a call returns, the guest may have freed what it returned.
    let (text,) = match ask {
        Some(ask) => {
            instance.get_typed_func::<(&str,), (String,)>(&mut *store, function)?.call(&mut *store, (ask,))?
        }
        None => instance.get_typed_func::<(), (String,)>(&mut *store, function)?.call(&mut *store, ())?,
    };
    Ok((text.len() <= output_bytes_max).then_some(text))
}
