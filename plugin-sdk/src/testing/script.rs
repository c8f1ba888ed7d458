//! A scripted provider: which requests are expected, and what they are answered.

use std::fmt::Debug;

use super::expectation::Expectation;
use crate::context::Context;
use crate::step::{Step, step};
use crate::types::{
    Call, Effect, Exchange, GatewayError, HttpMethod, HttpRequest, HttpResponse, Reached, TransportFailure,
};

/// The requests of one operation, in order, and what comes back.
///
/// It plays the host: the operation starts anew for every step, with one more exchange in its journal. Each step is
/// run twice and has to give the same; a step that runs again has to make the same requests again, in the same order.
///
/// ```
/// use tillgate_plugin_sdk::testing::Script;
/// use tillgate_plugin_sdk::{Context, Form, types::GatewayError};
///
/// async fn create(ctx: &Context) -> Result<u16, GatewayError> {
///     let answer = ctx.post("/v1/things").form(&Form::new().field("name", "x")).send().await?;
///     Ok(answer.status())
/// }
///
/// let status = Script::new()
///     .expect_post("/v1/things")
///     .with_form("name", "x")
///     .respond(201, serde_json::json!({"id": "1"}))
///     .run(create);
/// assert_eq!(status, Ok(201));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a script does nothing until it is run"]
pub struct Script {
    call: Call,
    turns: Vec<(Expectation, Option<Exchange>)>,
}

/// What came of a script, and the requests that were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording<T> {
    /// How the operation ended.
    pub result: Result<T, GatewayError>,
    /// Its requests, in order.
    pub requests: Vec<HttpRequest>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A provider that expects nothing yet.
    pub fn new() -> Self {
        Self {
            call: super::call(),
            turns: Vec::new(),
        }
    }

    /// Runs the operation with this call.
    pub fn with_call(mut self, call: Call) -> Self {
        self.call = call;
        self
    }

    /// Acts for this account at the provider.
    pub fn with_account(mut self, reference: &str) -> Self {
        self.call.account_reference = Some(reference.to_owned());
        self
    }

    /// Expects a `GET` next.
    pub fn expect_get(self, path: &str) -> Self {
        self.expect(HttpMethod::Get, path)
    }

    /// Expects a `POST` next.
    pub fn expect_post(self, path: &str) -> Self {
        self.expect(HttpMethod::Post, path)
    }

    /// Expects a `DELETE` next.
    pub fn expect_delete(self, path: &str) -> Self {
        self.expect(HttpMethod::Delete, path)
    }

    /// Expects a request next.
    pub fn expect(mut self, method: HttpMethod, path: &str) -> Self {
        self.turns.push((Expectation::new(method, path), None));
        self
    }

    /// …with this field in its form.
    pub fn with_form(self, name: &str, value: &str) -> Self {
        self.on_last(|turn| turn.form.push((name.to_owned(), Some(value.to_owned()))))
    }

    /// …without this field in its form.
    pub fn without_form(self, name: &str) -> Self {
        self.on_last(|turn| turn.form.push((name.to_owned(), None)))
    }

    /// …with just these fields in its form, in this order.
    pub fn with_whole_form(self, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        self.on_last(|turn| turn.whole_form = Some(fields.collect()))
    }

    /// …with this query pair.
    pub fn with_query(self, name: &str, value: &str) -> Self {
        self.on_last(|turn| turn.query.push((name.to_owned(), value.to_owned())))
    }

    /// …with this header.
    pub fn with_header(self, name: &str, value: &str) -> Self {
        self.on_last(|turn| turn.headers.push((name.to_owned(), Some(value.to_owned()))))
    }

    /// …without this header.
    pub fn without_header(self, name: &str) -> Self {
        self.on_last(|turn| turn.headers.push((name.to_owned(), None)))
    }

    /// …with this JSON body.
    pub fn with_json(self, json: serde_json::Value) -> Self {
        self.on_last(|turn| turn.json = Some(json))
    }

    /// …with this effect.
    pub fn with_effect(self, effect: Effect) -> Self {
        self.on_last(|turn| turn.effect = Some(effect))
    }

    /// …with this credential.
    pub fn with_credential(self, name: &str) -> Self {
        self.on_last(|turn| turn.credential = Some(name.to_owned()))
    }

    /// Answers it with JSON.
    pub fn respond(self, status: u16, json: impl Into<serde_json::Value>) -> Self {
        let body = json.into().to_string().into_bytes();
        self.respond_bytes(status, body)
    }

    /// Answers it with any bytes.
    pub fn respond_bytes(self, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.answer(Exchange::Response(HttpResponse {
            status,
            headers: Vec::new(),
            body: body.into(),
        }))
    }

    /// Adds a header to the answer.
    ///
    /// # Panics
    ///
    /// Where there is no answer yet.
    pub fn respond_header(mut self, name: &str, value: &str) -> Self {
        match self.turns.last_mut() {
            Some((_, Some(Exchange::Response(response)))) => {
                response.headers.push((name.to_owned(), value.as_bytes().to_vec()));
            }
            _ => panic!("a header needs an answer it belongs to"),
        }
        self
    }

    /// Lets it fail on the way.
    pub fn fail(self, reached: Reached, kind: &str) -> Self {
        self.answer(Exchange::Failed(TransportFailure {
            reached,
            kind: kind.to_owned(),
            message: format!("{kind} in a test"),
        }))
    }

    /// Runs an operation.
    ///
    /// # Errors
    ///
    /// The operation's own.
    ///
    /// # Panics
    ///
    /// Where a request isn't the expected one, an expected one isn't made, or the operation isn't deterministic.
    pub fn run<T: Debug + PartialEq>(
        self,
        operation: impl AsyncFn(&Context) -> Result<T, GatewayError>,
    ) -> Result<T, GatewayError> {
        self.record(operation).result
    }

    /// Runs an operation, and keeps its requests.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    #[expect(clippy::needless_pass_by_value, reason = "closures are written in the call")]
    pub fn record<T: Debug + PartialEq>(
        self,
        operation: impl AsyncFn(&Context) -> Result<T, GatewayError>,
    ) -> Recording<T> {
        let mut journal = Vec::new();
        let mut requests: Vec<HttpRequest> = Vec::new();
        let mut turns = self.turns.iter().enumerate();
        loop {
            let (outcome, sent) = replayed(&self.call, &journal, &operation);
            let known = sent.get(..requests.len());
            assert_eq!(known, Some(requests.as_slice()), "a replay made other requests");
            let result = match outcome {
                Step::Done(done) => Ok(done),
                Step::Failed(error) => Err(error),
                Step::Send(request) => {
                    let turn = turns.next();
                    let Some((index, (expectation, answer))) = turn else {
                        panic!("a request nobody expects: {request:#?}");
                    };
                    expectation.check(index, &request);
                    let Some(answer) = answer else {
                        panic!("request {index} is expected, but has no answer");
                    };
                    requests.push(request);
                    journal.push(answer.clone());
                    continue;
                }
            };
            let missing: Vec<_> = turns.map(|(_, (expectation, _))| expectation).collect();
            assert!(
                missing.is_empty(),
                "it ended with {result:#?}, never sending {missing:#?}"
            );
            return Recording { result, requests };
        }
    }

    fn on_last(mut self, change: impl FnOnce(&mut Expectation)) -> Self {
        let (expectation, _) = self.turns.last_mut().expect("an expected request comes first");
        change(expectation);
        self
    }

    fn answer(mut self, exchange: Exchange) -> Self {
        let (_, answer) = self.turns.last_mut().expect("an expected request comes first");
        *answer = Some(exchange);
        self
    }
}

/// One step, run twice: its outcome, and every request it made on its way.
fn replayed<T: Debug + PartialEq>(
    call: &Call,
    journal: &[Exchange],
    operation: &impl AsyncFn(&Context) -> Result<T, GatewayError>,
) -> (Step<T>, Vec<HttpRequest>) {
    let run = || {
        let context = Context::new(call.clone(), journal.to_vec());
        let outcome = step(&context, operation(&context));
        assert_eq!(context.unread(), 0, "it didn't read all of its journal: {outcome:#?}");
        (outcome, context.sent())
    };
    let first = run();
    assert_eq!(first, run(), "the same step gave two outcomes");
    first
}
