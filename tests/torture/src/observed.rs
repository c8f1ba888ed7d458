//! What the gateway holds in the end, as tenants see it, and what it published.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::expected::Kind;
use crate::store::Store;
use crate::tenants::{Caller, Tenant};

/// How many are read at a time: few, so that paging is put to the test.
const PAGE: usize = 37;

/// What a thing refers to others by; each is replaced by the provider's id of the other.
const LINKS: [&str; 4] = ["customer_id", "subscription_id", "payment_id", "checkout_session_id"];

/// A thing, with its tenant.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    /// Which tenant's.
    pub(crate) tenant: usize,
    /// Its fields.
    pub(crate) fields: Map<String, Value>,
}

/// A published event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Which tenant's.
    pub(crate) tenant: usize,
    /// Its type.
    pub(crate) name: String,
    /// The provider's id of what it is about.
    pub(crate) reference: String,
    /// The object after it.
    pub(crate) object: Value,
    /// What changed, where it says.
    pub(crate) changes: Value,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// By kind and the provider's id; more than one is one too many.
    pub(crate) things: BTreeMap<(Kind, String), Vec<Thing>>,
    /// In the order of their ids.
    pub(crate) events: Vec<Event>,
}

impl Observed {
    /// Reads all of it.
    ///
    /// # Errors
    /// The gateway or its database doesn't answer, or pages make no sense.
    pub(crate) async fn read(api: &str, tenants: &[Tenant], store: &Store) -> Result<Self> {
        let caller = Caller::new()?;
        let (mut all, mut references) = (Vec::new(), BTreeMap::new());
        for (number, tenant) in tenants.iter().enumerate() {
            for kind in Kind::ALL {
                let Some(list) = kind.list() else { continue };
                for thing in read_list(&caller, api, tenant, list).await? {
                    all.push((kind, number, thing));
                }
            }
        }
        let tenant_number = |id: &str| {
            let found = tenants.iter().position(|tenant| tenant.id == id);
            found.with_context(|| format!("tenant {id} is none of this run"))
        };
        for (tenant, reference, status, amount, currency, payment) in store.disputes().await? {
            let fields = json!({
                "id": null, "provider_reference": reference, "provider_status": status, "payment_id": payment,
                "amount": {"amount": amount, "currency": currency},
            });
            let fields = fields.as_object().cloned().unwrap_or_default();
            all.push((Kind::Dispute, tenant_number(&tenant)?, fields));
        }
        for (_, _, fields) in &all {
            if let (Some(id), Some(reference)) = (fields["id"].as_str(), fields["provider_reference"].as_str()) {
                references.insert(id.to_owned(), reference.to_owned());
            }
        }
        let mut observed = Self::default();
        for (kind, tenant, mut fields) in all {
            for link in LINKS {
                if let Some(Value::String(id)) = fields.get(link) {
                    let reference = references
                        .get(id)
                        .with_context(|| format!("{link} {id} names nothing"))?;
                    fields.insert(link.to_owned(), json!(reference));
                }
            }
            let reference = fields["provider_reference"].as_str().unwrap_or_default().to_owned();
            observed
                .things
                .entry((kind, reference))
                .or_default()
                .push(Thing { tenant, fields });
        }
        for (tenant, name, payload) in store.published().await? {
            let mut payload: Value = serde_json::from_str(&payload)?;
            let object = payload["data"]["object"].take();
            observed.events.push(Event {
                tenant: tenant_number(&tenant)?,
                name,
                reference: object["provider_reference"].as_str().unwrap_or_default().to_owned(),
                changes: payload["data"]["changes"].take(),
                object,
            });
        }
        Ok(observed)
    }
}

async fn read_list(caller: &Caller, api: &str, tenant: &Tenant, list: &str) -> Result<Vec<Map<String, Value>>> {
    let mut found: Vec<Map<String, Value>> = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!("{api}/v1/{list}?limit={PAGE}{after}");
        let page = caller.ask("GET", &url, &tenant.key, None).await?;
        let things = page["data"].as_array().with_context(|| format!("{url} gave no list"))?;
        found.extend(things.iter().filter_map(Value::as_object).cloned());
        if page["has_more"] != true {
            return Ok(found);
        }
        let next = page["next"]
            .as_str()
            .with_context(|| format!("{url} says there is more, not where"))?;
        if after.ends_with(next) {
            bail!("{url} leads to itself");
        }
        after = format!("&after={next}");
    }
}
