//! The journal: how operations stop, go on, and what the test harness catches.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use proptest::prelude::*;
use serde_json::json;
use tillgate_plugin_sdk::testing::{self, Script};
use tillgate_plugin_sdk::types::{Effect, ErrorKind, Exchange, GatewayError, HttpMethod, HttpResponse, Reached};
use tillgate_plugin_sdk::{Context, Form, NoAnswer, Response, Step, step};

fn answered(status: u16) -> Exchange {
    Exchange::Response(HttpResponse {
        status,
        headers: vec![],
        body: vec![],
    })
}

async fn two(ctx: &Context) -> Result<u16, GatewayError> {
    let first = ctx.get("/a").query("q", "1").send().await?;
    let form = Form::new().field("status", first.status().to_string());
    let second = ctx.post("/b").form(&form).credential("api_key").send().await?;
    Ok(first.status() + second.status())
}

#[test]
fn an_operation_stops_where_its_journal_ends() {
    let run = |journal| {
        let ctx = Context::new(testing::call(), journal);
        step(&ctx, two(&ctx))
    };
    let Step::Send(first) = run(vec![]) else {
        panic!("it did not send")
    };
    assert_eq!((first.method, first.path.as_str()), (HttpMethod::Get, "/a"));
    assert_eq!((first.effect, first.endpoint.as_str()), (Effect::Read, "api"));
    assert_eq!(first.query, [("q".to_owned(), "1".to_owned())]);
    assert_eq!(first.body, None);
    let Step::Send(second) = run(vec![answered(200)]) else {
        panic!("it did not send")
    };
    assert_eq!((second.method, second.effect), (HttpMethod::Post, Effect::Write));
    assert_eq!(second.body.as_deref(), Some(b"status=200".as_slice()));
    assert_eq!(second.credential.as_deref(), Some("api_key"));
    assert_eq!(run(vec![answered(200), answered(201)]), Step::Done(401));
}

#[test]
fn waiting_for_anything_else_is_a_failure_and_no_hang() {
    let ctx = Context::new(testing::call(), vec![]);
    let Step::Failed(error) = step(&ctx, pending::<Result<(), GatewayError>>()) else {
        panic!("it did not fail");
    };
    assert_eq!(error.kind, ErrorKind::MalformedResponse);
    assert!(error.message.contains("isn't an exchange"), "{error}");
}

/// Awaits both, side by side.
async fn both(
    a: impl Future<Output = Result<Response, NoAnswer>>,
    b: impl Future<Output = Result<Response, NoAnswer>>,
) -> Result<(u16, u16), GatewayError> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut of_a, mut of_b) = (None, None);
    let both = poll_fn(|task| {
        if of_a.is_none()
            && let Poll::Ready(answer) = a.as_mut().poll(task)
        {
            of_a = Some(answer);
        }
        if of_b.is_none()
            && let Poll::Ready(answer) = b.as_mut().poll(task)
        {
            of_b = Some(answer);
        }
        match (of_a.take(), of_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (of_a, of_b) = (a, b);
                Poll::Pending
            }
        }
    });
    let (a, b) = both.await;
    Ok((a?.status(), b?.status()))
}

#[test]
fn requests_side_by_side_are_sent_one_after_the_other() {
    let result = Script::new()
        .expect_get("/a")
        .respond(200, json!({}))
        .expect_get("/b")
        .respond(201, json!({}))
        .run(async |ctx| both(ctx.get("/a").send(), ctx.get("/b").send()).await);
    assert_eq!(result, Ok((200, 201)));
}

#[test]
fn a_failed_transport_is_an_error_of_its_own() {
    let result = Script::new()
        .expect_get("/a")
        .fail(Reached::MaybeSent, "timeout")
        .run(two);
    assert_eq!(result.unwrap_err().kind, ErrorKind::Unavailable);
    let script = Script::new().expect_get("/a").respond(200, json!({}));
    let result = script.expect_post("/b").fail(Reached::MaybeSent, "timeout").run(two);
    assert_eq!(result.unwrap_err().kind, ErrorKind::UnknownOutcome);
}

#[test]
fn long_messages_are_cut_to_the_contract() {
    let ctx = Context::new(testing::call(), vec![]);
    let error = GatewayError::new(ErrorKind::Conflict, "x".repeat(10_000));
    let Step::Failed(error) = step(&ctx, async { Err::<(), _>(error) }) else {
        panic!("it did not fail");
    };
    assert_eq!(error.message.len(), 4096);
}

#[test]
#[should_panic(expected = "the same step gave two outcomes")]
fn the_harness_catches_chance() {
    let count = Cell::new(0);
    _ = Script::new().run(async |_| {
        count.set(count.get() + 1);
        Ok(count.get())
    });
}

#[test]
#[should_panic(expected = "a replay made other requests")]
fn the_harness_catches_replays_that_differ() {
    let steps = Cell::new(0);
    let script = Script::new().expect_get("/a").respond(200, json!({}));
    _ = script.run(async |ctx| {
        steps.set(steps.get() + 1);
        let path = if steps.get() <= 2 { "/a" } else { "/b" };
        Ok(ctx.get(path).send().await?.status())
    });
}

#[test]
#[should_panic(expected = "a request nobody expects")]
fn the_harness_catches_requests_nobody_expects() {
    _ = Script::new().expect_get("/a").respond(200, json!({})).run(two);
}

#[test]
#[should_panic(expected = "never sending")]
fn the_harness_catches_requests_never_made() {
    let script = Script::new().expect_get("/a").respond(200, json!({}));
    _ = script.run(async |_| Ok(()));
}

#[test]
#[should_panic(expected = "field status")]
fn the_harness_catches_other_fields() {
    let script = Script::new().expect_get("/a").respond(200, json!({}));
    _ = script
        .expect_post("/b")
        .with_form("status", "404")
        .respond(200, json!({}))
        .run(two);
}

#[test]
#[should_panic(expected = "the host refuses")]
fn the_harness_refuses_what_the_host_would() {
    let script = Script::new().expect_get("/a/../b").respond(200, json!({}));
    _ = script.run(async |ctx| Ok(ctx.get("/a/../b").send().await?.status()));
}

#[derive(Debug, Clone)]
struct Planned {
    is_write: bool,
    status: u16,
    lost: bool,
}

fn plans() -> impl Strategy<Value = Vec<Planned>> {
    let planned = (any::<bool>(), 200_u16..599, prop::bool::weighted(0.1));
    let planned = planned.prop_map(|(is_write, status, lost)| Planned { is_write, status, lost });
    prop::collection::vec(planned, 0..12)
}

proptest! {
    /// Whatever an operation sends and gets back, its replays agree, its writes keep their keys, and each request
    /// can depend on all answers before it.
    #[test]
    fn replays_agree(plans in plans()) {
        let mut script = Script::new();
        let (mut sum, mut writes) = (0_u32, 0);
        let mut lost_at = None;
        for (index, planned) in plans.iter().enumerate() {
            let path = format!("/{index}/{sum}");
            script = if planned.is_write {
                writes += 1;
                let key = if writes == 1 { "key".to_owned() } else { format!("key-{writes}") };
                script.expect_post(&path).with_header("k", &key).with_effect(Effect::IdempotentWrite)
            } else {
                script.expect_get(&path).without_header("k").with_effect(Effect::Read)
            };
            if planned.lost {
                script = script.fail(Reached::MaybeSent, "reset");
                lost_at = Some(planned.is_write);
                break;
            }
            script = script.respond(planned.status, json!({"at": index}));
            sum += u32::from(planned.status);
        }
        let count = plans.len();
        let result = script.run(async |ctx| {
            let mut sum = 0;
            for (index, planned) in plans.iter().enumerate().take(count) {
                let path = format!("/{index}/{sum}");
                let request = match planned.is_write {
                    true => ctx.post(path).header("k", ctx.next_idempotency_key()).idempotent(),
                    false => ctx.get(path),
                };
                let answer = request.send().await?;
                assert_eq!(answer.document()?.get("at").integer(), i64::try_from(index).ok());
                sum += u32::from(answer.status());
            }
            Ok(sum)
        });
        match lost_at {
            None => prop_assert_eq!(result, Ok(sum)),
            Some(true) => prop_assert_eq!(result.unwrap_err().kind, ErrorKind::UnknownOutcome),
            Some(false) => prop_assert_eq!(result.unwrap_err().kind, ErrorKind::Unavailable),
        }
    }
}

#[test]
fn what_can_not_be_written_as_json_is_not_sent() {
    let odd = std::collections::BTreeMap::from([(vec![1], 2)]);
    let result = Script::new().run(async |ctx| Ok(ctx.post("/a").json(&odd).send().await?.status()));
    assert_eq!(result.unwrap_err().kind, ErrorKind::Unavailable);
    let script = Script::new()
        .expect_post("/a")
        .with_json(json!({"a": 1}))
        .respond(200, json!({}));
    let fine = std::collections::BTreeMap::from([("a", 1)]);
    let result = script.run(async |ctx| Ok(ctx.post("/a").json(&fine).send().await?.status()));
    assert_eq!(result, Ok(200));
}
