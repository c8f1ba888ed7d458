//! Checks what an operator gives for an account against the plugin's manifest. No message holds a secret.

use tillgate_application::ports::{AccountInput, InvalidField};
use tillgate_egress::{Endpoint, OriginOverrides};

use crate::manifest::{KeyForm, Manifest, Setting, SettingType, anchored};

/// All that is wrong with it.
pub(crate) fn check_account(
    manifest: &Manifest,
    overrides: &OriginOverrides,
    input: &AccountInput<'_>,
) -> Vec<InvalidField> {
    let mut wrong = Vec::new();
    check_secrets(manifest, input, &mut wrong);
    check_settings(manifest, input, &mut wrong);
    for (name, origin) in input.endpoint_overrides {
        let field = format!("endpoint_overrides.{name}");
        match manifest.endpoints.get(name) {
            None => wrong.push(InvalidField {
                field,
                message: "the plugin has no such endpoint".to_owned(),
            }),
            Some(endpoint) => {
                if let Err(error) = Endpoint::from_override(origin, &endpoint.path_prefix, overrides) {
                    let message = format!("{error}; origins have to be listed in egress.origin_overrides");
                    wrong.push(InvalidField { field, message });
                }
            }
        }
    }
    wrong
}

fn check_secrets(manifest: &Manifest, input: &AccountInput<'_>, wrong: &mut Vec<InvalidField>) {
    let mut say = |name: &str, message: String| {
        wrong.push(InvalidField {
            field: format!("secrets.{name}"),
            message,
        });
    };
    for (name, secret) in input.secrets {
        let Some(declared) = manifest.secrets.get(name) else {
            let known: Vec<&str> = manifest.secrets.keys().map(String::as_str).collect();
            say(
                name,
                format!("the plugin has no such secret; it has {}", known.join(", ")),
            );
            continue;
        };
        let text = secret.expose();
        if text.trim().is_empty() {
            say(name, "must not be blank".to_owned());
            continue;
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            say(
                name,
                "must not have white space around it, or control characters".to_owned(),
            );
            continue;
        }
        let prefixes = declared.prefixes.for_mode(input.mode);
        let matching = prefixes.iter().find(|prefix| text.starts_with(prefix.as_str()));
        if !prefixes.is_empty() && matching.is_none() {
            let mode = input.mode.as_str();
            say(
                name,
                format!("must begin with {} for a tenant in {mode} mode", prefixes.join(" or ")),
            );
            continue;
        }
        let bare = matching.map_or(text, |prefix| &text[prefix.len()..]);
        if bare.is_empty() {
            say(name, "must be more than its prefix".to_owned());
        } else if declared.key == KeyForm::Hex && hex::decode(text).is_err() {
            say(name, "must be in hex".to_owned());
        }
    }
    if input.complete {
        for (name, declared) in &manifest.secrets {
            if declared.required && !input.secrets.iter().any(|(given, _)| given == name) {
                say(name, format!("is required: {}", declared.description));
            }
        }
    }
}

fn check_settings(manifest: &Manifest, input: &AccountInput<'_>, wrong: &mut Vec<InvalidField>) {
    let mut say = |name: &str, message: String| {
        wrong.push(InvalidField {
            field: format!("settings.{name}"),
            message,
        });
    };
    for (name, value) in input.settings {
        match manifest.settings.get(name) {
            None => say(name, "the plugin has no such setting".to_owned()),
            Some(setting) => {
                if let Err(message) = check_setting(setting, value) {
                    say(name, message);
                }
            }
        }
    }
    for (name, setting) in &manifest.settings {
        if setting.required && !input.settings.iter().any(|(given, _)| given == name) {
            say(name, format!("is required: {}", setting.description));
        }
    }
}

fn check_setting(setting: &Setting, value: &str) -> Result<(), String> {
    if value.len() > 1024 || value.chars().any(char::is_control) {
        return Err("must be at most 1024 bytes, without control characters".to_owned());
    }
    match setting.kind {
        SettingType::Integer if value.parse::<i64>().is_err() => return Err("must be a whole number".to_owned()),
        SettingType::Boolean if !matches!(value, "true" | "false") => return Err("must be true or false".to_owned()),
        _ => {}
    }
    match &setting.pattern {
        Some(pattern) if !anchored(pattern)?.is_match(value) => Err(format!("must match {pattern}")),
        _ => Ok(()),
    }
}
