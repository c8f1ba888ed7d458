//! Payment intents, charges, refunds and disputes
//! (<https://docs.stripe.com/api/payment_intents>, `/charges`, `/refunds`, `/disputes`).

use serde_json::{Value, json};

use super::{Dialect, no_address};
use crate::stripe::params::Metadata;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Card,
    BankDebit,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::BankDebit => "us_bank_account",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct PaymentIntent {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) latest_charge: Option<String>,
    pub(crate) invoice: Option<String>,
    pub(crate) method: Method,
    pub(crate) payment_method: Option<String>,
    pub(crate) client_secret: String,
    pub(crate) description: Option<String>,
    pub(crate) failed: bool,
    pub(crate) metadata: Metadata,
}

/// What a refused card answers (<https://docs.stripe.com/declines/codes>).
pub(crate) const DECLINE_MESSAGE: &str = "Your card was declined.";

impl PaymentIntent {
    pub(crate) fn render(&self, dialect: Dialect) -> Value {
        let succeeded = self.status == "succeeded";
        let error = self.failed.then(|| {
            json!({
                "charge": self.latest_charge, "code": "card_declined",
                "decline_code": "generic_decline",
                "doc_url": "https://stripe.com/docs/error-codes/card-declined",
                "message": DECLINE_MESSAGE, "type": "card_error",
            })
        });
        let mut intent = json!({
            "id": self.id, "object": "payment_intent", "amount": self.amount,
            "amount_capturable": 0, "amount_details": {"tip": {}},
            "amount_received": if succeeded { self.amount } else { 0 }, "application": null,
            "application_fee_amount": null, "automatic_payment_methods": null,
            "canceled_at": null, "cancellation_reason": null, "capture_method": "automatic",
            "client_secret": self.client_secret, "confirmation_method": "automatic",
            "created": self.created, "currency": self.currency, "customer": self.customer,
            "customer_account": null, "description": self.description,
            "excluded_payment_method_types": null, "last_payment_error": error,
            "latest_charge": self.latest_charge, "livemode": false, "metadata": self.metadata,
            "next_action": null, "on_behalf_of": null, "payment_method": self.payment_method,
            "payment_method_configuration_details": null, "payment_method_options": {},
            "payment_method_types": [self.method.name()], "processing": null,
            "receipt_email": null, "review": null, "setup_future_usage": null, "shipping": null,
            "source": null, "statement_descriptor": null, "statement_descriptor_suffix": null,
            "status": self.status, "transfer_data": null, "transfer_group": null,
        });
        if dialect == Dialect::Legacy {
            intent["invoice"] = json!(self.invoice);
        }
        intent
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) amount_refunded: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) payment_intent: String,
    pub(crate) invoice: Option<String>,
    pub(crate) method: Method,
    pub(crate) payment_method: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) disputed: bool,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
}

impl Charge {
    pub(crate) fn render(&self, dialect: Dialect) -> Value {
        let failed = self.status == "failed";
        let details = match self.method {
            Method::Card => json!({"type": "card", "card": {
                "brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2034,
                "fingerprint": "simulated", "funding": "credit",
                "last4": if failed { "0002" } else { "4242" }, "network": "visa", "wallet": null,
            }}),
            Method::BankDebit => json!({"type": "us_bank_account", "us_bank_account": {
                "account_type": "checking", "bank_name": "SIMULATED BANK", "last4": "6789",
            }}),
        };
        let outcome = json!({
            "network_status": if failed { "declined_by_network" } else { "approved_by_network" },
            "reason": failed.then_some("generic_decline"), "risk_level": "normal",
            "seller_message": if failed { "The bank did not return any further details with this decline." } else { "Payment complete." },
            "type": if failed { "issuer_declined" } else { "authorized" },
        });
        let mut charge = json!({
            "id": self.id, "object": "charge", "amount": self.amount,
            "amount_captured": if self.status == "succeeded" { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded, "application": null, "application_fee": null,
            "application_fee_amount": null, "balance_transaction": null,
            "billing_details": {
                "address": no_address(), "email": self.email, "name": null, "phone": null,
                "tax_id": null,
            },
            "calculated_statement_descriptor": "TILLGATE SIMULATOR", "captured": !failed,
            "created": self.created, "currency": self.currency, "customer": self.customer,
            "description": self.description, "disputed": self.disputed,
            "failure_balance_transaction": null,
            "failure_code": failed.then_some("card_declined"),
            "failure_message": failed.then_some(DECLINE_MESSAGE), "fraud_details": {},
            "livemode": false, "metadata": self.metadata, "on_behalf_of": null,
            "outcome": outcome, "paid": !failed && self.status != "pending", "payment_intent": self.payment_intent,
            "payment_method": self.payment_method, "payment_method_details": details,
            "receipt_email": null, "receipt_number": null, "receipt_url": null,
            "refunded": self.amount_refunded >= self.amount && self.amount > 0, "review": null,
            "shipping": null, "source": null, "source_transfer": null,
            "statement_descriptor": null, "statement_descriptor_suffix": null,
            "status": self.status, "transfer_data": null, "transfer_group": null,
        });
        if dialect == Dialect::Legacy {
            charge["invoice"] = json!(self.invoice);
        }
        charge
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) charge: String,
    pub(crate) payment_intent: String,
    pub(crate) reason: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) metadata: Metadata,
}

impl Refund {
    pub(crate) fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "refund", "amount": self.amount, "balance_transaction": null,
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "destination_details": {"card": {
                "reference_status": "pending", "reference_type": "acquirer_reference_number",
                "type": "refund",
            }, "type": "card"},
            "metadata": self.metadata, "payment_intent": self.payment_intent,
            "reason": self.reason, "receipt_number": null, "source_transfer_reversal": null,
            "status": self.status, "transfer_reversal": null,
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) charge: String,
    pub(crate) payment_intent: String,
    pub(crate) reason: String,
    pub(crate) status: String,
}

impl Dispute {
    pub(crate) fn render(&self) -> Value {
        /// Days to answer a dispute, counted from its creation.
        const DAYS_TO_RESPOND: i64 = 9;
        json!({
            "id": self.id, "object": "dispute", "amount": self.amount,
            "balance_transactions": [], "charge": self.charge, "created": self.created,
            "currency": self.currency, "enhanced_eligibility_types": [], "evidence": {},
            "evidence_details": {
                "due_by": self.created + DAYS_TO_RESPOND * 86_400, "enhanced_eligibility": {},
                "has_evidence": false, "past_due": false, "submission_count": 0,
            },
            "is_charge_refundable": false, "livemode": false, "metadata": {},
            "payment_intent": self.payment_intent,
            "payment_method_details": {"card": {
                "brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4",
            }, "type": "card"},
            "reason": self.reason, "status": self.status,
        })
    }
}
