//! `tillgate plugin`

use std::path::Path;

use tillgate_application::ports::{Capability, PluginInfo};
use tillgate_plugin_host::PluginHost;

use super::wired;
use crate::cli::PluginCommand;
use crate::{Failure, load, output};

pub(crate) async fn plugin(command: PluginCommand) -> Result<(), Failure> {
    match command {
        PluginCommand::Inspect { file, show } => {
            let bytes = read(&file)?;
            let inspection = PluginHost::inspect(&bytes).map_err(|rejected| Failure::Said(rejected.message))?;
            if show.json {
                output::print_json(&inspection)?;
            } else {
                output::print_fields(&inspection);
            }
        }
        PluginCommand::Install { file, config, show } => {
            let bytes = read(&file)?;
            let wired = wired(&load(&config)?).await?;
            let plugin = wired
                .app
                .ports()
                .plugins
                .install(bytes)
                .await
                .map_err(tillgate_application::ApplicationError::from)?;
            if show.json {
                output::print_json(&object(&plugin))?;
            } else {
                println!("Installed {} {} ({}).", plugin.name, plugin.version, plugin.digest);
            }
            wired.database.close().await;
        }
        PluginCommand::List { config, show } => {
            let wired = wired(&load(&config)?).await?;
            let plugins = wired.app.ports().plugins.list();
            for (path, rejected) in &wired.rejected {
                eprintln!("not loaded: {}: {}", path.display(), rejected.message);
            }
            if show.json {
                output::print_json(&plugins.iter().map(object).collect::<Vec<_>>())?;
            } else {
                print_plugins(&plugins);
            }
            wired.database.close().await;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::Said(format!("{}: {error}", file.display())))
}

fn capabilities(plugin: &PluginInfo) -> Vec<&'static str> {
    plugin.capabilities.iter().copied().map(Capability::as_str).collect()
}

fn object(plugin: &PluginInfo) -> serde_json::Value {
    serde_json::json!({
        "digest": plugin.digest, "name": plugin.name, "version": plugin.version, "title": plugin.title,
        "contract": plugin.contract, "capabilities": capabilities(plugin), "endpoints": plugin.endpoints,
        "size_bytes": plugin.size_bytes,
    })
}

fn print_plugins(plugins: &[PluginInfo]) {
    let rows: Vec<Vec<String>> = plugins
        .iter()
        .map(|plugin| {
            vec![
                plugin.name.clone(),
                plugin.version.clone(),
                plugin.contract.clone(),
                capabilities(plugin).join(", "),
                plugin.digest.chars().take(12).collect(),
            ]
        })
        .collect();
    let empty = "No plugins yet. Put components into the directory of plugins, or `tillgate plugin install FILE`.";
    output::print_table(&["NAME", "VERSION", "CONTRACT", "CAPABILITIES", "DIGEST"], &rows, empty);
}
