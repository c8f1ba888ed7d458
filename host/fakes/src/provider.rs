//! A provider that keeps state, and fails when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{
    BackfillPage, BackfillRequest, CancelMode, CancelRequest, ChangeOutcome, CheckoutRequest, CheckoutTarget, Effect,
    ExchangeMethod, ExchangeOutcome, ExchangeRequest, FailureKind, GatewayCall, GatewayError, Parsed, PaymentGateway,
    PlanRequest, PluginFault, PortalRequest, ProviderCheckoutSession, ProviderEvent, ProviderPortalSession,
    ProviderRefund, ProviderSubscription, Reached, Receipt, RefundRequest, SeatsRequest, WebhookDecision,
    WebhookRejection, WebhookRequest,
};
use tillgate_domain::{Money, PaymentStatus, RefundState, SubscriptionStatus, Timestamp};
use tokio::sync::oneshot;

use crate::Fuse;

mod answers;
mod lists;

use answers::{answer_in, failure, lost, response, scheduled};
use lists::Lists;

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// It never arrives.
    NotSent,
    /// It is performed, and the answer is lost.
    AnswerLost,
    /// The provider is asked too often, and does nothing.
    RateLimited,
    /// The same, and it says after how many milliseconds to come again.
    RateLimitedFor(u64),
    /// The object is locked by another request.
    Locked,
    /// The provider declines.
    Declined,
    /// It is performed, and the plugin traps on the answer.
    PluginTraps,
    /// The provider refuses the request as it is.
    Refused,
}

/// Something the provider did, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed {
    /// What.
    pub operation: &'static str,
    /// Under which idempotency key.
    pub idempotency_key: String,
    /// With which plugin.
    pub plugin_digest: String,
}

#[derive(Debug, Default)]
struct State {
    performed: Vec<Performed>,
    answers: BTreeMap<String, String>,
    requests: u32,
    failing: VecDeque<Option<Failing>>,
    subscriptions: BTreeMap<String, ProviderSubscription>,
    refunds: BTreeMap<String, i64>,
    batches: Vec<(Vec<ProviderEvent>, bool)>,
    /// What another version of the plugin understands of a body.
    readings: BTreeMap<(String, Vec<u8>), Vec<ProviderEvent>>,
    lists: Lists,
    without_idempotency: bool,
    later: Option<Timestamp>,
    unparsable: bool,
    held: Option<oneshot::Receiver<()>>,
}

/// A provider. What it keeps outlives the host.
#[derive(Debug, Default)]
pub struct FakeProvider {
    state: Arc<Mutex<State>>,
    fuse: Arc<Fuse>,
}

impl FakeProvider {
    /// The same provider, as a host sees it that was started again.
    #[must_use]
    pub fn over(other: &Self, fuse: Arc<Fuse>) -> Self {
        Self {
            state: Arc::clone(&other.state),
            fuse,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it did, each once.
    #[must_use]
    pub fn performed(&self) -> Vec<Performed> {
        self.state().performed.clone()
    }

    /// How many requests arrived.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.state().requests
    }

    /// What becomes of the next requests, one after the other.
    pub fn fail_next(&self, failing: impl IntoIterator<Item = Failing>) {
        self.state().failing = failing.into_iter().map(Some).collect();
    }

    /// What becomes of one request after so many that go well.
    pub fn fail_after(&self, requests: usize, failing: Failing) {
        let well = std::iter::repeat_n(None, requests);
        self.state().failing = well.chain([Some(failing)]).collect();
    }

    /// Whether everything that was to go wrong has.
    #[must_use]
    pub fn failed_all(&self) -> bool {
        self.state().failing.is_empty()
    }

    /// Makes it one that knows no idempotency keys.
    pub fn forget_idempotency(&self) {
        self.state().without_idempotency = true;
    }

    /// Makes it one that carries changes out at a later time, and says no more than when.
    pub fn change_later(&self, at: Timestamp) {
        self.state().later = Some(at);
    }

    /// Whether its webhooks can't be understood.
    pub fn set_unparsable(&self, unparsable: bool) {
        self.state().unparsable = unparsable;
    }

    /// Holds back the next answer about a subscription, which says how it stood when it was asked for, until what this gives
    /// is dropped.
    #[must_use]
    pub fn hold_next_answer(&self) -> oneshot::Sender<()> {
        let (release, held) = oneshot::channel();
        self.state().held = Some(held);
        release
    }

    /// How a subscription stands at the provider.
    pub fn put_subscription(&self, subscription: ProviderSubscription) {
        self.state()
            .subscriptions
            .insert(subscription.reference.clone(), subscription);
    }

    /// Makes a webhook's body of events. Where `ask` is set, its plugin has to ask the provider to understand it.
    pub fn body_of(&self, events: Vec<ProviderEvent>, ask: bool) -> Vec<u8> {
        let mut state = self.state();
        state.batches.push((events, ask));
        (state.batches.len() - 1).to_string().into_bytes()
    }

    /// Has the plugin with this digest understand a body in another way.
    pub fn read_with(&self, plugin_digest: &str, body: &[u8], events: Vec<ProviderEvent>) {
        let key = (plugin_digest.to_owned(), body.to_vec());
        self.state().readings.insert(key, events);
    }

    fn batch(
        &self,
        account: &ConnectedAccount,
        request: &WebhookRequest,
    ) -> Result<(Vec<ProviderEvent>, bool), GatewayError> {
        let state = self.state();
        let key = (account.account.plugin_digest.clone(), request.body.clone());
        if let Some(events) = state.readings.get(&key) {
            return Ok((events.clone(), false));
        }
        let number = std::str::from_utf8(&request.body)
            .ok()
            .and_then(|text| text.parse::<usize>().ok());
        let known = number.and_then(|number| state.batches.get(number));
        match known {
            Some(batch) if !state.unparsable => Ok(batch.clone()),
            _ => Err(GatewayError::Rejected(failure(
                FailureKind::MalformedResponse,
                "the webhook's body can't be understood",
            ))),
        }
    }

    /// Performs a change of a subscription, and gives what came of it.
    async fn change(
        &self,
        call: &mut GatewayCall<'_>,
        operation: &'static str,
        reference: &str,
        change: impl FnOnce(&mut ProviderSubscription) + Send,
    ) -> Result<ChangeOutcome, GatewayError> {
        let change = |state: &mut State| {
            change(state.subscriptions.get_mut(reference)?);
            Some(String::new())
        };
        self.exchange(call, operation, Effect::IdempotentWrite, change).await?;
        if let Some(at) = self.state().later {
            return Ok(scheduled(at));
        }
        self.subscription(reference).map(ChangeOutcome::Applied)
    }

    /// Performs one request through the journal, as the plugin host does, and gives its answer.
    async fn exchange(
        &self,
        call: &mut GatewayCall<'_>,
        operation: &'static str,
        effect: Effect,
        perform: impl FnOnce(&mut State) -> Option<String> + Send,
    ) -> Result<String, GatewayError> {
        let effect = match effect {
            Effect::IdempotentWrite if self.state().without_idempotency => Effect::Write,
            other => other,
        };
        let request = ExchangeRequest {
            method: ExchangeMethod::Post,
            endpoint: "api".to_owned(),
            path: operation.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            effect,
            credential: Some("api_key".to_owned()),
        };
        let doing = Performed {
            operation,
            idempotency_key: call.idempotency_key.to_owned(),
            plugin_digest: call.account.account.plugin_digest.clone(),
        };
        let recorded = call.journal.recorded().first().cloned();
        let mut traps = false;
        let outcome = match recorded {
            Some(exchange) if exchange.outcome.is_some() => exchange.outcome.unwrap_or_else(lost),
            Some(_) if effect == Effect::Write => {
                call.journal.received(lost()).await.map_err(GatewayError::Journal)?;
                lost()
            }
            known => {
                if known.is_none() {
                    call.journal.sending(&request).await.map_err(GatewayError::Journal)?;
                }
                let outcome;
                (outcome, traps) = self.send(doing, effect, perform).await;
                call.journal
                    .received(outcome.clone())
                    .await
                    .map_err(GatewayError::Journal)?;
                outcome
            }
        };
        if traps {
            return Err(GatewayError::PluginFault(Box::new(PluginFault {
                plugin: "acme".to_owned(),
                version: call.account.account.plugin_version.clone(),
                digest: call.account.account.plugin_digest.clone(),
                operation: operation.to_owned(),
                kind: "trapped".to_owned(),
                message: "unreachable".to_owned(),
            })));
        }
        answer_in(outcome)
    }

    async fn send(
        &self,
        doing: Performed,
        effect: Effect,
        perform: impl FnOnce(&mut State) -> Option<String> + Send,
    ) -> (ExchangeOutcome, bool) {
        self.fuse.point().await;
        let failing = self.state().failing.pop_front().flatten();
        let mut traps = false;
        let outcome = match failing {
            Some(Failing::NotSent) => ExchangeOutcome::Failed {
                reached: Reached::NotSent,
                kind: "connect_failed".to_owned(),
                message: "connection refused".to_owned(),
            },
            Some(Failing::RateLimited) => response(429, String::new()),
            Some(Failing::RateLimitedFor(millis)) => response(429, millis.to_string()),
            Some(Failing::Locked) => response(409, String::new()),
            Some(Failing::Declined) => response(402, String::new()),
            Some(Failing::Refused) => response(400, String::new()),
            Some(Failing::AnswerLost) => {
                self.perform(doing, effect, perform);
                lost()
            }
            Some(Failing::PluginTraps) => {
                traps = true;
                self.perform(doing, effect, perform)
            }
            None => self.perform(doing, effect, perform),
        };
        self.fuse.point().await;
        (outcome, traps)
    }

    fn perform(
        &self,
        doing: Performed,
        effect: Effect,
        perform: impl FnOnce(&mut State) -> Option<String>,
    ) -> ExchangeOutcome {
        let mut state = self.state();
        state.requests += 1;
        let key = doing.idempotency_key.clone();
        if effect == Effect::IdempotentWrite
            && let Some(answer) = state.answers.get(&key)
        {
            return response(200, answer.clone());
        }
        if effect != Effect::Read {
            state.performed.push(doing);
        }
        let Some(answer) = perform(&mut state) else {
            return response(404, String::new());
        };
        if effect == Effect::IdempotentWrite {
            state.answers.insert(key, answer.clone());
        }
        response(200, answer)
    }

    /// The state a change left a subscription in.
    fn subscription(&self, reference: &str) -> Result<Box<ProviderSubscription>, GatewayError> {
        let found = self.state().subscriptions.get(reference).cloned();
        found
            .map(Box::new)
            .ok_or_else(|| GatewayError::Rejected(failure(FailureKind::NotFound, "no such subscription")))
    }
}

#[async_trait]
impl PaymentGateway for FakeProvider {
    async fn create_checkout_session(
        &self,
        mut call: GatewayCall<'_>,
        _: &CheckoutRequest,
    ) -> Result<ProviderCheckoutSession, GatewayError> {
        let number = |state: &mut State| Some(format!("cs_{}", state.performed.len()));
        let reference = self
            .exchange(&mut call, "create_checkout_session", Effect::IdempotentWrite, number)
            .await?;
        Ok(ProviderCheckoutSession {
            target: CheckoutTarget::Redirect(format!("https://pay.acme.example/{reference}")),
            reference,
            payment_status: PaymentStatus::Unpaid,
            expires_at: None,
        })
    }

    async fn create_portal_session(
        &self,
        mut call: GatewayCall<'_>,
        _: &PortalRequest,
    ) -> Result<ProviderPortalSession, GatewayError> {
        let number = |state: &mut State| Some(format!("https://pay.acme.example/portal/{}", state.performed.len()));
        let url = self
            .exchange(&mut call, "create_portal_session", Effect::IdempotentWrite, number)
            .await?;
        Ok(ProviderPortalSession { url, expires_at: None })
    }

    async fn retrieve_subscription(
        &self,
        mut call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ProviderSubscription, GatewayError> {
        self.exchange(
            &mut call,
            "retrieve_subscription",
            Effect::Read,
            |_| Some(String::new()),
        )
        .await?;
        let answer = self.subscription(reference).map(|found| *found);
        let held = self.state().held.take();
        if let Some(held) = held {
            let _released = held.await;
        }
        answer
    }

    async fn cancel_subscription(
        &self,
        mut call: GatewayCall<'_>,
        request: &CancelRequest,
    ) -> Result<ChangeOutcome, GatewayError> {
        let now = call.now;
        let change = |state: &mut State| {
            let subscription = state.subscriptions.get_mut(&request.reference)?;
            match request.mode {
                CancelMode::Immediate => {
                    subscription.snapshot.status = Some(SubscriptionStatus::Canceled);
                    "canceled".clone_into(&mut subscription.snapshot.provider_status);
                    subscription.snapshot.terms.ended_at = Some(now);
                }
                CancelMode::AtPeriodEnd => subscription.snapshot.terms.cancel_at_period_end = true,
            }
            Some(String::new())
        };
        self.exchange(&mut call, "cancel_subscription", Effect::IdempotentWrite, change)
            .await?;
        if let Some(at) = self.state().later {
            return Ok(scheduled(at));
        }
        let subscription = self.subscription(&request.reference)?;
        Ok(match request.mode {
            CancelMode::Immediate => ChangeOutcome::Applied(subscription),
            CancelMode::AtPeriodEnd => ChangeOutcome::Scheduled {
                effective_at: subscription.snapshot.terms.period.map(|period| period.end),
                subscription: Some(subscription),
            },
        })
    }

    async fn update_seats(
        &self,
        mut call: GatewayCall<'_>,
        request: &SeatsRequest,
    ) -> Result<ChangeOutcome, GatewayError> {
        let change = |subscription: &mut ProviderSubscription| {
            let items = subscription.items.iter_mut();
            items.for_each(|item| item.quantity = Some(request.seats));
        };
        self.change(&mut call, "update_seats", &request.reference, change).await
    }

    async fn uncancel_subscription(
        &self,
        mut call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ChangeOutcome, GatewayError> {
        let change = |subscription: &mut ProviderSubscription| {
            subscription.snapshot.terms.cancel_at_period_end = false;
            subscription.snapshot.terms.cancel_at = None;
        };
        self.change(&mut call, "uncancel_subscription", reference, change).await
    }

    async fn change_plan(
        &self,
        mut call: GatewayCall<'_>,
        request: &PlanRequest,
    ) -> Result<ChangeOutcome, GatewayError> {
        let change = |subscription: &mut ProviderSubscription| {
            let is_old = |price: &str| request.price_reference.as_deref() == Some(price);
            let mut items = subscription.items.iter_mut();
            if let Some(item) = items.find(|item| is_old(&item.price_reference)) {
                item.price_reference.clone_from(&request.new_price_reference);
            }
        };
        self.change(&mut call, "change_plan", &request.reference, change).await
    }

    async fn pause_subscription(
        &self,
        mut call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ChangeOutcome, GatewayError> {
        let change = |subscription: &mut ProviderSubscription| {
            subscription.snapshot.status = Some(SubscriptionStatus::Paused);
        };
        self.change(&mut call, "pause_subscription", reference, change).await
    }

    async fn resume_subscription(
        &self,
        mut call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ChangeOutcome, GatewayError> {
        let change = |subscription: &mut ProviderSubscription| {
            subscription.snapshot.status = Some(SubscriptionStatus::Active);
        };
        self.change(&mut call, "resume_subscription", reference, change).await
    }

    /// Names the payment by an id of its own, as providers do: `by_` and what it is counted by.
    async fn create_refund(
        &self,
        mut call: GatewayCall<'_>,
        request: &RefundRequest,
    ) -> Result<ProviderRefund, GatewayError> {
        let paid = request.payment_amount.amount;
        let give_back = |state: &mut State| {
            let number = state.performed.len();
            let given = state.refunds.entry(request.payment_reference.clone()).or_default();
            let amount = request.amount.unwrap_or(paid - *given);
            *given += amount;
            Some(format!("re_{number} {amount}"))
        };
        let answer = self
            .exchange(&mut call, "create_refund", Effect::IdempotentWrite, give_back)
            .await?;
        let (reference, amount) = answer.split_once(' ').unwrap_or((&answer, ""));
        Ok(ProviderRefund {
            reference: reference.to_owned(),
            state: RefundState::Succeeded,
            amount: Money::new(amount.parse().unwrap_or_default(), request.payment_amount.currency),
            payment_references: vec![format!("by_{}", request.payment_reference)],
            reason: None,
            failure_reason: None,
            as_of: None,
        })
    }

    async fn list_page(&self, call: GatewayCall<'_>, request: &BackfillRequest) -> Result<BackfillPage, GatewayError> {
        self.page(call, request).await
    }

    /// A webhook is genuine if its header `x-secret` is one of the account's active webhook secrets.
    async fn authenticate_webhook(
        &self,
        account: &Arc<ConnectedAccount>,
        request: &WebhookRequest,
        _: Timestamp,
    ) -> Result<WebhookDecision, GatewayError> {
        let signature = request.headers.iter().find(|(name, _)| name == "x-secret");
        let active = account.secrets.get("webhook_secret").map_or(&[][..], Vec::as_slice);
        let proving = signature.map(|(_, value)| {
            active
                .iter()
                .position(|secret| secret.expose().as_bytes() == value.as_slice())
        });
        let reason = match proving {
            Some(Some(index)) => {
                return Ok(WebhookDecision::Proven {
                    secret_index: Some(index),
                    fetch_back: false,
                });
            }
            Some(None) => WebhookRejection::SignatureInvalid,
            None => WebhookRejection::SignatureMissing,
        };
        Ok(WebhookDecision::Rejected {
            reason,
            message: "not one of ours".to_owned(),
            ack: None,
        })
    }

    async fn parse_webhook_offline(
        &self,
        account: &Arc<ConnectedAccount>,
        request: &WebhookRequest,
    ) -> Result<Parsed, GatewayError> {
        let (events, ask) = self.batch(account, request)?;
        Ok(if ask {
            Parsed::NeedsExchange
        } else {
            Parsed::Receipt(Receipt { events, ack: None })
        })
    }

    async fn parse_webhook(
        &self,
        mut call: GatewayCall<'_>,
        request: &WebhookRequest,
    ) -> Result<Receipt, GatewayError> {
        let (events, ask) = self.batch(call.account, request)?;
        if ask {
            self.exchange(&mut call, "parse_webhook", Effect::Read, |_| Some(String::new()))
                .await?;
        }
        Ok(Receipt { events, ack: None })
    }
}
