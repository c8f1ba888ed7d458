//! Performs one exchange: what a plugin asked for by name becomes a request, within manifest and policy.

use std::time::Duration;

use bytes::Bytes;
use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{ExchangeMethod, ExchangeOutcome, ExchangeRequest, Reached, Secret};
use tillgate_egress as egress;
use tillgate_egress::OriginOverrides;

use crate::limits::BODY_BYTES_MAX;
use crate::manifest::{Credential, Manifest, fill};

/// The way out, for one host.
pub(crate) struct Exchanger {
    pub(crate) client: egress::Client,
    pub(crate) origin_overrides: OriginOverrides,
    pub(crate) timeout: Duration,
}

/// A request that may not be sent, and why. Nothing was.
pub(crate) type RequestRefused = String;

impl Exchanger {
    /// Checks a request, and makes of it what egress sends.
    pub(crate) fn prepare(
        &self,
        manifest: &Manifest,
        account: &ConnectedAccount,
        request: &ExchangeRequest,
    ) -> Result<egress::Request, RequestRefused> {
        if request.body.as_ref().is_some_and(|body| body.len() > BODY_BYTES_MAX) {
            return Err(format!("the request's body is larger than {BODY_BYTES_MAX} bytes"));
        }
        Ok(egress::Request {
            method: match request.method {
                ExchangeMethod::Get => http::Method::GET,
                ExchangeMethod::Post => http::Method::POST,
                ExchangeMethod::Put => http::Method::PUT,
                ExchangeMethod::Patch => http::Method::PATCH,
                ExchangeMethod::Delete => http::Method::DELETE,
            },
            endpoint: self.endpoint(manifest, account, &request.endpoint)?,
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone().map(Bytes::from),
            credential: match &request.credential {
                None => None,
                Some(name) => Some(credential(manifest, account, name, &request.endpoint)?),
            },
            timeout: self.timeout,
            pool: egress::PoolKey::new(format!("{}/{}", account.account.tenant_id, account.account.id)),
        })
    }

    fn endpoint(
        &self,
        manifest: &Manifest,
        account: &ConnectedAccount,
        name: &str,
    ) -> Result<egress::Endpoint, RequestRefused> {
        let declared = manifest
            .endpoints
            .get(name)
            .ok_or_else(|| format!("the manifest has no endpoint {name:?}"))?;
        let overridden = account
            .account
            .endpoint_overrides
            .iter()
            .find(|(given, _)| given == name);
        let endpoint = match overridden {
            Some((_, origin)) => egress::Endpoint::from_override(origin, &declared.path_prefix, &self.origin_overrides),
            None => {
                let setting = |wanted: &str| {
                    let found = account.account.settings.iter().find(|(given, _)| given == wanted);
                    found.map(|(_, value)| value.clone()).unwrap_or_default()
                };
                let host = fill(declared.host.for_mode(account.mode), setting);
                egress::Endpoint::https(&host, declared.port, &declared.path_prefix)
            }
        };
        endpoint.map_err(|error| format!("endpoint {name}: {error}"))
    }

    /// Sends a request that was prepared.
    pub(crate) async fn send(&self, request: egress::Request) -> Result<ExchangeOutcome, RequestRefused> {
        match self.client.send(request).await {
            Ok(response) => Ok(ExchangeOutcome::Response {
                status: response.status,
                headers: response.headers,
                body: response.body.to_vec(),
            }),
            Err(egress::SendError::Failed(failure)) => Ok(ExchangeOutcome::Failed {
                reached: match failure.stage {
                    egress::Stage::NotSent => Reached::NotSent,
                    egress::Stage::MaybeSent => Reached::MaybeSent,
                    egress::Stage::Sent => Reached::Sent,
                },
                kind: failure.kind.name().to_owned(),
                message: failure.message,
            }),
            Err(egress::SendError::Refused(refused)) => Err(refused.to_string()),
        }
    }
}

fn credential(
    manifest: &Manifest,
    account: &ConnectedAccount,
    name: &str,
    endpoint: &str,
) -> Result<egress::Credential, RequestRefused> {
    let declared = manifest
        .credentials
        .get(name)
        .ok_or_else(|| format!("the manifest has no credential {name:?}"))?;
    if !declared.endpoints().iter().any(|bound| bound == endpoint) {
        return Err(format!("credential {name} isn't bound to endpoint {endpoint}"));
    }
    let newest = |secret: &String| {
        account
            .secrets
            .get(secret)
            .and_then(|active| active.first())
            .map(|secret| egress::SecretText::new(Secret::expose(secret)))
            .ok_or_else(|| format!("the account has no secret {secret}"))
    };
    Ok(match declared {
        Credential::Bearer { secret, .. } => egress::Credential::Bearer {
            secret: newest(secret)?,
        },
        Credential::Header { name, secret, .. } => egress::Credential::Header {
            name: name.clone(),
            secret: newest(secret)?,
        },
        Credential::Query { name, secret, .. } => egress::Credential::Query {
            name: name.clone(),
            secret: newest(secret)?,
        },
        Credential::Basic {
            username,
            username_secret,
            secret,
            ..
        } => egress::Credential::Basic {
            username: match (username, username_secret) {
                (Some(name), _) => egress::SecretText::new(name.as_str()),
                (None, Some(secret)) => newest(secret)?,
                (None, None) => egress::SecretText::new(""),
            },
            password: secret
                .as_ref()
                .map_or_else(|| Ok(egress::SecretText::new("")), newest)?,
        },
    })
}
