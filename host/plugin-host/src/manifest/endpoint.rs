//! Endpoints: where a plugin may send. A host can be a template of settings.

use serde::Deserialize;
use tillgate_domain::Mode;
use tillgate_egress as egress;

use super::PerMode;

/// Labels at the end of a host that a template has to spell out, so that no setting can choose whose host it is.
const LITERAL_LABELS: usize = 2;

/// Where it may send.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Endpoint {
    pub(crate) host: PerMode<String>,
    #[serde(default)]
    pub(crate) path_prefix: String,
    pub(crate) port: Option<u16>,
}

/// A part of a template.
enum Piece<'a> {
    Text(&'a str),
    Setting(&'a str),
}

impl Endpoint {
    /// The endpoint of a mode, with the settings put in.
    ///
    /// # Errors
    /// A setting that is missing, or that isn't a part of a host's label.
    pub(crate) fn resolve(
        &self,
        mode: Mode,
        setting: impl Fn(&str) -> Option<String>,
    ) -> Result<egress::Endpoint, String> {
        let mut host = String::new();
        for piece in pieces(self.host.get(mode))? {
            match piece {
                Piece::Text(text) => host.push_str(text),
                Piece::Setting(name) => {
                    let value = setting(name).ok_or_else(|| format!("setting {name} is missing"))?;
                    let in_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                    if value.is_empty() || !value.chars().all(in_label) {
                        return Err(format!("setting {name} must be of a-z 0-9 - to be part of a host"));
                    }
                    host.push_str(&value);
                }
            }
        }
        egress::Endpoint::https(&host, self.port, &self.path_prefix).map_err(|error| error.to_string())
    }

    /// The settings its hosts name.
    ///
    /// # Errors
    /// A template that can't be read, or that leaves open whose host it is.
    pub(crate) fn settings(&self) -> Result<Vec<&str>, String> {
        let mut names = Vec::new();
        for mode in [Mode::Live, Mode::Test] {
            let template = self.host.get(mode);
            for piece in pieces(template)? {
                if let Piece::Setting(name) = piece {
                    names.push(name);
                }
            }
            let end: Vec<&str> = template.rsplit('.').take(LITERAL_LABELS).collect();
            if end.iter().any(|label| label.contains(['{', '}'])) {
                return Err("a setting can't be in the last two labels of a host".to_owned());
            }
        }
        Ok(names)
    }
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| format!("{template:?} has {{ without }}"))?;
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Setting(name));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}
