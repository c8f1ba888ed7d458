//! What a person or a script sees on the terminal.

use std::io::IsTerminal as _;

use serde_json::Value;
use tillgate_telemetry::Traces;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::Failure;
use crate::config::{ConfigError, Log, LogFormat};

/// Writes the log to standard error, and hands spans to whoever exports them.
///
/// Spans of ours are kept whatever the level is: a warning says in which request and operation it came about.
pub(crate) fn log_to_stderr(log: &Log, traces: Option<&Traces>) -> Result<(), Failure> {
    let lines = EnvFilter::try_new(&log.level).map_err(|error| ConfigError::Key {
        key: "log.level".to_owned(),
        reason: error.to_string(),
    })?;
    let spans_of_ours = filter_fn(|metadata| {
        metadata.is_span() && metadata.target().starts_with("tillgate") && *metadata.level() <= Level::INFO
    });
    let written = fmt::layer().with_writer(std::io::stderr);
    let written = match log.format {
        LogFormat::Text => written.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => written.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(written.with_filter(lines.or(spans_of_ours)))
        .with(traces.map(Traces::layer))
        .init();
    Ok(())
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Said(error.to_string()))?;
    println!("{text}");
    Ok(())
}

/// Prints rows of text under headings, aligned; or what to do where there are none.
pub(crate) fn print_table(headings: &[&str], rows: &[Vec<String>], empty: &str) {
    if rows.is_empty() {
        println!("{empty}");
        return;
    }
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("{}", padded.join("  ").trim_end());
    };
    line(&mut headings.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

/// Prints one object, a line a field.
pub(crate) fn print_fields(value: &impl serde::Serialize) {
    let Ok(Value::Object(fields)) = serde_json::to_value(value) else {
        return;
    };
    let width = fields.keys().map(|key| key.chars().count()).max().unwrap_or_default();
    for (key, value) in &fields {
        let text = match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        println!("{key:<width$}  {text}");
    }
}
