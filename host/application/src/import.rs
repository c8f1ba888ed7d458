//! Imports: what a provider has already is taken over, page by page, and how far that is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tillgate_domain::{ImportId, ProviderAccountId, TenantId, Timestamp};

use crate::bounds::IMPORT_REASONS_MAX;
use crate::ports::BackfillKind;

/// How an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImportStatus {
    /// Under way, or interrupted: the next one goes on with it. An account has one at the most.
    Running,
    /// All of it was taken over. Final.
    Finished,
    /// Another was begun in its place. Final.
    Abandoned,
}

impl ImportStatus {
    /// Its name, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Abandoned => "abandoned",
        }
    }
}

/// How far an import is with one kind of thing. Each thing the provider listed is counted once: as created, changed,
/// unchanged or left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    /// Which kind.
    pub kind: BackfillKind,
    /// Whether its last page was taken over.
    pub done: bool,
    /// How many things the provider listed.
    pub seen: u64,
    /// How many weren't known here.
    pub created: u64,
    /// How many were known, and the provider says something new about them, or about what belongs to them.
    pub changed: u64,
    /// How many were known just so.
    pub unchanged: u64,
    /// How many can't be taken over, by the reason.
    pub left_out: BTreeMap<String, u64>,
}

impl ImportProgress {
    fn of(kind: BackfillKind) -> Self {
        Self {
            kind,
            done: false,
            seen: 0,
            created: 0,
            changed: 0,
            unchanged: 0,
            left_out: BTreeMap::new(),
        }
    }

    pub(crate) fn leave_out(&mut self, reason: &str) {
        let known = self.left_out.contains_key(reason);
        let reason = if known || self.left_out.len() < IMPORT_REASONS_MAX {
            reason
        } else {
            "for other reasons"
        };
        self.seen += 1;
        *self.left_out.entry(reason.to_owned()).or_default() += 1;
    }
}

/// An import. It is stored with each page's effects, in the same unit of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which account.
    pub account_id: ProviderAccountId,
    /// Whether what is taken over is published as domain events.
    pub announce: bool,
    /// How it stands.
    pub status: ImportStatus,
    /// The place in the list of the kind that is under way; none at its beginning.
    pub cursor: Option<String>,
    /// How far it is, for each kind that was asked for, in their order.
    pub progress: Vec<ImportProgress>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When its last page was taken over.
    pub updated_at: Timestamp,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// How often it was stored; 0 before the first time.
    pub version: u64,
}

impl Import {
    /// One that begins.
    pub(crate) fn begin(
        id: ImportId,
        tenant_id: TenantId,
        account_id: ProviderAccountId,
        kinds: &[BackfillKind],
        announce: bool,
        now: Timestamp,
    ) -> Self {
        let asked_for = |kind: &BackfillKind| kinds.is_empty() || kinds.contains(kind);
        let kinds = BackfillKind::ALL.into_iter().filter(asked_for);
        Self {
            id,
            tenant_id,
            account_id,
            announce,
            status: ImportStatus::Running,
            cursor: None,
            progress: kinds.map(ImportProgress::of).collect(),
            started_at: now,
            updated_at: now,
            ended_at: None,
            version: 0,
        }
    }

    /// The kinds that were asked for.
    pub fn kinds(&self) -> impl Iterator<Item = BackfillKind> {
        self.progress.iter().map(|progress| progress.kind)
    }

    /// The kind that is under way; none at the end.
    #[must_use]
    pub fn under_way(&self) -> Option<BackfillKind> {
        self.progress
            .iter()
            .find(|progress| !progress.done)
            .map(|progress| progress.kind)
    }

    /// Goes on to the next page, or to the next kind where there is none. `count` counts what was on this one.
    pub(crate) fn advance(&mut self, next: Option<String>, count: impl FnOnce(&mut ImportProgress), now: Timestamp) {
        if let Some(progress) = self.progress.iter_mut().find(|progress| !progress.done) {
            count(progress);
            progress.done = next.is_none();
        }
        self.cursor = next;
        self.updated_at = now;
        if self.under_way().is_none() {
            self.status = ImportStatus::Finished;
            self.ended_at = Some(now);
        }
    }

    /// Ends it, for another to begin.
    pub(crate) fn abandon(&mut self, now: Timestamp) {
        self.status = ImportStatus::Abandoned;
        self.updated_at = now;
        self.ended_at = Some(now);
    }
}
