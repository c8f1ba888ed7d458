//! Whether providers answer: name, address, TCP, TLS, and any answer at all, without a credential.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tillgate_egress::{Client, FailureKind, Options, Request, SendError, Stage, TransportFailure};
use tillgate_plugin_host::PluginHost;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::accounts::Account;
use super::clock::Reading;
use super::now_ms;
use super::report::Report;
use crate::config::Config;

/// For how long one endpoint may take. A person waits, and a healthy one takes a fraction of it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);

/// How many endpoints are asked at the same time: sockets are bounded, and a resolver is not to be flooded.
const PROBES_AT_ONCE: usize = 16;

/// What became of one question.
struct Answer {
    endpoint: String,
    accounts: usize,
    asked_ms: i64,
    answered_ms: i64,
    result: Result<Option<i64>, TransportFailure>,
}

/// Asks each endpoint once, however many accounts use it.
pub(crate) async fn examine(
    config: &Config,
    host: &PluginHost,
    accounts: &[Account],
    report: &mut Report,
) -> Vec<Reading> {
    let timeout = PROBE_TIMEOUT.min(Duration::from_secs(config.egress.timeout_seconds));
    let mut wanted: BTreeMap<String, (Request, usize)> = BTreeMap::new();
    for account in accounts {
        for (name, prepared) in host.probes(&account.connected, timeout) {
            match prepared {
                Ok(request) => wanted.entry(request.endpoint.to_string()).or_insert((request, 0)).1 += 1,
                Err(reason) => {
                    let remedy = "Correct the account's settings or endpoint overrides, and egress.origin_overrides";
                    report.fail(format!("{} endpoint {name}", account.name), reason, remedy);
                }
            }
        }
    }
    let options = Options {
        connect_timeout: timeout,
        ..Options::default()
    };
    let client = match Client::new(options) {
        Ok(client) => client,
        Err(error) => {
            report.fail(
                "endpoints",
                error.to_string(),
                "Reinstall the gateway: its TLS can't be set up",
            );
            return Vec::new();
        }
    };
    let mut answers = ask(&client, wanted).await;
    answers.sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
    let mut readings = Vec::new();
    for answer in answers {
        let check = format!("endpoint {}", answer.endpoint);
        match answer.result {
            Ok(date_ms) => {
                let took = answer.answered_ms.saturating_sub(answer.asked_ms);
                report.ok(check, format!("answers in {took} ms; {} account(s)", answer.accounts));
                let reading = |theirs| Reading::new(answer.endpoint, answer.asked_ms, answer.answered_ms, theirs);
                readings.extend(date_ms.map(reading));
            }
            Err(failure) => {
                let detail = format!("{}: {}; {} account(s)", failure.kind, failure.message, answer.accounts);
                report.fail(check, detail, remedy(failure.kind));
            }
        }
    }
    readings
}

async fn ask(client: &Client, wanted: BTreeMap<String, (Request, usize)>) -> Vec<Answer> {
    let turns = Arc::new(Semaphore::new(PROBES_AT_ONCE));
    let mut asked = JoinSet::new();
    for (endpoint, (request, accounts)) in wanted {
        let (client, turns) = (client.clone(), Arc::clone(&turns));
        asked.spawn(async move {
            // Never closed, so that there is always a turn.
            let _turn = turns.acquire().await;
            let asked_ms = now_ms();
            let result = reached(client.send(request).await);
            Answer {
                endpoint,
                accounts,
                asked_ms,
                answered_ms: now_ms(),
                result,
            }
        });
    }
    asked.join_all().await
}

/// Any answer is one; with its time, where it tells one.
fn reached(answer: Result<tillgate_egress::Response, SendError>) -> Result<Option<i64>, TransportFailure> {
    match answer {
        Ok(response) => {
            let date = response.headers.iter().find(|(name, _)| name == "date");
            Ok(date.and_then(|(_, value)| http_date_ms(value)))
        }
        // It began to answer: it is there, whatever it says to a request without a credential.
        Err(SendError::Failed(failure)) if failure.stage == Stage::Sent => Ok(None),
        Err(SendError::Failed(failure)) => Err(failure),
        Err(SendError::Refused(refused)) => Err(TransportFailure {
            stage: Stage::NotSent,
            kind: FailureKind::Protocol,
            message: refused.to_string(),
        }),
    }
}

/// A time as HTTP tells it (RFC 9110, 5.6.7), in milliseconds since 1970.
fn http_date_ms(value: &[u8]) -> Option<i64> {
    let text = str::from_utf8(value).ok()?;
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(time.timestamp().as_millisecond())
}

const fn remedy(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Dns => "Check that this host can resolve names, and how the provider's is spelled",
        FailureKind::AddressRefused => {
            "The name leads to a private address: check this host's resolver, or list the origin in egress.origin_overrides if it is \
             meant to"
        }
        FailureKind::Connect | FailureKind::Timeout | FailureKind::Reset => {
            "Check that the provider runs, and that a firewall lets this host reach it"
        }
        FailureKind::Tls => "Check this host's clock, and whether something in between intercepts TLS",
        FailureKind::TooLarge | FailureKind::Protocol => "Check that the origin is the provider's API, and speaks HTTP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        assert_eq!(http_date_ms(b"Thu, 01 Jan 1970 00:00:08 GMT"), Some(8_000));
        assert_eq!(http_date_ms(b"yesterday"), None);
        assert_eq!(http_date_ms(b"\xff"), None);
    }
}
