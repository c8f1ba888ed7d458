use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use tillgate_application::ports::{ExchangeMethod, Reached, RetryAdvice};

use super::*;

/// What the provider's side does with requests, in order.
#[derive(Default)]
struct Provider {
    answers: Mutex<VecDeque<Result<ExchangeOutcome, RequestRefused>>>,
    sent: Mutex<Vec<ExchangeRequest>>,
}

impl Outside for &Provider {
    type Prepared = ExchangeRequest;

    fn prepare(&self, request: &ExchangeRequest) -> Result<ExchangeRequest, RequestRefused> {
        if request.endpoint == "unknown" {
            return Err("the manifest has no endpoint \"unknown\"".to_owned());
        }
        Ok(request.clone())
    }

    async fn send(&self, prepared: ExchangeRequest) -> Result<ExchangeOutcome, RequestRefused> {
        self.sent.lock().unwrap().push(prepared);
        self.answers.lock().unwrap().pop_front().expect("an answer")
    }
}

/// A journal that can stop working at a given call, as a host that crashes.
#[derive(Default)]
struct FakeJournal {
    recorded: Vec<Exchange>,
    calls: usize,
    breaks_at: Option<usize>,
}

impl FakeJournal {
    fn of(recorded: &[Exchange]) -> Self {
        Self {
            recorded: recorded.to_vec(),
            ..Self::default()
        }
    }

    fn call(&mut self) -> Result<(), StoreError> {
        self.calls += 1;
        if Some(self.calls) == self.breaks_at {
            return Err(StoreError::Unavailable("crash".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for FakeJournal {
    fn recorded(&self) -> &[Exchange] {
        &self.recorded
    }

    async fn sending(&mut self, request: &ExchangeRequest) -> Result<(), StoreError> {
        self.call()?;
        self.recorded.push(Exchange {
            request: request.clone(),
            outcome: None,
        });
        Ok(())
    }

    async fn received(&mut self, outcome: ExchangeOutcome) -> Result<(), StoreError> {
        self.call()?;
        let last = self.recorded.last_mut().expect("a request was recorded");
        assert!(last.outcome.is_none(), "an outcome is recorded once");
        last.outcome = Some(outcome);
        Ok(())
    }
}

fn request(path: &str, effect: Effect) -> ExchangeRequest {
    ExchangeRequest {
        method: ExchangeMethod::Post,
        endpoint: "api".to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        effect,
        credential: None,
    }
}

fn answered(status: u16) -> ExchangeOutcome {
    ExchangeOutcome::Response {
        status,
        headers: Vec::new(),
        body: b"{}".to_vec(),
    }
}

fn lost(reached: Reached) -> ExchangeOutcome {
    ExchangeOutcome::Failed {
        reached,
        kind: "timeout".to_owned(),
        message: "no answer".to_owned(),
    }
}

fn failure(kind: FailureKind) -> ProviderFailure {
    ProviderFailure {
        kind,
        message: "said so".to_owned(),
        provider_code: None,
        decline_code: None,
        parameter: None,
        http_status: None,
        request_id: None,
        retry: RetryAdvice::Allowed,
    }
}

fn info() -> PluginInfo {
    PluginInfo {
        digest: "d1".to_owned(),
        name: "testpay".to_owned(),
        version: "0.1.0".to_owned(),
        title: String::new(),
        description: String::new(),
        contract: String::new(),
        capabilities: Vec::new(),
        cancel_modes: Vec::new(),
        quantity: String::new(),
        idempotency: String::new(),
        endpoints: std::collections::BTreeMap::new(),
        secrets: Vec::new(),
        settings: Vec::new(),
        size_bytes: 0,
    }
}

type Answer = Result<Step<String>, Box<PluginFault>>;

async fn drive(
    provider: &Provider,
    journal: &mut FakeJournal,
    run: impl Fn(&[Exchange]) -> Answer + Send + Sync,
) -> Result<String, GatewayError> {
    let (plugin, turns) = (info(), Turns::new(1));
    let drive = Drive {
        metrics: &tillgate_application::ports::NoMetrics,
        plugin: &plugin,
        operation: "checkout.create-session",
        outside: provider,
        turns: &turns,
    };
    drive.run(journal, &run).await
}

/// A provider that answers each request with 200, however often.
fn willing() -> Provider {
    let answers = (0..32).map(|_| Ok(answered(200))).collect();
    Provider {
        answers: Mutex::new(answers),
        ..Provider::default()
    }
}

fn answering(outcomes: impl IntoIterator<Item = ExchangeOutcome>) -> Provider {
    Provider {
        answers: Mutex::new(outcomes.into_iter().map(Ok).collect()),
        ..Provider::default()
    }
}

/// A plugin that reads, writes, and is done.
fn read_then_write(effect: Effect) -> impl Fn(&[Exchange]) -> Answer + Send + Sync {
    move |recorded| {
        Ok(match recorded.len() {
            0 => Step::Send(request("/read", Effect::Read)),
            1 => Step::Send(request("/write", effect)),
            _ => match &recorded[1].outcome {
                Some(ExchangeOutcome::Response { .. }) => Step::Done("done".to_owned()),
                _ => Step::Failed(failure(FailureKind::Unavailable)),
            },
        })
    }
}

fn paths(provider: &Provider) -> Vec<String> {
    provider
        .sent
        .lock()
        .unwrap()
        .iter()
        .map(|request| request.path.clone())
        .collect()
}

fn kind_of(error: GatewayError) -> String {
    match error {
        GatewayError::PluginFault(fault) => {
            assert_eq!((fault.plugin.as_str(), fault.digest.as_str()), ("testpay", "d1"));
            assert_eq!(fault.operation, "checkout.create-session");
            fault.kind
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_exchange_is_recorded_before_it_is_sent_and_its_outcome_after() {
    let (provider, mut journal) = (willing(), FakeJournal::default());
    let result = drive(&provider, &mut journal, read_then_write(Effect::IdempotentWrite)).await;
    assert_eq!(result.unwrap(), "done");
    assert_eq!(paths(&provider), ["/read", "/write"]);
    assert_eq!(journal.calls, 4);
    assert!(
        journal
            .recorded
            .iter()
            .all(|exchange| exchange.outcome == Some(answered(200)))
    );
}

#[tokio::test]
async fn nothing_is_sent_that_could_not_be_recorded() {
    let (provider, mut journal) = (willing(), FakeJournal::default());
    journal.breaks_at = Some(1);
    let error = drive(&provider, &mut journal, read_then_write(Effect::Write))
        .await
        .unwrap_err();
    assert!(matches!(error, GatewayError::Journal(_)), "{error:?}");
    assert!(paths(&provider).is_empty());
}

#[tokio::test]
async fn a_crash_at_any_point_is_gone_on_from() {
    for effect in [Effect::IdempotentWrite, Effect::Write] {
        for crash in 1..=4 {
            let provider = willing();
            let mut journal = FakeJournal {
                breaks_at: Some(crash),
                ..FakeJournal::default()
            };
            let error = drive(&provider, &mut journal, read_then_write(effect))
                .await
                .unwrap_err();
            assert!(matches!(error, GatewayError::Journal(_)), "crash {crash}");
            // Another host goes on from what is recorded.
            let mut journal = FakeJournal::of(&journal.recorded);
            let result = drive(&provider, &mut journal, read_then_write(effect)).await;
            let writes = paths(&provider).iter().filter(|path| *path == "/write").count();
            let reads = paths(&provider).iter().filter(|path| *path == "/read").count();
            assert_eq!(reads, if crash == 2 { 2 } else { 1 }, "crash {crash}");
            if effect == Effect::Write && crash == 4 {
                assert_eq!(writes, 1, "a plain write is never sent twice");
                let GatewayError::UnknownOutcome(failure) = result.unwrap_err() else {
                    panic!("it may have been done");
                };
                assert_eq!(failure.kind, FailureKind::UnknownOutcome);
                assert!(matches!(
                    &journal.recorded[1].outcome,
                    Some(ExchangeOutcome::Failed { reached: Reached::MaybeSent, kind, .. }) if kind == "interrupted"
                ));
            } else {
                assert_eq!(result.unwrap(), "done", "crash {crash}");
                assert_eq!(writes, if crash == 4 { 2 } else { 1 }, "crash {crash}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_recorded_is_replayed_and_not_sent_again() {
    let (provider, mut journal) = (willing(), FakeJournal::default());
    drive(&provider, &mut journal, read_then_write(Effect::Write))
        .await
        .unwrap();
    let (silent, mut again) = (Provider::default(), FakeJournal::of(&journal.recorded));
    let result = drive(&silent, &mut again, read_then_write(Effect::Write)).await;
    assert_eq!(result.unwrap(), "done");
    assert!(paths(&silent).is_empty());
    assert_eq!(again.calls, 0);
}

#[tokio::test]
async fn a_plugin_that_asks_for_something_else_when_it_runs_again_is_at_fault() {
    let unanswered = Exchange {
        request: request("/before", Effect::IdempotentWrite),
        outcome: None,
    };
    let answers: [fn() -> Step<String>; 3] = [
        || Step::Send(request("/after", Effect::IdempotentWrite)),
        || Step::Done("done".to_owned()),
        || Step::Failed(failure(FailureKind::Conflict)),
    ];
    for answer in answers {
        let (provider, mut journal) = (willing(), FakeJournal::of(std::slice::from_ref(&unanswered)));
        let error = drive(&provider, &mut journal, |_| Ok(answer())).await.unwrap_err();
        assert_eq!(kind_of(error), "nondeterministic");
        assert!(paths(&provider).is_empty());
        assert_eq!(journal.recorded[0].outcome, None, "it stays open");
    }
}

#[tokio::test]
async fn exchanges_and_the_journal_are_bounded() {
    let (provider, mut journal) = (willing(), FakeJournal::default());
    let endless = |recorded: &[Exchange]| Ok(Step::Send(request(&format!("/{}", recorded.len()), Effect::Read)));
    let error = drive(&provider, &mut journal, endless).await.unwrap_err();
    assert_eq!(kind_of(error), "too_many_exchanges");
    assert_eq!(paths(&provider).len(), EXCHANGES_MAX);

    let large = || ExchangeOutcome::Response {
        status: 200,
        headers: Vec::new(),
        body: vec![0; 1024 * 1024],
    };
    let (provider, mut journal) = (answering((0..8).map(|_| large())), FakeJournal::default());
    let error = drive(&provider, &mut journal, endless).await.unwrap_err();
    assert_eq!(kind_of(error), "journal_too_large");
    assert_eq!(paths(&provider).len(), JOURNAL_BYTES_MAX / (1024 * 1024) + 1);
}

#[tokio::test]
async fn a_request_that_may_not_be_sent_is_a_fault_and_leaves_nothing_open() {
    let asks = |endpoint: &'static str| {
        move |_: &[Exchange]| {
            let mut request = request("/x", Effect::Write);
            request.endpoint = endpoint.to_owned();
            Ok(Step::Send(request))
        }
    };
    let (provider, mut journal) = (Provider::default(), FakeJournal::default());
    let error = drive(&provider, &mut journal, asks("unknown")).await.unwrap_err();
    assert_eq!(kind_of(error), "request_refused");
    assert!(journal.recorded.is_empty());

    let provider = Provider {
        answers: Mutex::new(VecDeque::from([Err("header host".to_owned())])),
        ..Provider::default()
    };
    let error = drive(&provider, &mut journal, asks("api")).await.unwrap_err();
    assert_eq!(kind_of(error), "request_refused");
    assert!(matches!(
        journal.recorded[0].outcome,
        Some(ExchangeOutcome::Failed {
            reached: Reached::NotSent,
            ..
        })
    ));
}

/// A plugin that sends these and then fails with that.
fn fails_after(requests: Vec<ExchangeRequest>, kind: FailureKind) -> impl Fn(&[Exchange]) -> Answer + Send + Sync {
    move |recorded| {
        Ok(match requests.get(recorded.len()) {
            Some(request) => Step::Send(request.clone()),
            None => Step::Failed(failure(kind)),
        })
    }
}

#[tokio::test]
async fn a_write_that_may_have_been_performed_is_never_called_failed() {
    use Effect::{IdempotentWrite, Read, Write};
    use Reached::{MaybeSent, NotSent, Sent};
    let (ok, no) = (answered(200), answered(402));
    for (name, exchanges, unknown) in [
        ("lost", vec![(Write, lost(MaybeSent))], true),
        ("unreadable", vec![(Write, lost(Sent))], true),
        ("lost, repeatable", vec![(IdempotentWrite, lost(MaybeSent))], true),
        ("never left", vec![(Write, lost(NotSent))], false),
        ("refused", vec![(Write, no.clone())], false),
        ("only asked", vec![(Read, lost(MaybeSent))], false),
        (
            "settled by an answer",
            vec![(Write, lost(MaybeSent)), (Read, ok.clone())],
            false,
        ),
        (
            "asking failed too",
            vec![(Write, lost(MaybeSent)), (Read, lost(NotSent))],
            true,
        ),
        (
            "an earlier one was answered",
            vec![(Write, ok.clone()), (Read, lost(NotSent))],
            false,
        ),
    ] {
        for said in [
            FailureKind::Unavailable,
            FailureKind::InvalidRequest,
            FailureKind::Declined,
        ] {
            let provider = answering(exchanges.iter().map(|(_, outcome)| outcome.clone()));
            let requests = exchanges.iter().map(|(effect, _)| request("/x", *effect)).collect();
            let mut journal = FakeJournal::default();
            let error = drive(&provider, &mut journal, fails_after(requests, said))
                .await
                .unwrap_err();
            let is_unknown = matches!(error, GatewayError::UnknownOutcome(_));
            assert_eq!(is_unknown, unknown, "{name}, said {said:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_write_that_was_accepted_is_not_called_not_done() {
    let kinds = [FailureKind::Unavailable, FailureKind::RateLimited];
    for (effect, unknown) in [(Effect::Write, true), (Effect::IdempotentWrite, false)] {
        for kind in kinds {
            let (provider, mut journal) = (willing(), FakeJournal::default());
            let plugin = fails_after(vec![request("/x", effect)], kind);
            let error = drive(&provider, &mut journal, plugin).await.unwrap_err();
            assert_eq!(matches!(error, GatewayError::UnknownOutcome(_)), unknown, "{error:?}");
            assert_eq!(matches!(error, GatewayError::NotSent(_)), !unknown, "{error:?}");
        }
    }
}

#[tokio::test]
async fn what_a_failure_means_decides_what_becomes_of_the_operation() {
    for (kind, expected) in [
        (FailureKind::Unavailable, "not sent"),
        (FailureKind::RateLimited, "not sent"),
        (FailureKind::UnknownOutcome, "unknown"),
        (FailureKind::Unsupported, "unsupported"),
        (FailureKind::InvalidRequest, "rejected"),
        (FailureKind::Unauthorized, "not sent"),
        (FailureKind::NotFound, "rejected"),
        (FailureKind::Conflict, "not sent"),
        (FailureKind::Declined, "rejected"),
        (FailureKind::MalformedResponse, "not sent"),
    ] {
        let (provider, mut journal) = (Provider::default(), FakeJournal::default());
        let error = drive(&provider, &mut journal, fails_after(Vec::new(), kind))
            .await
            .unwrap_err();
        let became = match &error {
            GatewayError::NotSent(_) => "not sent",
            GatewayError::UnknownOutcome(_) => "unknown",
            GatewayError::Unsupported { provider, capability } => {
                assert_eq!(provider, "testpay");
                assert!(capability.contains("said so"), "{capability}");
                "unsupported"
            }
            GatewayError::Rejected(_) => "rejected",
            other => panic!("{other:?}"),
        };
        assert_eq!(became, expected, "{kind:?}");
    }
    // A conflict that stays one.
    let (provider, mut journal) = (Provider::default(), FakeJournal::default());
    let stays = |_: &[Exchange]| {
        let conflict = ProviderFailure {
            retry: RetryAdvice::Never,
            ..failure(FailureKind::Conflict)
        };
        Ok(Step::<String>::Failed(conflict))
    };
    let error = drive(&provider, &mut journal, stays).await.unwrap_err();
    assert!(matches!(error, GatewayError::Rejected(_)), "{error:?}");
}

#[tokio::test]
async fn a_write_lost_on_the_way_can_still_end_well() {
    let provider = answering([lost(Reached::MaybeSent), answered(200)]);
    let mut journal = FakeJournal::default();
    let result = drive(&provider, &mut journal, |recorded| {
        Ok(match recorded.len() {
            0 => Step::Send(request("/write", Effect::Write)),
            1 => Step::Send(request("/look", Effect::Read)),
            _ => Step::Done("it was done".to_owned()),
        })
    })
    .await;
    assert_eq!(result.unwrap(), "it was done");
}

#[tokio::test]
async fn a_journal_with_a_hole_is_not_run() {
    let hole = Exchange {
        request: request("/a", Effect::Read),
        outcome: None,
    };
    let mut journal = FakeJournal::of(&[hole.clone(), hole]);
    let error = drive(&willing(), &mut journal, |_| Ok(Step::Done(String::new())))
        .await
        .unwrap_err();
    assert!(
        matches!(error, GatewayError::Journal(StoreError::Corrupt(_))),
        "{error:?}"
    );
}
