//! Subscriptions.

use std::str::FromStr;

use crate::{
    CustomerId, DomainError, DomainEvent, EventKind, FactOrder, FactSource, FactStamp, ProviderAccountId,
    SubscriptionChange, SubscriptionId, TenantId, Timestamp,
};

/// The state of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionStatus {
    /// Created, its first payment not made yet.
    Incomplete,
    /// In its trial.
    Trialing,
    /// Paid.
    Active,
    /// A payment is overdue and is being retried.
    PastDue,
    /// Payments have failed for good; it goes on unpaid.
    Unpaid,
    /// Paused.
    Paused,
    /// Ended by a cancellation. Final.
    Canceled,
    /// Ended by itself, or never began. Final.
    Expired,
}

impl SubscriptionStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Incomplete,
        Self::Trialing,
        Self::Active,
        Self::PastDue,
        Self::Unpaid,
        Self::Paused,
        Self::Canceled,
        Self::Expired,
    ];

    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// Whether it has ended: nothing changes it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Canceled | Self::Expired)
    }

    /// Whether the customer has what was bought: active, in trial, or with a payment still being retried.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::Trialing | Self::PastDue)
    }
}

impl FromStr for SubscriptionStatus {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(DomainError::InvalidText {
                field: "status",
                rule: "must be incomplete, trialing, active, past_due, unpaid, paused, canceled or expired",
            })
    }
}

/// A billing period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    /// When it began.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
}

/// What a subscription is about, as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// The provider's id of the price.
    pub price_reference: Option<String>,
    /// How many seats, where the provider has a quantity.
    pub seats: Option<u64>,
    /// The current period.
    pub period: Option<Period>,
    /// When the trial ends or ended.
    pub trial_end: Option<Timestamp>,
    /// When a scheduled cancellation takes effect, where known.
    pub cancel_at: Option<Timestamp>,
    /// Whether it is scheduled to be canceled at the end of the period.
    pub cancel_at_period_end: bool,
    /// When it was asked to be canceled.
    pub canceled_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Terms {
    /// Whether a cancellation is scheduled.
    #[must_use]
    pub const fn cancellation_scheduled(&self) -> bool {
        self.cancel_at_period_end || self.cancel_at.is_some()
    }
}

/// A provider's full word on a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionSnapshot {
    /// The normalized status; none if the provider's word isn't known, then the last known status stays.
    pub status: Option<SubscriptionStatus>,
    /// The provider's own word.
    pub provider_status: String,
    /// What it is about.
    pub terms: Terms,
}

/// What became of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It changed something.
    Changed,
    /// It was newer and said nothing new.
    Unchanged,
    /// It was older than what is known.
    Stale,
    /// It is of the same instant as what is known, and different: the provider has to be asked.
    Tie,
    /// The subscription has ended, and stays so.
    Ended,
}

/// A customer's subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it runs.
    pub account_id: ProviderAccountId,
    /// Who pays.
    pub customer_id: CustomerId,
    /// The tenant's product, where it is known.
    pub product_id: Option<String>,
    /// The provider's id of it.
    pub provider_reference: String,
    status: SubscriptionStatus,
    provider_status: String,
    terms: Terms,
    stamp: FactStamp,
    /// When it became known.
    pub created_at: Timestamp,
    updated_at: Timestamp,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
    /// What happened since it was loaded.
    pub events: Vec<DomainEvent>,
}

/// What a subscription is made of.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it runs.
    pub account_id: ProviderAccountId,
    /// Who pays.
    pub customer_id: CustomerId,
    /// The tenant's product, where it is known.
    pub product_id: Option<String>,
    /// The provider's id of it.
    pub provider_reference: String,
    /// Length of the trial in days, if it has one.
    pub trial_period_days: Option<u32>,
}

impl Subscription {
    /// The most seats there can be. Providers' quantities are 32-bit or smaller in places, and 2³¹-1 is what fits all.
    pub const SEATS_MAX: u64 = 2_147_483_647;
    /// The longest trial, in days: two years, the longest Stripe takes.
    pub const TRIAL_DAYS_MAX: u32 = 730;

    /// Begins a subscription: in trial if it has one, else active.
    ///
    /// # Errors
    /// A trial of no days, or of more than [`Self::TRIAL_DAYS_MAX`].
    pub fn create(new: NewSubscription, now: Timestamp) -> Result<Self, DomainError> {
        let trial_end = match new.trial_period_days {
            Some(days) if days == 0 || days > Self::TRIAL_DAYS_MAX => {
                return Err(DomainError::InvalidTrial {
                    given: days,
                    max: Self::TRIAL_DAYS_MAX,
                });
            }
            Some(days) => Some(now.plus_days(days)),
            None => None,
        };
        let status = if trial_end.is_some() {
            SubscriptionStatus::Trialing
        } else {
            SubscriptionStatus::Active
        };
        let mut subscription = Self::blank(new, status, now);
        subscription.terms.trial_end = trial_end;
        subscription.record(EventKind::SubscriptionCreated, now);
        Ok(subscription)
    }

    /// Begins a subscription as the provider has it.
    #[must_use]
    pub fn from_snapshot(
        new: NewSubscription,
        snapshot: SubscriptionSnapshot,
        stamp: FactStamp,
        now: Timestamp,
    ) -> Self {
        let status = snapshot.status.unwrap_or(SubscriptionStatus::Incomplete);
        let mut subscription = Self::blank(new, status, now);
        subscription.provider_status = snapshot.provider_status;
        subscription.terms = snapshot.terms;
        subscription.stamp = stamp;
        subscription.record(EventKind::SubscriptionCreated, now);
        if status.is_final() {
            subscription.record(EventKind::SubscriptionCanceled, now);
        }
        subscription
    }

    fn blank(new: NewSubscription, status: SubscriptionStatus, now: Timestamp) -> Self {
        Self {
            id: new.id,
            tenant_id: new.tenant_id,
            account_id: new.account_id,
            customer_id: new.customer_id,
            product_id: new.product_id,
            provider_reference: new.provider_reference,
            status,
            provider_status: status.as_str().to_owned(),
            terms: Terms::default(),
            stamp: FactStamp {
                object_version: None,
                as_of: None,
                source: FactSource::Event(SubscriptionChange::Created),
            },
            created_at: now,
            updated_at: now,
            version: 0,
            events: Vec::new(),
        }
    }

    /// Puts a stored subscription together again, with no events.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "one place, the repository, calls it with named columns"
    )]
    pub fn restore(
        new: NewSubscription,
        status: SubscriptionStatus,
        provider_status: String,
        terms: Terms,
        stamp: FactStamp,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: u64,
    ) -> Self {
        Self {
            provider_status,
            terms,
            stamp,
            updated_at,
            version,
            ..Self::blank(new, status, created_at)
        }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> SubscriptionStatus {
        self.status
    }

    /// The provider's own word for its status.
    #[must_use]
    pub fn provider_status(&self) -> &str {
        &self.provider_status
    }

    /// What it is about.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What orders the fact last applied.
    #[must_use]
    pub const fn stamp(&self) -> FactStamp {
        self.stamp
    }

    /// When it last changed.
    #[must_use]
    pub const fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Whether the customer has what was bought.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.status.is_active()
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.status.is_final()
    }

    /// Whether `action` may be tried on it: nothing may on one that has ended.
    ///
    /// # Errors
    /// [`DomainError::InvalidSubscriptionStatus`] naming the status and the action.
    pub const fn ensure_open(&self, action: &'static str) -> Result<(), DomainError> {
        if self.status.is_final() {
            return Err(DomainError::InvalidSubscriptionStatus {
                status: self.status.as_str(),
                action,
            });
        }
        Ok(())
    }

    /// Whether `seats` is a number of seats.
    ///
    /// # Errors
    /// [`DomainError::InvalidSeats`] for none, or for more than [`Self::SEATS_MAX`].
    pub const fn validate_seats(seats: u64) -> Result<(), DomainError> {
        if seats == 0 || seats > Self::SEATS_MAX {
            return Err(DomainError::InvalidSeats {
                given: seats,
                max: Self::SEATS_MAX,
            });
        }
        Ok(())
    }

    /// Cancels it now.
    ///
    /// # Errors
    /// It has ended already.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), DomainError> {
        self.ensure_open("cancel")?;
        self.terms.canceled_at.get_or_insert(now);
        self.terms.ended_at = Some(now);
        self.move_to(SubscriptionStatus::Canceled, now);
        Ok(())
    }

    /// Notes that it will be canceled, at the end of the period where `at` isn't known.
    ///
    /// # Errors
    /// It has ended already.
    pub fn schedule_cancellation(&mut self, at: Option<Timestamp>, now: Timestamp) -> Result<(), DomainError> {
        self.ensure_open("schedule the cancellation of")?;
        if !self.terms.cancellation_scheduled() {
            self.record(EventKind::SubscriptionCancellationScheduled { at }, now);
        }
        self.terms.cancel_at_period_end = true;
        self.terms.cancel_at = at.or(self.terms.cancel_at);
        self.terms.canceled_at.get_or_insert(now);
        self.updated_at = now;
        Ok(())
    }

    /// Notes that it goes on after all. Where no cancellation is scheduled that is no change.
    ///
    /// # Errors
    /// It has ended already: an end isn't taken back.
    pub fn withdraw_cancellation(&mut self, now: Timestamp) -> Result<(), DomainError> {
        self.ensure_open("uncancel")?;
        if self.terms.cancellation_scheduled() {
            self.record(EventKind::SubscriptionCancellationWithdrawn, now);
            self.updated_at = now;
        }
        self.terms.cancel_at_period_end = false;
        self.terms.cancel_at = None;
        self.terms.canceled_at = None;
        Ok(())
    }

    /// Makes it one for another product, at another price. The seats stay; the same price again is no change of plan.
    ///
    /// # Errors
    /// It has ended already.
    pub fn change_plan(
        &mut self,
        product_id: Option<String>,
        price_reference: String,
        now: Timestamp,
    ) -> Result<(), DomainError> {
        self.ensure_open("change the plan of")?;
        if self.terms.price_reference.as_ref() != Some(&price_reference) {
            self.record(EventKind::SubscriptionPlanChanged, now);
            self.terms.price_reference = Some(price_reference);
            self.updated_at = now;
        }
        if self.product_id != product_id {
            self.product_id = product_id;
            self.updated_at = now;
        }
        Ok(())
    }

    /// Whether it may be paused: where the customer has what was bought.
    ///
    /// # Errors
    /// [`DomainError::InvalidSubscriptionStatus`] naming the status.
    pub const fn ensure_can_pause(&self) -> Result<(), DomainError> {
        if self.status.is_active() {
            return Ok(());
        }
        Err(DomainError::InvalidSubscriptionStatus {
            status: self.status.as_str(),
            action: "pause",
        })
    }

    /// Pauses it.
    ///
    /// # Errors
    /// As [`Self::ensure_can_pause`].
    pub fn pause(&mut self, now: Timestamp) -> Result<(), DomainError> {
        self.ensure_can_pause()?;
        self.move_to(SubscriptionStatus::Paused, now);
        Ok(())
    }

    /// Whether it may be resumed: where it is paused.
    ///
    /// # Errors
    /// [`DomainError::InvalidSubscriptionStatus`] naming the status.
    pub const fn ensure_can_resume(&self) -> Result<(), DomainError> {
        if matches!(self.status, SubscriptionStatus::Paused) {
            return Ok(());
        }
        Err(DomainError::InvalidSubscriptionStatus {
            status: self.status.as_str(),
            action: "resume",
        })
    }

    /// Resumes it: into its trial where that isn't over, else active.
    ///
    /// # Errors
    /// As [`Self::ensure_can_resume`].
    pub fn resume(&mut self, now: Timestamp) -> Result<(), DomainError> {
        self.ensure_can_resume()?;
        let trials = self.terms.trial_end.is_some_and(|end| end > now);
        let status = if trials {
            SubscriptionStatus::Trialing
        } else {
            SubscriptionStatus::Active
        };
        self.move_to(status, now);
        Ok(())
    }

    /// Changes its status. The same status again is no change.
    ///
    /// # Errors
    /// It has ended: what ended stays ended.
    pub fn update_status(&mut self, status: SubscriptionStatus, now: Timestamp) -> Result<(), DomainError> {
        if status == self.status {
            return Ok(());
        }
        self.ensure_open("change the status of")?;
        if status.is_final() {
            self.terms.ended_at.get_or_insert(now);
        }
        self.move_to(status, now);
        Ok(())
    }

    /// Takes in what a provider says, if it is newer than what is known.
    pub fn apply(&mut self, snapshot: &SubscriptionSnapshot, stamp: FactStamp, now: Timestamp) -> Applied {
        if self.status.is_final() {
            return Applied::Ended;
        }
        match stamp.order_after(&self.stamp) {
            FactOrder::Older => return Applied::Stale,
            FactOrder::Tie if self.says_the_same(snapshot) => return Applied::Unchanged,
            FactOrder::Tie => return Applied::Tie,
            FactOrder::Newer => {}
        }
        let stamp = FactStamp {
            // An answer without a time leaves the known time standing, so that an older event stays older.
            as_of: stamp.as_of.or(self.stamp.as_of),
            object_version: stamp.object_version.or(self.stamp.object_version),
            ..stamp
        };
        self.stamp = stamp;
        if self.says_the_same(snapshot) {
            return Applied::Unchanged;
        }
        self.record_differences(snapshot, now);
        self.terms = snapshot.terms.clone();
        self.provider_status.clone_from(&snapshot.provider_status);
        self.updated_at = now;
        if let Some(status) = snapshot.status
            && status != self.status
        {
            self.move_to(status, now);
        }
        Applied::Changed
    }

    fn says_the_same(&self, snapshot: &SubscriptionSnapshot) -> bool {
        snapshot.status.is_none_or(|status| status == self.status)
            && snapshot.provider_status == self.provider_status
            && snapshot.terms == self.terms
    }

    fn record_differences(&mut self, snapshot: &SubscriptionSnapshot, now: Timestamp) {
        let (old, new) = (self.terms.clone(), &snapshot.terms);
        if old.seats != new.seats {
            self.record(
                EventKind::SubscriptionSeatsChanged {
                    from: old.seats,
                    to: new.seats,
                },
                now,
            );
        }
        if old.price_reference != new.price_reference && old.price_reference.is_some() {
            self.record(EventKind::SubscriptionPlanChanged, now);
        }
        let ends_now = snapshot.status.is_some_and(SubscriptionStatus::is_final);
        match (old.cancellation_scheduled(), new.cancellation_scheduled()) {
            (false, true) if !ends_now => {
                let at = new.cancel_at.or(new.period.map(|period| period.end));
                self.record(EventKind::SubscriptionCancellationScheduled { at }, now);
            }
            (true, false) if !ends_now => self.record(EventKind::SubscriptionCancellationWithdrawn, now),
            _ => {}
        }
        if let (Some(before), Some(after)) = (old.period, new.period)
            && after.start > before.start
            && !ends_now
        {
            self.record(EventKind::SubscriptionRenewed, now);
        }
    }

    fn move_to(&mut self, to: SubscriptionStatus, now: Timestamp) {
        let from = self.status;
        self.status = to;
        self.updated_at = now;
        self.record(EventKind::SubscriptionStatusChanged { from, to }, now);
        match (from, to) {
            (_, to) if to.is_final() => self.record(EventKind::SubscriptionCanceled, now),
            (_, SubscriptionStatus::Paused) => self.record(EventKind::SubscriptionPaused, now),
            (SubscriptionStatus::Paused, _) => self.record(EventKind::SubscriptionResumed, now),
            _ => {}
        }
    }

    fn record(&mut self, kind: EventKind, now: Timestamp) {
        self.events.push(DomainEvent { kind, recorded_at: now });
    }
}
