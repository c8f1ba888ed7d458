//! The context of an operation: its call, its journal, and the requests it makes.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::vec::IntoIter;

use crate::error::NoAnswer;
use crate::form::Form;
use crate::response::Response;
use crate::types::{Call, Effect, Exchange, HttpMethod, HttpRequest, Mode, Reached, Timestamp, TransportFailure};

/// What an operation knows, and how it asks the provider.
///
/// An operation is run again from its start for every exchange. [`RequestBuilder::send`] gives back what the journal
/// recorded; where the journal ends, it leaves the request here and never comes back, and the step ends.
#[derive(Debug)]
pub struct Context {
    call: Call,
    journal: RefCell<IntoIter<Exchange>>,
    wanted: RefCell<Option<HttpRequest>>,
    writes: Cell<u32>,
    #[cfg(not(target_family = "wasm"))]
    sent: RefCell<Vec<HttpRequest>>,
}

impl Context {
    /// A context at the start of a step.
    #[must_use]
    pub fn new(call: Call, journal: Vec<Exchange>) -> Self {
        Self {
            call,
            journal: RefCell::new(journal.into_iter()),
            wanted: RefCell::new(None),
            writes: Cell::new(0),
            #[cfg(not(target_family = "wasm"))]
            sent: RefCell::new(Vec::new()),
        }
    }

    /// The call, as the host gave it.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// When the operation began: the same at each of its steps.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.call.now
    }

    /// Whether real money moves.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.call.mode
    }

    /// A setting of the provider account.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        let found = self.call.settings.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The account at the provider that is acted for, if any.
    #[must_use]
    pub fn account_reference(&self) -> Option<&str> {
        self.call.account_reference.as_deref()
    }

    /// An idempotency key for the next write of this operation: the call's own for the first, `…-2` for the second.
    ///
    /// An operation that runs again asks for them in the same order, so that each write keeps its key.
    pub fn next_idempotency_key(&self) -> String {
        let write = self.writes.get() + 1;
        self.writes.set(write);
        match write {
            1 => self.call.idempotency_key.clone(),
            _ => format!("{}-{write}", self.call.idempotency_key),
        }
    }

    /// Begins a `GET`, which changes nothing.
    pub fn get(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(HttpMethod::Get, path)
    }

    /// Begins a `POST`.
    pub fn post(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(HttpMethod::Post, path)
    }

    /// Begins a `PUT`.
    pub fn put(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(HttpMethod::Put, path)
    }

    /// Begins a `PATCH`.
    pub fn patch(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(HttpMethod::Patch, path)
    }

    /// Begins a `DELETE`.
    pub fn delete(&self, path: impl Into<String>) -> RequestBuilder<'_> {
        self.request(HttpMethod::Delete, path)
    }

    /// Begins a request: to the endpoint `api`, and a [`Effect::Write`] unless it is a `GET`.
    pub fn request(&self, method: HttpMethod, path: impl Into<String>) -> RequestBuilder<'_> {
        let effect = match method {
            HttpMethod::Get => Effect::Read,
            _ => Effect::Write,
        };
        RequestBuilder {
            context: self,
            request: HttpRequest {
                method,
                endpoint: "api".to_owned(),
                path: path.into(),
                query: Vec::new(),
                headers: Vec::new(),
                body: None,
                effect,
                credential: None,
            },
            unsendable: None,
        }
    }

    /// The request the operation stopped at.
    pub(crate) fn take_wanted(&self) -> Option<HttpRequest> {
        self.wanted.borrow_mut().take()
    }

    /// All requests the operation made so far, answered or not.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn sent(&self) -> Vec<HttpRequest> {
        self.sent.borrow().clone()
    }

    /// How much of the journal was never read.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn unread(&self) -> usize {
        self.journal.borrow().len()
    }

    /// The next recorded exchange, or nothing, having left the request.
    fn exchange(&self, request: &mut Option<HttpRequest>) -> Option<(Exchange, Effect)> {
        // Where two requests wait at once the first is performed; the other's turn comes with the next step.
        if self.wanted.borrow().is_some() {
            return None;
        }
        let request = request.take()?;
        #[cfg(not(target_family = "wasm"))]
        self.sent.borrow_mut().push(request.clone());
        let effect = request.effect;
        let recorded = self.journal.borrow_mut().next();
        if recorded.is_none() {
            *self.wanted.borrow_mut() = Some(request);
        }
        recorded.map(|exchange| (exchange, effect))
    }
}

/// A request in the making.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder<'a> {
    context: &'a Context,
    request: HttpRequest,
    unsendable: Option<String>,
}

impl<'a> RequestBuilder<'a> {
    /// Sends it to another endpoint of the manifest than `api`.
    pub fn endpoint(mut self, name: &str) -> Self {
        name.clone_into(&mut self.request.endpoint);
        self
    }

    /// Adds a query pair. The host encodes it.
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.request.query.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.request.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends a form as `application/x-www-form-urlencoded`.
    pub fn form(self, form: &Form) -> Self {
        self.body("application/x-www-form-urlencoded", form.encode().into_bytes())
    }

    /// Sends a value as JSON. Where it can't be (a map whose keys aren't text), nothing is sent and
    /// [`send`](Self::send) says so.
    pub fn json(self, value: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body("application/json", body),
            Err(error) => Self {
                unsendable: Some(error.to_string()),
                ..self
            },
        }
    }

    /// Sends any body.
    pub fn body(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.request.body = Some(body);
        self.header("content-type", content_type)
    }

    /// Says that the provider performs this write at most once, however often it is sent.
    pub fn idempotent(self) -> Self {
        self.effect(Effect::IdempotentWrite)
    }

    /// Says what repeating the request would do.
    pub fn effect(mut self, effect: Effect) -> Self {
        self.request.effect = effect;
        self
    }

    /// Names the manifest credential that the host attaches.
    pub fn credential(mut self, name: &str) -> Self {
        self.request.credential = Some(name.to_owned());
        self
    }

    /// Has the host perform it.
    pub fn send(self) -> Sending<'a> {
        Sending {
            context: self.context,
            request: Some(self.request),
            unsendable: self.unsendable,
        }
    }
}

/// The future of [`RequestBuilder::send`]: an answer from the journal, or the end of the step.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Sending<'a> {
    context: &'a Context,
    request: Option<HttpRequest>,
    unsendable: Option<String>,
}

impl Future for Sending<'_> {
    type Output = Result<Response, NoAnswer>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Self::Output> {
        let context = self.context;
        if let (Some(message), Some(request)) = (self.unsendable.take(), &self.request) {
            let failure = TransportFailure {
                reached: Reached::NotSent,
                kind: "encoding".to_owned(),
                message,
            };
            let effect = request.effect;
            return Poll::Ready(Err(NoAnswer { failure, effect }));
        }
        match context.exchange(&mut self.request) {
            None => Poll::Pending,
            Some((Exchange::Response(response), effect)) => Poll::Ready(Ok(Response::new(response, effect))),
            Some((Exchange::Failed(failure), effect)) => Poll::Ready(Err(NoAnswer { failure, effect })),
        }
    }
}
