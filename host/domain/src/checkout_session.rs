//! Checkout sessions.

use crate::{
    CheckoutSessionId, CustomerId, DomainError, DomainEvent, EventKind, ProviderAccountId, Subscription, TenantId,
    Timestamp,
};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckoutType {
    /// A subscription.
    Subscription,
    /// One payment.
    OneTime,
}

impl CheckoutType {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::OneTime => "one_time",
        }
    }
}

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckoutStatus {
    /// Asked for; the provider hasn't confirmed it yet.
    Pending,
    /// The customer can pay.
    Open,
    /// The customer finished it. Final.
    Complete,
    /// It wasn't finished in time. Final.
    Expired,
    /// The provider refused to create it, or its payment failed after the customer finished it. Final.
    Failed,
}

impl CheckoutStatus {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

/// Whether a session is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentStatus {
    /// Not yet.
    Unpaid,
    /// Paid.
    Paid,
    /// Nothing to pay now.
    NoPaymentRequired,
}

impl PaymentStatus {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Paid => "paid",
            Self::NoPaymentRequired => "no_payment_required",
        }
    }
}

/// A page on which a customer pays.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckoutSession {
    /// Its id, and the id by which provider events find back to it.
    pub id: CheckoutSessionId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it is paid.
    pub account_id: ProviderAccountId,
    /// What it is for.
    pub checkout_type: CheckoutType,
    /// The tenant's product.
    pub product_id: String,
    /// Who pays, where that is known beforehand.
    pub customer_id: Option<CustomerId>,
    /// The address to fill in.
    pub customer_email: Option<String>,
    /// The tenant's organization it is for.
    pub organization_id: Option<String>,
    /// The tenant's user it is for.
    pub user_id: Option<String>,
    /// How many seats.
    pub seats: u64,
    /// Length of the trial in days.
    pub trial_period_days: Option<u32>,
    /// Where the customer comes back to after paying.
    pub success_url: String,
    /// Where the customer comes back to without.
    pub cancel_url: String,
    /// The tenant's metadata, by name.
    pub metadata: Vec<(String, String)>,
    /// The provider's id, once it has confirmed.
    pub provider_reference: Option<String>,
    /// Where the customer pays, once the provider has confirmed.
    pub url: Option<String>,
    /// When the page stops working.
    pub expires_at: Option<Timestamp>,
    status: CheckoutStatus,
    payment_status: PaymentStatus,
    /// When it was asked for.
    pub created_at: Timestamp,
    updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
    /// What happened since it was loaded.
    pub events: Vec<DomainEvent>,
}

impl std::fmt::Debug for CheckoutSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckoutSession")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What a session is made of.
#[derive(Clone)]
pub struct NewCheckoutSession {
    /// Its id.
    pub id: CheckoutSessionId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it is paid.
    pub account_id: ProviderAccountId,
    /// What it is for.
    pub checkout_type: CheckoutType,
    /// The tenant's product.
    pub product_id: String,
    /// Who pays, where that is known beforehand.
    pub customer_id: Option<CustomerId>,
    /// The address to fill in.
    pub customer_email: Option<String>,
    /// The tenant's organization it is for.
    pub organization_id: Option<String>,
    /// The tenant's user it is for.
    pub user_id: Option<String>,
    /// How many seats.
    pub seats: u64,
    /// Length of the trial in days.
    pub trial_period_days: Option<u32>,
    /// Where the customer comes back to after paying.
    pub success_url: String,
    /// Where the customer comes back to without.
    pub cancel_url: String,
    /// The tenant's metadata, by name.
    pub metadata: Vec<(String, String)>,
}

impl CheckoutSession {
    /// Asks for a session; it is pending until the provider confirms it.
    ///
    /// # Errors
    /// Seats or a trial out of bounds, a trial on something that isn't a subscription.
    pub fn create(new: NewCheckoutSession, now: Timestamp) -> Result<Self, DomainError> {
        Subscription::validate_seats(new.seats)?;
        if let Some(days) = new.trial_period_days {
            if new.checkout_type != CheckoutType::Subscription {
                return Err(DomainError::TrialWithoutSubscription);
            }
            if days == 0 || days > Subscription::TRIAL_DAYS_MAX {
                return Err(DomainError::InvalidTrial {
                    given: days,
                    max: Subscription::TRIAL_DAYS_MAX,
                });
            }
        }
        Ok(Self::restore(
            new,
            CheckoutStatus::Pending,
            PaymentStatus::Unpaid,
            now,
            now,
            0,
        ))
    }

    /// Puts a stored session together again, with no events; the provider's facts are public fields.
    #[must_use]
    pub fn restore(
        new: NewCheckoutSession,
        status: CheckoutStatus,
        payment_status: PaymentStatus,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: u64,
    ) -> Self {
        Self {
            id: new.id,
            tenant_id: new.tenant_id,
            account_id: new.account_id,
            checkout_type: new.checkout_type,
            product_id: new.product_id,
            customer_id: new.customer_id,
            customer_email: new.customer_email,
            organization_id: new.organization_id,
            user_id: new.user_id,
            seats: new.seats,
            trial_period_days: new.trial_period_days,
            success_url: new.success_url,
            cancel_url: new.cancel_url,
            metadata: new.metadata,
            provider_reference: None,
            url: None,
            expires_at: None,
            status,
            payment_status,
            created_at,
            updated_at,
            version,
            events: Vec::new(),
        }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> CheckoutStatus {
        self.status
    }

    /// Whether it is paid.
    #[must_use]
    pub const fn payment_status(&self) -> PaymentStatus {
        self.payment_status
    }

    /// When it last changed.
    #[must_use]
    pub const fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// The provider has created it. Where an event about it was faster, only the page is learned.
    pub fn open(
        &mut self,
        provider_reference: String,
        url: Option<String>,
        expires_at: Option<Timestamp>,
        payment_status: PaymentStatus,
        now: Timestamp,
    ) {
        self.provider_reference = Some(provider_reference);
        self.url = url;
        self.expires_at = expires_at;
        self.updated_at = now;
        self.record(EventKind::CheckoutSessionCreated, now);
        if self.status == CheckoutStatus::Pending {
            self.status = CheckoutStatus::Open;
            self.payment_status = payment_status;
        }
    }

    /// The provider refused to create it.
    pub fn refuse(&mut self, now: Timestamp) {
        if self.status == CheckoutStatus::Pending {
            self.move_to(CheckoutStatus::Failed, EventKind::CheckoutSessionFailed, now);
        }
    }

    /// The customer finished it. What was learned later than that stays: a repeated or late word changes nothing.
    pub fn complete(&mut self, payment_status: PaymentStatus, now: Timestamp) {
        match self.status {
            CheckoutStatus::Pending | CheckoutStatus::Open | CheckoutStatus::Expired => {
                self.payment_status = payment_status;
                self.move_to(CheckoutStatus::Complete, EventKind::CheckoutSessionCompleted, now);
            }
            CheckoutStatus::Complete if self.payment_status == PaymentStatus::Unpaid => {
                self.payment_status = payment_status;
                self.updated_at = now;
            }
            CheckoutStatus::Complete | CheckoutStatus::Failed => {}
        }
    }

    /// The payment that was pending succeeded.
    pub fn settle(&mut self, now: Timestamp) {
        if self.status == CheckoutStatus::Complete && self.payment_status == PaymentStatus::Paid {
            return;
        }
        self.payment_status = PaymentStatus::Paid;
        self.move_to(CheckoutStatus::Complete, EventKind::CheckoutSessionPaid, now);
    }

    /// The payment that was pending failed. Money that came stays.
    pub fn fail(&mut self, now: Timestamp) {
        if self.payment_status == PaymentStatus::Paid || self.status == CheckoutStatus::Failed {
            return;
        }
        self.move_to(CheckoutStatus::Failed, EventKind::CheckoutSessionFailed, now);
    }

    /// It wasn't finished in time. One that was finished stays so.
    pub fn expire(&mut self, now: Timestamp) {
        if matches!(self.status, CheckoutStatus::Pending | CheckoutStatus::Open) {
            self.move_to(CheckoutStatus::Expired, EventKind::CheckoutSessionExpired, now);
        }
    }

    fn move_to(&mut self, status: CheckoutStatus, kind: EventKind, now: Timestamp) {
        self.status = status;
        self.updated_at = now;
        self.record(kind, now);
    }

    fn record(&mut self, kind: EventKind, now: Timestamp) {
        self.events.push(DomainEvent { kind, recorded_at: now });
    }
}
