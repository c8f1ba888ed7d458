//! The hosted invoice page, which invoices link to.

use std::sync::Arc;

use axum::extract::{Path, State as Extracted};
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{amount, escape, message, page};
use crate::stripe::Shared;
use crate::stripe::clock::readable_date;

pub(crate) async fn show(Extracted(shared): Extracted<Arc<Shared>>, Path(id): Path<String>) -> Response {
    shared.act(|state| {
        let Some(invoice) = state.invoices.get(&id) else {
            return message(
                StatusCode::NOT_FOUND,
                ("bad", "Not found"),
                "There is no such invoice",
                "Check the link.",
                None,
            );
        };
        let mut rows = String::new();
        for line in &invoice.lines {
            rows.push_str(&format!(
                "<tr><td>{}</td><td>{}</td></tr>",
                escape(&line.description),
                amount(line.amount, &invoice.currency)
            ));
        }
        let number = escape(invoice.number.as_deref().unwrap_or("Draft"));
        let body = format!(
            "<main class=\"page\"><h1>Invoice {number} <span class=\"badge plain\">{}</span> <span class=\"badge\">Test mode</span></h1><p class=\"soft\">{} · {}</p><div class=\"panel\"><table>{rows}<tr><th>Amount due</th><th>{}</th></tr></table></div></main>",
            invoice.status,
            readable_date(invoice.created),
            escape(invoice.customer_email.as_deref().unwrap_or(&invoice.customer)),
            amount(invoice.amount_due, &invoice.currency),
        );
        page(StatusCode::OK, "Invoice", &body)
    })
}
