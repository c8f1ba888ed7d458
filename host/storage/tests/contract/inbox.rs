//! Received webhooks as operators look for them, and put them back.

use tillgate_application::inbox::{InboxEntry, InboxFilter, InboxStatus, InboxSummary, KnownEvent, PluginBuild};
use tillgate_application::ports::{WebhookRequest, Write};
use tillgate_domain::{InboxId, ProviderAccountId, TenantId};

use crate::given::{ACCOUNT, OTHER_TENANT, Shared, TENANT, account, at, begin, commit, page, version_conflict};

crate::on_every_store! {
    webhooks_are_found_by_what_they_are,
    webhooks_come_in_pages,
    one_that_is_put_back_is_due_at_once,
    what_an_event_says_is_kept_with_its_key,
}

/// A webhook whose id was made when it was received.
pub(crate) fn webhook(number: u128, received: i64, status: InboxStatus) -> InboxEntry {
    InboxEntry {
        id: id(number, received),
        tenant_id: TENANT,
        account_id: ACCOUNT,
        request: WebhookRequest {
            method: "POST".to_owned(),
            url: "https://example.com/w".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: b"{}".to_vec(),
            remote_ip: None,
            received_at_ms: received,
        },
        fetch_back: false,
        provider_types: "invoice.paid,customer.created".to_owned(),
        status,
        attempts: 84,
        next_attempt_at: at(received),
        error: Some("not understood".to_owned()),
        failed_with: Some(PluginBuild {
            name: "stripe".to_owned(),
            version: "1.0.0".to_owned(),
            digest: "ab".repeat(32),
        }),
        journal: Vec::new(),
        plugin_version: None,
        replays: 0,
        received_at: at(received),
        processed_at: None,
        version: 0,
    }
}

fn id(number: u128, received: i64) -> InboxId {
    InboxId::from_bits((u128::from(received.unsigned_abs()) << 80) | number)
}

const HOUR: i64 = 60 * 60 * 1000;

async fn webhooks_are_found_by_what_they_are(database: &Shared) {
    begin(database).await;
    let other = ProviderAccountId::from_bits(2);
    let of_other = InboxEntry {
        tenant_id: OTHER_TENANT,
        account_id: other,
        provider_types: "invoice.paid_out".to_owned(),
        ..webhook(5, 9 * HOUR, InboxStatus::Dead)
    };
    let writes = [
        Write::Account(account(2, OTHER_TENANT, true)),
        Write::Inbox(webhook(1, HOUR, InboxStatus::Pending)),
        Write::Inbox(webhook(2, 3 * HOUR, InboxStatus::Processed)),
        Write::Inbox(webhook(3, 5 * HOUR, InboxStatus::Dead)),
        Write::Inbox(webhook(4, 7 * HOUR, InboxStatus::Conflicting)),
        Write::Inbox(of_other),
    ];
    commit(database, writes).await.unwrap();
    let found = async |filter: InboxFilter| {
        let page = database.inbox_entries(&filter, &page(100, None)).await.unwrap();
        let numbers = page.items.iter().map(|row| row.id.bits() & 0xff);
        numbers.collect::<Vec<u128>>()
    };
    let any = InboxFilter::default;
    assert_eq!(found(any()).await, [1, 2, 3, 4, 5]);
    let of_tenant = |id: TenantId| InboxFilter {
        tenant_id: Some(id),
        ..any()
    };
    assert_eq!(found(of_tenant(TENANT)).await, [1, 2, 3, 4]);
    assert_eq!(found(of_tenant(OTHER_TENANT)).await, [5]);
    assert_eq!(found(of_tenant(TenantId::from_bits(9))).await, []);
    let of_account = InboxFilter {
        account_id: Some(other),
        ..any()
    };
    assert_eq!(found(of_account).await, [5]);
    for (status, expected) in InboxStatus::ALL.into_iter().zip([&[1][..], &[2], &[3, 5], &[4]]) {
        let filter = InboxFilter {
            status: Some(status),
            ..any()
        };
        assert_eq!(found(filter).await, expected, "{status:?}");
        let counted = database.inbox_count(status).await.unwrap();
        assert_eq!(counted, u64::try_from(expected.len()).unwrap());
    }
    for (name, expected) in [
        ("invoice.paid", &[1, 2, 3, 4][..]),
        ("customer.created", &[1, 2, 3, 4]),
        ("invoice.paid_out", &[5]),
        ("invoice", &[]),
        ("%", &[]),
        ("", &[]),
    ] {
        let filter = InboxFilter {
            provider_type: Some(name.to_owned()),
            ..any()
        };
        assert_eq!(found(filter).await, expected, "{name}");
    }
    let between = InboxFilter {
        received_after: Some(at(3 * HOUR)),
        received_before: Some(at(7 * HOUR)),
        ..any()
    };
    assert_eq!(found(between.clone()).await, [2, 3]);
    let dead_between = InboxFilter {
        status: Some(InboxStatus::Dead),
        tenant_id: Some(TENANT),
        ..between
    };
    assert_eq!(found(dead_between).await, [3]);
}

async fn webhooks_come_in_pages(database: &Shared) {
    begin(database).await;
    let entries = [1, 2, 3].map(|number| webhook(number, HOUR, InboxStatus::Dead));
    commit(database, entries.clone().map(Write::Inbox)).await.unwrap();
    let dead = InboxFilter {
        status: Some(InboxStatus::Dead),
        ..InboxFilter::default()
    };
    let first = database.inbox_entries(&dead, &page(2, None)).await.unwrap();
    let stored = |entry: &InboxEntry| InboxSummary {
        version: 1,
        ..InboxSummary::from(entry)
    };
    assert_eq!(
        (first.items, first.has_more),
        (entries[..2].iter().map(stored).collect(), true)
    );
    let after = entries[1].id.to_string();
    let rest = database.inbox_entries(&dead, &page(2, Some(&after))).await.unwrap();
    assert_eq!((rest.items, rest.has_more), (vec![stored(&entries[2])], false));
}

async fn one_that_is_put_back_is_due_at_once(database: &Shared) {
    begin(database).await;
    let dead = webhook(1, HOUR, InboxStatus::Dead);
    commit(database, [Write::Inbox(dead.clone())]).await.unwrap();
    let replay = |version: u64, plugin_version: Option<&str>| Write::ReplayInbox {
        id: dead.id,
        version,
        plugin_version: plugin_version.map(str::to_owned),
        at: at(2 * HOUR),
    };
    assert_eq!(commit(database, [replay(0, None)]).await, version_conflict("webhook"));
    commit(database, [replay(1, Some("1.1.0"))]).await.unwrap();
    let due = database.due_inbox_entries(at(2 * HOUR), &[], 10).await.unwrap();
    let expected = InboxEntry {
        status: InboxStatus::Pending,
        attempts: 0,
        next_attempt_at: at(2 * HOUR),
        plugin_version: Some("1.1.0".to_owned()),
        replays: 1,
        version: 2,
        ..dead.clone()
    };
    assert_eq!(due, [expected]);
    assert_eq!(commit(database, [replay(1, None)]).await, version_conflict("webhook"));
    commit(database, [replay(2, None)]).await.unwrap();
    let entry = database.inbox_entry(dead.id).await.unwrap().unwrap();
    assert_eq!((entry.plugin_version, entry.replays), (None, 2));
}

async fn what_an_event_says_is_kept_with_its_key(database: &Shared) {
    begin(database).await;
    let key = |name: &str, digest| Write::EventKey {
        account_id: ACCOUNT,
        dedupe_key: name.to_owned(),
        inbox_id: InboxId::from_bits(1),
        digest,
        at: at(1),
    };
    let says = |name: &str, digest| Write::EventDigest {
        account_id: ACCOUNT,
        dedupe_key: name.to_owned(),
        digest,
    };
    let writes = [
        key("evt_1", Some([1; 32])),
        key("evt_2", None),
        key("evt_3", Some([3; 32])),
    ];
    commit(database, writes).await.unwrap();
    commit(
        database,
        [says("evt_2", [2; 32]), says("evt_3", [4; 32]), says("evt_9", [9; 32])],
    )
    .await
    .unwrap();
    let asked = ["evt_1", "evt_2", "evt_3", "evt_9"].map(str::to_owned);
    let known = database.known_events(ACCOUNT, &asked).await.unwrap();
    let expected = [("evt_1", 1), ("evt_2", 2), ("evt_3", 4)].map(|(name, byte)| KnownEvent {
        dedupe_key: name.to_owned(),
        inbox_id: InboxId::from_bits(1),
        digest: Some([byte; 32]),
    });
    assert_eq!(known, expected);
}
