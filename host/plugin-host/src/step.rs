//! One step: a short burst of computing on a fresh instance that is thrown away.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tillgate_application::ports::PluginFault;
use wasmtime::component::Instance;
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder, Trap};

use crate::contract::v0_1::{cut, log, types};
use crate::limits;
use crate::load::LoadedPlugin;

/// What belongs to one step.
pub(crate) struct StepState {
    limits: StoreLimits,
    lines: Vec<(log::Level, String)>,
}

impl types::Host for StepState {}

impl log::Host for StepState {
    fn write(&mut self, level: log::Level, message: String) {
        if self.lines.len() < limits::LOG_LINES {
            self.lines.push((level, cut(message, limits::LOG_LINE_BYTES)));
        }
    }
}

/// How a step ended otherwise than with an answer.
fn kind_of(error: &wasmtime::Error) -> &'static str {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "out_of_fuel",
        Some(Trap::Interrupt) => "timed_out",
        Some(_) => "trapped",
        None if format!("{error:#}").contains("fuel allocated for hostcalls") => "result_too_large",
        None => "trapped",
    }
}

/// A fault of a plugin.
pub(crate) fn fault(
    plugin: &LoadedPlugin,
    operation: &str,
    kind: &'static str,
    message: impl Into<String>,
) -> Box<PluginFault> {
    Box::new(PluginFault {
        plugin: plugin.info.name.clone(),
        version: plugin.info.version.clone(),
        digest: plugin.info.digest.clone(),
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
        let mut store = new_store(plugin)?;
        let result = plugin
            .pre
            .instantiate(&mut store)
            .and_then(|instance| call(&mut store, &instance));
        let lines = std::mem::take(&mut store.data_mut().lines);
        emit(plugin, operation, &lines);
        result
    }));
    match ended {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(fault(plugin, operation, kind_of(&error), format!("{error:#}"))),
        Err(_) => Err(fault(
            plugin,
            operation,
            "trapped",
            "the host panicked while it ran the step",
        )),
    }
}

fn new_store(plugin: &LoadedPlugin) -> wasmtime::Result<Store<StepState>> {
    let wanted = &plugin.manifest.limits;
    let store_limits = StoreLimitsBuilder::new()
        .memory_size(wanted.memory)
        .table_elements(limits::TABLE_ELEMENTS)
        .memories(1)
        .instances(limits::CORE_INSTANCES)
        .trap_on_grow_failure(true)
        .build();
    let mut store = Store::new(
        plugin.pre.engine(),
        StepState {
            limits: store_limits,
            lines: Vec::new(),
        },
    );
    store.limiter(|state| &mut state.limits);
    store.set_fuel(wanted.fuel)?;
    let ticks = limits::STEP_TIME.as_millis() / limits::EPOCH_INTERVAL.as_millis();
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX));
    store.epoch_deadline_trap();
    store.set_hostcall_fuel(limits::RESULT_BYTES_MAX);
    store.set_max_component_handles(limits::HANDLES);
    Ok(store)
}

fn emit(plugin: &LoadedPlugin, operation: &str, lines: &[(log::Level, String)]) {
    for (level, line) in lines {
        // A plugin's words can't pretend to be another line of the log.
        let line = line.escape_debug();
        let (plugin, version) = (&plugin.info.name, &plugin.info.version);
        match level {
            log::Level::Debug => tracing::debug!(%plugin, %version, operation, "plugin: {line}"),
            log::Level::Info => tracing::info!(%plugin, %version, operation, "plugin: {line}"),
            log::Level::Warn => tracing::warn!(%plugin, %version, operation, "plugin: {line}"),
        }
    }
}
