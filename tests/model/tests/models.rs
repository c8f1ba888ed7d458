//! Every state of each model, as it is and with a guard taken out.

use std::time::Instant;

use tillgate_model::inbox::{self, Budget, Inbox};
use tillgate_model::outbox::{self, Outbox};
use tillgate_model::ties::{Answers, Ties};
use tillgate_model::{Model, check};

/// The model holds: how large it is, for whoever looks.
fn holds(name: &str, model: &impl Model) {
    let began = Instant::now();
    match check(model) {
        Ok(checked) => eprintln!(
            "{name}: {} states, {} steps, {:?}",
            checked.states,
            checked.steps,
            began.elapsed()
        ),
        Err(found) => panic!("{name}: {found}"),
    }
}

/// The model breaks, with this property among those that can come first.
fn breaks(name: &str, model: &impl Model, properties: &[&str]) {
    let found = check(model).expect_err("the guard is there for a reason");
    eprintln!("{name}: {found}\n");
    assert!(properties.contains(&found.property.as_str()), "{name}: {found}");
}

const MISHAPS: Budget = Budget {
    crashes: 1,
    lost_answers: 1,
    failures: 1,
    slow_workers: 1,
};

fn inbox(without: inbox::Without, budget: Budget) -> Inbox {
    Inbox { without, budget }
}

#[test]
fn webhooks_are_taken_in_once_through_two_crashes() {
    let budget = Budget {
        crashes: 2,
        lost_answers: 0,
        failures: 0,
        slow_workers: 0,
    };
    holds("inbox, two crashes", &inbox(inbox::Without::Nothing, budget));
}

#[test]
fn webhooks_are_taken_in_once_whatever_goes_wrong_together() {
    holds("inbox, one of each", &inbox(inbox::Without::Nothing, MISHAPS));
}

#[test]
fn each_guard_of_the_inbox_is_needed() {
    let cases = [
        (inbox::Without::CommitBeforeAnswer, "an acknowledged webhook is lost"),
        (inbox::Without::KeyWithEffect, "an acknowledged webhook is lost"),
        (inbox::Without::UniqueKey, "an effect is doubled"),
        (inbox::Without::AggregateVersion, "an effect that was published is gone"),
        (inbox::Without::InboxVersion, "what was processed isn't any more"),
    ];
    for (without, property) in cases {
        breaks(
            &format!("inbox without {without:?}"),
            &inbox(without, MISHAPS),
            &[property],
        );
    }
}

fn outbox(without: outbox::Without) -> Outbox {
    Outbox {
        without,
        crashes: 2,
        slow_workers: 1,
    }
}

#[test]
fn events_reach_the_feed_and_the_endpoint() {
    holds("outbox", &outbox(outbox::Without::Nothing));
}

#[test]
fn each_guard_of_the_outbox_is_needed() {
    let cases: [(_, &[&str]); 4] = [
        (outbox::Without::Positions, &["the reader has skipped an event"]),
        (
            outbox::Without::Lock,
            &[
                "two events have one position",
                "an event has two deliveries to one endpoint",
                "the reader has skipped an event",
            ],
        ),
        (
            outbox::Without::MarkAfterSending,
            &["what was never sent is marked as sent"],
        ),
        (
            outbox::Without::DeliveryWithPosition,
            &["nothing that can happen from here finishes it"],
        ),
    ];
    for (without, properties) in cases {
        breaks(&format!("outbox without {without:?}"), &outbox(without), properties);
    }
}

#[test]
fn ties_end_with_the_last_change() {
    holds(
        "ties",
        &Ties {
            answers: Answers::ToWhatIsStored,
        },
    );
}

#[test]
fn an_answer_that_is_older_than_what_is_stored_must_not_count() {
    let ties = Ties {
        answers: Answers::Always,
    };
    breaks(
        "ties with old answers",
        &ties,
        &["what is stored isn't the last change"],
    );
}
