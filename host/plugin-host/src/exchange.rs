//! Performs one exchange: what a plugin asked for by name becomes a request, within manifest and policy.

use std::time::Duration;

use bytes::Bytes;
use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{ExchangeMethod, ExchangeOutcome, ExchangeRequest, Reached, Secret};
use tillgate_egress as egress;
use tillgate_egress::OriginOverrides;

use crate::guard::Guards;
use crate::limits::BODY_BYTES_MAX;
use crate::manifest::{Credential, Manifest};

/// A request that may not be sent, and why. Nothing was.
pub(crate) type RequestRefused = String;

/// The way out, as an operation sees it.
pub(crate) trait Outside: Sync {
    /// A request that may be sent.
    type Prepared: Send;

    /// Checks a request. Nothing is sent yet.
    fn prepare(&self, request: &ExchangeRequest) -> Result<Self::Prepared, RequestRefused>;

    /// On whose account, for the log and for traces.
    fn account(&self) -> Option<&ConnectedAccount> {
        None
    }

    /// Sends a request that was prepared, once.
    fn send(&self, prepared: Self::Prepared) -> impl Future<Output = Result<ExchangeOutcome, RequestRefused>> + Send;
}

/// The way out, for one host.
pub(crate) struct Exchanger {
    pub(crate) client: egress::Client,
    pub(crate) origin_overrides: OriginOverrides,
    pub(crate) timeout: Duration,
    pub(crate) guards: Guards,
}

/// The way out, for one account.
pub(crate) struct AccountExchanger<'a> {
    pub(crate) exchanger: &'a Exchanger,
    pub(crate) manifest: &'a Manifest,
    pub(crate) account: &'a ConnectedAccount,
}

impl Outside for AccountExchanger<'_> {
    type Prepared = egress::Request;

    fn prepare(&self, request: &ExchangeRequest) -> Result<egress::Request, RequestRefused> {
        if request.body.as_ref().is_some_and(|body| body.len() > BODY_BYTES_MAX) {
            return Err(format!("the request's body is larger than {BODY_BYTES_MAX} bytes"));
        }
        let credential = match &request.credential {
            None => None,
            Some(name) => Some(credential(self.manifest, self.account, name, &request.endpoint)?),
        };
        let account = &self.account.account;
        Ok(egress::Request {
            method: method(request.method),
            endpoint: self.endpoint(&request.endpoint)?,
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone().map(Bytes::from),
            credential,
            timeout: self.exchanger.timeout,
            pool: egress::PoolKey::new(format!("{}/{}", account.tenant_id, account.id)),
        })
    }

    fn account(&self) -> Option<&ConnectedAccount> {
        Some(self.account)
    }

    async fn send(&self, request: egress::Request) -> Result<ExchangeOutcome, RequestRefused> {
        let account = self.account.account.id.to_string();
        let host = format!("{}:{}", request.endpoint.host(), request.endpoint.port());
        let passage = match self.exchanger.guards.enter(&account, &host).await {
            Ok(passage) => passage,
            Err(refusal) => {
                return Ok(ExchangeOutcome::Failed {
                    reached: Reached::NotSent,
                    kind: refusal.kind.to_owned(),
                    message: refusal.message,
                });
            }
        };
        let outcome = self.sent(request).await?;
        passage.ended(&outcome);
        Ok(outcome)
    }
}

impl AccountExchanger<'_> {
    async fn sent(&self, request: egress::Request) -> Result<ExchangeOutcome, RequestRefused> {
        match self.exchanger.client.send(request).await {
            Ok(response) => Ok(ExchangeOutcome::Response {
                status: response.status,
                headers: response.headers,
                body: response.body.into(),
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

    fn endpoint(&self, name: &str) -> Result<egress::Endpoint, RequestRefused> {
        let account = &self.account.account;
        let declared = self
            .manifest
            .endpoints
            .get(name)
            .ok_or_else(|| format!("the manifest has no endpoint {name:?}"))?;
        let overridden = account.endpoint_overrides.iter().find(|(given, _)| given == name);
        let endpoint = match overridden {
            Some((_, origin)) => {
                let allowed = &self.exchanger.origin_overrides;
                egress::Endpoint::from_override(origin, &declared.path_prefix, allowed)
                    .map_err(|error| error.to_string())
            }
            None => declared.resolve(self.account.mode, |wanted| {
                let found = account.settings.iter().find(|(given, _)| given == wanted);
                found.map(|(_, value)| value.clone())
            }),
        };
        endpoint.map_err(|error| format!("endpoint {name}: {error}"))
    }
}

fn method(method: ExchangeMethod) -> http::Method {
    match method {
        ExchangeMethod::Get => http::Method::GET,
        ExchangeMethod::Post => http::Method::POST,
        ExchangeMethod::Put => http::Method::PUT,
        ExchangeMethod::Patch => http::Method::PATCH,
        ExchangeMethod::Delete => http::Method::DELETE,
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
