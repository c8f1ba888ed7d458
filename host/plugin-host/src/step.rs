//! One step: a short burst of computing on a fresh instance that is thrown away.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tillgate_application::ports::{PluginFault, PluginInfo};
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder, Trap};

use crate::limits;
use crate::load::LoadedPlugin;
use crate::manifest::Limits;
use crate::text::cut;

/// How much a line of a plugin matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
}

/// What belongs to one step.
pub(crate) struct StepState {
    limits: StoreLimits,
    lines: Vec<(LogLevel, String)>,
}

impl StepState {
    /// Takes a line, as long as there is room for it.
    pub(crate) fn log(&mut self, level: LogLevel, message: String) {
        if self.lines.len() < limits::LOG_LINES {
            self.lines.push((level, cut(message, limits::LOG_LINE_BYTES)));
        }
    }
}

/// A fault of a plugin.
pub(crate) fn fault(
    plugin: &PluginInfo,
    operation: &str,
    kind: &'static str,
    message: impl Into<String>,
) -> Box<PluginFault> {
    Box::new(PluginFault {
        plugin: plugin.name.clone(),
        version: plugin.version.clone(),
        digest: plugin.digest.clone(),
        operation: operation.to_owned(),
        kind: kind.to_owned(),
        message: cut(message.into(), limits::FAULT_BYTES),
    })
}

/// Runs one step: `call` calls an export of the fresh instance.
pub(crate) fn run<T>(
    plugin: &LoadedPlugin,
    operation: &str,
    call: impl FnOnce(&mut Store<StepState>, &Instance) -> wasmtime::Result<T>,
) -> Result<T, Box<PluginFault>> {
    // A panic of the host's side of a step must harm this step alone. Everything it touched is thrown away.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut store = new_store(&plugin.pre, &plugin.manifest.limits)?;
        let result = plugin
            .pre
            .instantiate(&mut store)
            .and_then(|instance| call(&mut store, &instance));
        emit(&plugin.info, operation, &store.data().lines);
        result
    }));
    match ended {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(fault(&plugin.info, operation, kind_of(&error), format!("{error:#}"))),
        Err(_) => Err(fault(
            &plugin.info,
            operation,
            "trapped",
            "the host panicked while it ran the step",
        )),
    }
}

/// How a step ended otherwise than with an answer.
fn kind_of(error: &wasmtime::Error) -> &'static str {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "out_of_fuel",
        Some(Trap::Interrupt) => "timed_out",
        Some(_) => "trapped",
        // wasmtime gives this error no type of its own.
        None if error.root_cause().to_string().contains("fuel allocated for hostcalls") => "result_too_large",
        // Memory it may not have, and answers that aren't what the contract says.
        None => "trapped",
    }
}

/// A fresh store, with all that bounds a step.
pub(crate) fn new_store(pre: &InstancePre<StepState>, wanted: &Limits) -> wasmtime::Result<Store<StepState>> {
    let store_limits = StoreLimitsBuilder::new()
        .memory_size(wanted.memory)
        .table_elements(limits::TABLE_ELEMENTS)
        .memories(1)
        .tables(limits::TABLES as usize)
        .instances(limits::CORE_INSTANCES as usize)
        .trap_on_grow_failure(true)
        .build();
    let state = StepState {
        limits: store_limits,
        lines: Vec::new(),
    };
    let mut store = Store::new(pre.engine(), state);
    store.limiter(|state| &mut state.limits);
    store.set_fuel(wanted.fuel)?;
    let ticks = limits::STEP_TIME.as_millis() / limits::EPOCH_INTERVAL.as_millis();
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX));
    store.epoch_deadline_trap();
    store.set_hostcall_fuel(limits::RESULT_BYTES_MAX);
    store.set_max_component_handles(limits::HANDLES);
    Ok(store)
}

/// Hands a step's lines to the log, escaped: a plugin's words can't pretend to be another line of it.
fn emit(plugin: &PluginInfo, operation: &str, lines: &[(LogLevel, String)]) {
    macro_rules! line {
        ($level:ident, $line:expr) => {
            tracing::$level!(
                plugin = %plugin.name,
                version = %plugin.version,
                digest = %plugin.digest,
                operation,
                "plugin: {}",
                $line.escape_debug()
            )
        };
    }
    for (level, text) in lines {
        match level {
            LogLevel::Debug => line!(debug, text),
            LogLevel::Info => line!(info, text),
            LogLevel::Warn => line!(warn, text),
        }
    }
}
