//! What a manifest that can be read may still have wrong. Each error names its key.

use super::{Endpoint, Manifest, pattern};
use crate::limits::{DESCRIPTION_BYTES, NAME_BYTES, TITLE_BYTES, VERSION_BYTES};

pub(super) fn check(manifest: &Manifest) -> Result<(), String> {
    check_plugin(manifest)?;
    check_names(manifest)?;
    for (name, endpoint) in &manifest.endpoints {
        check_endpoint(manifest, endpoint).map_err(|(key, reason)| format!("endpoints.{name}{key}: {reason}"))?;
    }
    check_secrets(manifest)?;
    check_credentials(manifest)?;
    check_settings(manifest)?;
    if manifest.limits.fuel == 0 {
        return Err("limits.fuel: must be at least 1".to_owned());
    }
    if manifest.limits.memory == 0 {
        return Err("limits.memory: must be at least 1".to_owned());
    }
    Ok(())
}

fn check_plugin(manifest: &Manifest) -> Result<(), String> {
    let plugin = &manifest.plugin;
    if !is_name(&plugin.name, '-') {
        return Err(format!(
            "plugin.name: {:?} must be a letter and up to 39 of a-z 0-9 -",
            plugin.name
        ));
    }
    if plugin.version.len() > VERSION_BYTES {
        return Err(format!("plugin.version: must be at most {VERSION_BYTES} bytes"));
    }
    semver::Version::parse(&plugin.version)
        .map_err(|error| format!("plugin.version: {:?}: {error}", plugin.version))?;
    if plugin.title.trim().is_empty() {
        return Err("plugin.title: must not be blank".to_owned());
    }
    check_text("plugin.title", &plugin.title, TITLE_BYTES)?;
    check_text("plugin.description", &plugin.description, DESCRIPTION_BYTES)
}

/// These are printed in tables and logs.
fn check_text(key: &str, text: &str, most: usize) -> Result<(), String> {
    if text.len() > most || text.chars().any(char::is_control) {
        return Err(format!(
            "{key}: must be at most {most} bytes, without control characters"
        ));
    }
    Ok(())
}

fn check_names(manifest: &Manifest) -> Result<(), String> {
    let names = (manifest.endpoints.keys().map(|name| ("endpoints", name)))
        .chain(manifest.secrets.keys().map(|name| ("secrets", name)))
        .chain(manifest.credentials.keys().map(|name| ("credentials", name)))
        .chain(manifest.settings.keys().map(|name| ("settings", name)));
    for (table, name) in names {
        if !is_name(name, '_') {
            return Err(format!("{table}.{name}: a name is a letter and up to 39 of a-z 0-9 _"));
        }
    }
    Ok(())
}

fn is_name(name: &str, separator: char) -> bool {
    name.len() <= NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}

fn check_endpoint(manifest: &Manifest, endpoint: &Endpoint) -> Result<(), (&'static str, String)> {
    let settings = endpoint.settings().map_err(|reason| (".host", reason))?;
    for name in settings {
        let known = manifest.settings.get(name);
        if known.is_none_or(|setting| setting.pattern.is_none() || !setting.required) {
            let reason = format!("{{{name}}} must be a required setting with a pattern");
            return Err((".host", reason));
        }
    }
    for mode in [tillgate_domain::Mode::Live, tillgate_domain::Mode::Test] {
        // Any label stands for the settings: what they may be is checked when an account gives them.
        let resolved = endpoint.resolve(mode, |_| Some("x".to_owned()));
        resolved.map_err(|reason| ("", reason))?;
    }
    Ok(())
}

fn check_secrets(manifest: &Manifest) -> Result<(), String> {
    for (name, secret) in &manifest.secrets {
        check_text(
            &format!("secrets.{name}.description"),
            &secret.description,
            DESCRIPTION_BYTES,
        )?;
        for mode in [tillgate_domain::Mode::Live, tillgate_domain::Mode::Test] {
            for prefix in secret.prefixes.get(mode) {
                if prefix.is_empty() || prefix.len() > NAME_BYTES || !prefix.chars().all(|c| c.is_ascii_graphic()) {
                    return Err(format!(
                        "secrets.{name}.prefixes: {prefix:?} must be 1 to {NAME_BYTES} visible ASCII characters"
                    ));
                }
            }
        }
    }
    Ok(())
}

fn check_credentials(manifest: &Manifest) -> Result<(), String> {
    for (name, credential) in &manifest.credentials {
        if credential.endpoints().is_empty() {
            return Err(format!("credentials.{name}.endpoints: must name at least one endpoint"));
        }
        let unknown = |endpoint: &&String| !manifest.endpoints.contains_key(*endpoint);
        if let Some(endpoint) = credential.endpoints().iter().find(unknown) {
            return Err(format!("credentials.{name}.endpoints: {endpoint:?} is no endpoint"));
        }
        let unknown = |secret: &&String| !manifest.secrets.contains_key(*secret);
        if let Some(secret) = credential.secrets().into_iter().find(unknown) {
            return Err(format!("credentials.{name}.secret: {secret:?} is no secret"));
        }
        credential
            .check()
            .map_err(|(key, reason)| format!("credentials.{name}.{key}: {reason}"))?;
    }
    Ok(())
}

fn check_settings(manifest: &Manifest) -> Result<(), String> {
    for (name, setting) in &manifest.settings {
        check_text(
            &format!("settings.{name}.description"),
            &setting.description,
            DESCRIPTION_BYTES,
        )?;
        if let Some(pattern) = &setting.pattern {
            pattern::compile(pattern).map_err(|reason| format!("settings.{name}.pattern: {reason}"))?;
        }
    }
    let mut references = manifest
        .settings
        .iter()
        .filter(|(_, setting)| setting.account_reference);
    if let (Some((first, _)), Some((second, _))) = (references.next(), references.next()) {
        return Err(format!(
            "settings.{second}.account-reference: settings.{first} is it already"
        ));
    }
    Ok(())
}
