//! The engine: one for all plugins, set up so that a fresh instance costs microseconds and nothing is shared.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy, PoolingAllocationConfig};

use crate::grants::Grants;
use crate::limits;

/// The whole version of the code generator: by itself the artifacts of another patch, with other bugs, would load.
const CODE_VERSION: &str = concat!("wasmtime-48.0.8/tillgate-", env!("CARGO_PKG_VERSION"));

/// Makes the engine.
pub(crate) fn new_engine(grants: &Grants) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(grants)))
        .consume_fuel(true)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .concurrency_support(false)
        // The same input gives the same output, on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        // What no plugin needs isn't there to be wrong.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .max_wasm_stack(limits::STACK_BYTES)
        // Explicit bounds checks instead of guard pages: no mprotect at each instance, so that two cores do twice the
        // work, and no terabytes of address space.
        .signals_based_traps(false)
        .memory_guard_size(0)
        .memory_reservation(grants.memory_bytes as u64)
        .module_version(ModuleVersionStrategy::Custom(CODE_VERSION.to_owned()))?;
    Engine::new(&config)
}

fn pool(grants: &Grants) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits::INSTANCES)
        .total_core_instances(limits::INSTANCES * limits::CORE_INSTANCES)
        .total_memories(limits::INSTANCES)
        .total_tables(limits::INSTANCES * limits::TABLES)
        .max_memory_size(grants.memory_bytes)
        .table_elements(limits::TABLE_ELEMENTS)
        .max_core_instances_per_component(limits::CORE_INSTANCES)
        .max_memories_per_component(1)
        .max_tables_per_component(limits::TABLES)
        // Together these two save the system calls that otherwise dominate a fresh instance.
        .linear_memory_keep_resident(limits::KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto)
        .table_keep_resident(limits::TABLE_KEEP_RESIDENT_BYTES)
        .decommit_batch_size(limits::DECOMMIT_BATCH);
    pool
}

/// Advances the engine's epoch until it is dropped: the clock behind the fuel.
pub(crate) struct Ticker {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let ending = Arc::new(AtomicBool::new(false));
        let (ended, weak) = (Arc::clone(&ending), engine.weak());
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                std::thread::park_timeout(limits::EPOCH_INTERVAL);
                match weak.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })?;
        Ok(Self {
            ending,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends within an interval; a panic in it has nothing left to harm.
            let _ended = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CODE_VERSION;

    #[test]
    fn the_code_version_is_that_of_the_pinned_generator() {
        let workspace = include_str!("../../../Cargo.toml");
        let (_, rest) = workspace.split_once("wasmtime = { version = \"=").unwrap();
        let (pinned, _) = rest.split_once('"').unwrap();
        assert!(
            CODE_VERSION.starts_with(&format!("wasmtime-{pinned}/")),
            "{CODE_VERSION}"
        );
    }
}
