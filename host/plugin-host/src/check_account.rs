//! Checks what an operator gives for an account against the plugin's manifest. No message holds a secret.

#[cfg(test)]
mod tests;

use tillgate_application::ports::{AccountInput, InvalidField};
use tillgate_egress::{Endpoint, OriginOverrides};

use crate::manifest::{KeyForm, Manifest, Secret};

/// All that is wrong with it.
pub(crate) fn check_account(
    manifest: &Manifest,
    overrides: &OriginOverrides,
    input: &AccountInput<'_>,
) -> Vec<InvalidField> {
    let mut wrong = Vec::new();
    check_secrets(manifest, input, &mut wrong);
    check_settings(manifest, input, &mut wrong);
    check_overrides(manifest, overrides, input, &mut wrong);
    check_hosts(manifest, input, &mut wrong);
    wrong
}

fn invalid(table: &str, name: &str, message: impl Into<String>) -> InvalidField {
    InvalidField {
        field: format!("{table}.{name}"),
        message: message.into(),
    }
}

fn none_such<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        return format!("the plugin has no {what}s");
    }
    format!("the plugin has no such {what}; it has {}", names.join(", "))
}

fn check_secrets(manifest: &Manifest, input: &AccountInput<'_>, wrong: &mut Vec<InvalidField>) {
    for (name, secret) in input.secrets {
        let checked = match manifest.secrets.get(name) {
            None => Err(none_such("secret", manifest.secrets.keys())),
            Some(declared) => check_secret(declared, input, secret.expose()),
        };
        wrong.extend(checked.err().map(|message| invalid("secrets", name, message)));
    }
    for (name, declared) in &manifest.secrets {
        if input.complete && declared.required && !input.secrets.iter().any(|(given, _)| given == name) {
            wrong.push(invalid(
                "secrets",
                name,
                format!("is required: {}", declared.description),
            ));
        }
    }
}

/// Nothing of the text gets into the message.
fn check_secret(declared: &Secret, input: &AccountInput<'_>, text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("must not be blank".to_owned());
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err("must not have white space around it, or control characters".to_owned());
    }
    let prefixes = declared.prefixes.get(input.mode);
    let prefix = declared.prefix_of(input.mode, text);
    if !prefixes.is_empty() && prefix.is_none() {
        let (mode, prefixes) = (input.mode.as_str(), prefixes.join(" or "));
        return Err(format!("must begin with {prefixes} for a tenant in {mode} mode"));
    }
    if prefix.is_some_and(|prefix| prefix == text) {
        return Err("must be more than its prefix".to_owned());
    }
    if declared.key_of(input.mode, text).is_none() {
        return Err(match declared.key {
            KeyForm::Base64 => "must be base64, after its prefix".to_owned(),
            KeyForm::Hex => "must be hex".to_owned(),
            KeyForm::Utf8 | KeyForm::Sha1 => "must not be blank".to_owned(),
        });
    }
    Ok(())
}

fn check_settings(manifest: &Manifest, input: &AccountInput<'_>, wrong: &mut Vec<InvalidField>) {
    for (name, value) in input.settings {
        let checked = match manifest.settings.get(name) {
            None => Err(none_such("setting", manifest.settings.keys())),
            Some(setting) => setting.check(value),
        };
        wrong.extend(checked.err().map(|message| invalid("settings", name, message)));
    }
    for (name, setting) in &manifest.settings {
        if setting.required && !input.settings.iter().any(|(given, _)| given == name) {
            wrong.push(invalid(
                "settings",
                name,
                format!("is required: {}", setting.description),
            ));
        }
    }
}

fn check_overrides(
    manifest: &Manifest,
    overrides: &OriginOverrides,
    input: &AccountInput<'_>,
    wrong: &mut Vec<InvalidField>,
) {
    for (name, origin) in input.endpoint_overrides {
        let checked = match manifest.endpoints.get(name) {
            None => Err(none_such("endpoint", manifest.endpoints.keys())),
            Some(endpoint) => Endpoint::from_override(origin, &endpoint.path_prefix, overrides)
                .map(drop)
                .map_err(|error| error.to_string()),
        };
        wrong.extend(
            checked
                .err()
                .map(|message| invalid("endpoint_overrides", name, message)),
        );
    }
}

/// Whether the settings make hosts of the templates, once each of them is good by itself.
fn check_hosts(manifest: &Manifest, input: &AccountInput<'_>, wrong: &mut Vec<InvalidField>) {
    if !wrong.is_empty() {
        return;
    }
    for (name, endpoint) in &manifest.endpoints {
        let resolved = endpoint.resolve(input.mode, |wanted| {
            let found = input.settings.iter().find(|(given, _)| given == wanted);
            found.map(|(_, value)| value.clone())
        });
        wrong.extend(resolved.err().map(|message| InvalidField {
            field: "settings".to_owned(),
            message: format!("they make no host for endpoint {name}: {message}"),
        }));
    }
}
