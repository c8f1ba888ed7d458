//! The gateway: each capability's call, driven through the plugin's steps.

use std::sync::Arc;

use async_trait::async_trait;
use tillgate_application::account::ConnectedAccount;
use tillgate_application::ports::{
    BackfillPage, BackfillRequest, CancelRequest, ChangeOutcome, CheckoutRequest, GatewayCall, GatewayError, Parsed,
    PaymentGateway, PlanRequest, PortalRequest, ProviderCheckoutSession, ProviderPortalSession, ProviderRefund,
    ProviderSubscription, Receipt, RefundRequest, SeatsRequest, WebhookDecision, WebhookRequest,
};
use tillgate_domain::Timestamp;

use crate::contract::v0_1::{self, Circumstances, Operation};
use crate::drive::{Drive, Step};
use crate::exchange::AccountExchanger;
use crate::host::PluginHost;
use crate::load::LoadedPlugin;
use crate::observe;
use crate::proof::{Authentication, Judge};
use crate::turns::Patience;

/// The step that says what has to be true for a webhook to be genuine.
const AUTHENTICATE: &str = "webhooks.authenticate";

/// What a webhook's steps have for an idempotency key while no exchange is made: there is nothing to repeat.
const NO_KEY: &str = "";

fn circumstances<'a>(call: &GatewayCall<'a>) -> Circumstances<'a> {
    Circumstances {
        account: call.account,
        now: call.now,
        idempotency_key: call.idempotency_key,
    }
}

#[async_trait]
impl PaymentGateway for PluginHost {
    async fn create_checkout_session(
        &self,
        call: GatewayCall<'_>,
        request: &CheckoutRequest,
    ) -> Result<ProviderCheckoutSession, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::create_checkout_session(&plugin, circumstances(&call), request)?;
        self.drive(&plugin, call, operation).await
    }

    async fn create_portal_session(
        &self,
        call: GatewayCall<'_>,
        request: &PortalRequest,
    ) -> Result<ProviderPortalSession, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::create_portal_session(&plugin, circumstances(&call), request)?;
        self.drive(&plugin, call, operation).await
    }

    async fn retrieve_subscription(
        &self,
        call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ProviderSubscription, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::retrieve(&plugin, circumstances(&call), reference)?;
        self.drive(&plugin, call, operation).await
    }

    async fn cancel_subscription(
        &self,
        call: GatewayCall<'_>,
        request: &CancelRequest,
    ) -> Result<ChangeOutcome, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::cancel(&plugin, circumstances(&call), request)?;
        self.drive(&plugin, call, operation).await
    }

    async fn update_seats(&self, call: GatewayCall<'_>, request: &SeatsRequest) -> Result<ChangeOutcome, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::update_seats(&plugin, circumstances(&call), request)?;
        self.drive(&plugin, call, operation).await
    }

    async fn uncancel_subscription(
        &self,
        call: GatewayCall<'_>,
        reference: &str,
    ) -> Result<ChangeOutcome, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::uncancel(&plugin, circumstances(&call), reference)?;
        self.drive(&plugin, call, operation).await
    }

    async fn change_plan(&self, call: GatewayCall<'_>, request: &PlanRequest) -> Result<ChangeOutcome, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::change_plan(&plugin, circumstances(&call), request)?;
        self.drive(&plugin, call, operation).await
    }

    async fn pause_subscription(&self, call: GatewayCall<'_>, reference: &str) -> Result<ChangeOutcome, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::pause(&plugin, circumstances(&call), reference)?;
        self.drive(&plugin, call, operation).await
    }

    async fn resume_subscription(&self, call: GatewayCall<'_>, reference: &str) -> Result<ChangeOutcome, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::resume(&plugin, circumstances(&call), reference)?;
        self.drive(&plugin, call, operation).await
    }

    async fn create_refund(
        &self,
        call: GatewayCall<'_>,
        request: &RefundRequest,
    ) -> Result<ProviderRefund, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::create_refund(&plugin, circumstances(&call), request)?;
        self.drive(&plugin, call, operation).await
    }

    async fn list_page(&self, call: GatewayCall<'_>, request: &BackfillRequest) -> Result<BackfillPage, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::list_page(&plugin, circumstances(&call), request)?;
        self.drive(&plugin, call, operation).await
    }

    async fn authenticate_webhook(
        &self,
        account: &Arc<ConnectedAccount>,
        request: &WebhookRequest,
        now: Timestamp,
    ) -> Result<WebhookDecision, GatewayError> {
        let plugin = self.plugin_of(account).await?;
        match self.authentication(&plugin, account, request, now).await? {
            Authentication::Handshake(ack) => Ok(WebhookDecision::Handshake(ack)),
            Authentication::Rejected { reason, message, ack } => Ok(WebhookDecision::Rejected { reason, message, ack }),
            Authentication::Prove(plan) => {
                let judge = Judge {
                    manifest: &plugin.manifest,
                    account,
                    body: &request.body,
                    now,
                };
                judge.judge(plan).map_err(|reason| {
                    self.driver(&plugin, account, AUTHENTICATE)
                        .fault("invalid_proof_plan", reason)
                })
            }
        }
    }

    async fn parse_webhook_offline(
        &self,
        account: &Arc<ConnectedAccount>,
        request: &WebhookRequest,
    ) -> Result<Parsed, GatewayError> {
        let plugin = self.plugin_of(account).await?;
        let circumstances = Circumstances {
            account,
            now: Timestamp::from_millis(request.received_at_ms),
            idempotency_key: NO_KEY,
        };
        let operation = v0_1::parse(&plugin, circumstances, request)?;
        let step = || observe::step(&*self.metrics, &plugin.info, operation.name, || (operation.run)(&[]));
        let answer = self.turns.run(Patience::Bounded, step).await?;
        match answer.map_err(GatewayError::PluginFault)? {
            Step::Send(_) => Ok(Parsed::NeedsExchange),
            Step::Done(receipt) => Ok(Parsed::Receipt(receipt)),
            Step::Failed(failure) => Err(self.driver(&plugin, account, operation.name).failed(failure, &[])),
        }
    }

    async fn parse_webhook(&self, call: GatewayCall<'_>, request: &WebhookRequest) -> Result<Receipt, GatewayError> {
        let plugin = self.plugin_of(call.account).await?;
        let operation = v0_1::parse(&plugin, circumstances(&call), request)?;
        let (account, now, journal) = (call.account, call.now, call.journal);
        let driver = self.driver(&plugin, account, operation.name);
        let receipt = driver.run(journal, &operation.run).await?;
        // What nothing proves is believed only because the provider said it.
        if journal.recorded().is_empty()
            && let Authentication::Prove(plan) = self.authentication(&plugin, account, request, now).await?
            && plan.asks_back()
        {
            let message = "the proof plan says fetch-back, and parse didn't ask the provider";
            return Err(driver.fault("invalid_proof_plan", message));
        }
        Ok(receipt)
    }
}

impl PluginHost {
    fn driver<'a>(
        &'a self,
        plugin: &'a LoadedPlugin,
        account: &'a ConnectedAccount,
        operation: &'static str,
    ) -> Drive<'a, AccountExchanger<'a>> {
        Drive {
            plugin: &plugin.info,
            operation,
            outside: AccountExchanger {
                exchanger: &self.exchanger,
                manifest: &plugin.manifest,
                account,
            },
            turns: &self.turns,
            metrics: &*self.metrics,
        }
    }

    async fn drive<T: Send>(
        &self,
        plugin: &LoadedPlugin,
        call: GatewayCall<'_>,
        operation: Operation<'_, T>,
    ) -> Result<T, GatewayError> {
        let driver = self.driver(plugin, call.account, operation.name);
        driver.run(call.journal, &operation.run).await
    }

    /// Asks the plugin what has to be true for a webhook to be genuine.
    async fn authentication(
        &self,
        plugin: &LoadedPlugin,
        account: &ConnectedAccount,
        request: &WebhookRequest,
        now: Timestamp,
    ) -> Result<Authentication, GatewayError> {
        let circumstances = Circumstances {
            account,
            now,
            idempotency_key: NO_KEY,
        };
        let step = v0_1::authenticate(plugin, circumstances, request)?;
        let step = || observe::step(&*self.metrics, &plugin.info, AUTHENTICATE, step);
        let answer = self.turns.run(Patience::Bounded, step).await?;
        answer.map_err(GatewayError::PluginFault)
    }
}
