//! Tenants with what they need to sell, made through the operator's and the tenant's API.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::host::ADMIN_TOKEN;
use crate::lives::{Life, PACK, PRICES, TENANTS};
use crate::provider::Provider;

/// A tenant.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Its id.
    pub(crate) id: String,
    /// Its API key.
    pub(crate) key: String,
    /// Its provider account.
    pub(crate) account: String,
    /// The secret its webhooks are signed with.
    pub(crate) secret: String,
}

/// A caller of the API, who takes no for an answer.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    client: reqwest::Client,
}

impl Caller {
    /// One.
    ///
    /// # Errors
    /// There is no client.
    pub(crate) fn new() -> Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { client })
    }

    /// Asks, and wants a success.
    ///
    /// # Errors
    /// It was none: with what was answered.
    pub(crate) async fn ask(&self, method: &str, url: &str, token: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self.client.request(method.parse()?, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {url}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{method} {url}: {status} {text}");
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

fn word(value: &Value, key: &str) -> Result<String> {
    let found = value[key].as_str().with_context(|| format!("no {key} in {value}"))?;
    Ok(found.to_owned())
}

/// Makes the tenants of a run.
///
/// # Errors
/// The gateway refuses.
pub(crate) async fn make(api: &str, provider: &str) -> Result<Vec<Tenant>> {
    let caller = Caller::new()?;
    let mut tenants = Vec::new();
    for number in 0..TENANTS {
        let admin = async |path: &str, body: Value| {
            let url = format!("{api}/v1/admin/{path}");
            caller.ask("POST", &url, ADMIN_TOKEN, Some(&body)).await
        };
        let id = word(
            &admin("tenants", json!({"name": format!("Tenant {number}"), "mode": "test"})).await?,
            "id",
        )?;
        let key = word(
            &admin(&format!("tenants/{id}/api-keys"), json!({"name": "backend"})).await?,
            "key",
        )?;
        let secret = format!("whsec_torture_{number}_0123456789abcdef");
        let account = json!({
            "plugin": "stripe", "name": "main", "default": true, "settings": {},
            "endpoint_overrides": {"api": provider},
            "secrets": {"api_key": "sk_test_0123456789abcdef", "webhook_secret": secret},
        });
        let account = word(&admin(&format!("tenants/{id}/provider-accounts"), account).await?, "id")?;
        let tenant = Tenant {
            id,
            key,
            account,
            secret,
        };
        stock(&caller, api, &tenant).await?;
        tenants.push(tenant);
    }
    Ok(tenants)
}

async fn stock(caller: &Caller, api: &str, tenant: &Tenant) -> Result<()> {
    let put = async |path: &str, body: Value| {
        let url = format!("{api}/v1/{path}");
        caller.ask("PUT", &url, &tenant.key, Some(&body)).await
    };
    put("organizations/org_1", json!({"name": "Acme Inc."})).await?;
    put("users/user_1", json!({"email": "ada@acme.example"})).await?;
    for (product, price, _) in PRICES.into_iter().chain([PACK]) {
        let prices = json!({"prices": {tenant.account.as_str(): price}});
        put(&format!("products/{product}"), prices).await?;
    }
    Ok(())
}

/// Makes the checkout sessions with which lives begin.
///
/// # Errors
/// The gateway refuses.
pub(crate) async fn check_out(api: &str, tenants: &[Tenant], lives: &[Life], provider: &Provider) -> Result<usize> {
    let caller = Caller::new()?;
    let mut made = 0;
    for life in lives {
        let Some(checkout) = &life.checkout else { continue };
        let key = &tenants[life.tenant].key;
        let url = format!("{api}/v1/checkout-sessions");
        let session = caller.ask("POST", &url, key, Some(&checkout.request)).await?;
        provider.progress(life.number).correlate(&word(&session, "id")?);
        made += 1;
    }
    Ok(made)
}
