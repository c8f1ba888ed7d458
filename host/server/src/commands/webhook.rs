//! `tillgate webhook`

use tillgate_application::inbox::{InboxFilter, InboxStatus};
use tillgate_application::ports::{PAGE_LIMIT_MAX, PageRequest};
use tillgate_application::{
    ApplicationError, BodyView, ExchangeView, FieldView, WebhookDetails, WebhookView, retrieve_webhook,
};
use tillgate_domain::{InboxId, Timestamp};

use super::webhook_replay::replay;
use super::{id, wired};
use crate::cli::{WebhookCommand, WebhookFilterArgs, WebhookStatusArg};
use crate::{Failure, load, output};

/// How much of an error a table shows, in characters.
const ERROR_SHOWN: usize = 60;

pub(crate) async fn webhook(command: WebhookCommand) -> Result<(), Failure> {
    match command {
        WebhookCommand::List {
            filter,
            limit,
            config,
            show,
        } => {
            let filter = wanted(&filter)?;
            let wired = wired(&load(&config)?).await?;
            let mut found: Vec<WebhookView> = Vec::new();
            let mut more = true;
            while more && found.len() < limit {
                let rest = u32::try_from(limit - found.len()).unwrap_or(PAGE_LIMIT_MAX);
                let page = PageRequest {
                    limit: rest.min(PAGE_LIMIT_MAX),
                    after: found.last().map(|webhook| webhook.id.clone()),
                };
                let store = &wired.app.ports().store;
                let page = store.inbox_entries(&filter, &page).await;
                let page = page.map_err(ApplicationError::from)?;
                more = page.has_more;
                found.extend(page.items.iter().map(WebhookView::from));
            }
            wired.database.close().await;
            if show.json {
                return output::print_json(&found);
            }
            print_webhooks(found);
            if more {
                println!("\nThere are more: see --limit, and the filters.");
            }
        }
        WebhookCommand::Replay(args) => replay(args).await?,
        WebhookCommand::Show {
            id: given,
            reveal,
            config,
            show,
        } => {
            let id: InboxId = id(&given)?;
            let wired = wired(&load(&config)?).await?;
            let webhook = retrieve_webhook(&wired.app, id, reveal).await?;
            wired.database.close().await;
            if show.json {
                return output::print_json(&webhook);
            }
            print_webhook(&webhook);
        }
    }
    Ok(())
}

/// Which webhooks are wanted.
pub(super) fn wanted(args: &WebhookFilterArgs) -> Result<InboxFilter, Failure> {
    Ok(InboxFilter {
        tenant_id: args.tenant.as_deref().map(id).transpose()?,
        account_id: args.account.as_deref().map(id).transpose()?,
        status: args.status.map(status),
        provider_type: args.r#type.clone(),
        received_after: args.from.map(at),
        received_before: args.to.map(at),
    })
}

const fn status(arg: WebhookStatusArg) -> InboxStatus {
    match arg {
        WebhookStatusArg::Pending => InboxStatus::Pending,
        WebhookStatusArg::Processed => InboxStatus::Processed,
        WebhookStatusArg::Dead => InboxStatus::Dead,
        WebhookStatusArg::Conflicting => InboxStatus::Conflicting,
    }
}

fn at(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millisecond())
}

fn print_webhooks(webhooks: Vec<WebhookView>) {
    let rows: Vec<Vec<String>> = webhooks
        .into_iter()
        .map(|webhook| {
            let error = webhook.error.unwrap_or_default();
            let mut shown: String = error.chars().take(ERROR_SHOWN).collect();
            if shown.len() < error.len() {
                shown.push('…');
            }
            vec![
                webhook.id,
                webhook.status,
                webhook.received_at,
                webhook.provider_account_id,
                webhook.provider_types.join(","),
                webhook.attempts.to_string(),
                shown,
            ]
        })
        .collect();
    let headings = ["ID", "STATUS", "RECEIVED", "ACCOUNT", "TYPES", "TRIES", "ERROR"];
    output::print_table(&headings, &rows, "No such webhooks.");
}

fn print_webhook(details: &WebhookDetails) {
    output::print_fields(&details.webhook);
    let request = &details.request;
    println!("\n{} {}", request.method, request.url);
    for field in &request.query {
        println!("  ?{}", line(field));
    }
    for field in &request.headers {
        println!("  {}", line(field));
    }
    print_body("", &request.body);
    for exchange in &details.journal {
        print_exchange(exchange);
    }
    if request.body.content.is_none() {
        println!("\nContents are withheld; --reveal shows them.");
    }
}

fn line(field: &FieldView) -> String {
    match &field.value {
        Some(value) => format!("{}: {value}", field.name),
        None => format!("{}: ({} bytes)", field.name, field.size_bytes),
    }
}

fn print_body(indent: &str, body: &BodyView) {
    println!("{indent}  {} bytes, SHA-256 {}", body.size_bytes, body.sha256);
    if let Some(content) = &body.content {
        println!("{content}");
    }
}

fn print_exchange(exchange: &ExchangeView) {
    let answer = match (exchange.status, &exchange.failure) {
        (Some(status), _) => status.to_string(),
        (None, Some(failure)) => failure.clone(),
        (None, None) => "no answer is known".to_owned(),
    };
    println!(
        "\nasked {} {}:{} -> {answer}",
        exchange.method, exchange.endpoint, exchange.path
    );
    let bodies = [&exchange.request_body, &exchange.response_body];
    bodies.into_iter().flatten().for_each(|body| print_body("", body));
}
