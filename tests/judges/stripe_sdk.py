"""Judges the Stripe simulator with the official Python SDK.

    python stripe_sdk.py http://127.0.0.1:12111

Needs the package `stripe`. Prints a line for each check and exits non-zero if
one fails. Clears the simulator before it starts.
"""

import http.server
import json
import sys
import threading
import traceback
import urllib.error
import urllib.parse
import urllib.request

import stripe

BASE = sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://127.0.0.1:12111"
DAY = 86_400
failures = 0
received = []


def check(name, ok, detail=""):
    global failures
    print(f"ok   {name}" if ok else f"FAIL {name} {detail}", flush=True)
    failures += 0 if ok else 1


def refused(name, kind, call, **expected):
    try:
        call()
    except kind as error:
        found = {key: getattr(error, key) for key in expected}
        check(name, found == expected, f"{found} {error}")
    except Exception as error:  # a judge reports whatever comes
        check(name, False, repr(error))
    else:
        check(name, False, "was not refused")


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{BASE}/_simulator/{path}", data=data, timeout=30) as answer:
        return json.load(answer)


class KeepRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def press(url, **fields):
    opener = urllib.request.build_opener(KeepRedirects)
    try:
        with opener.open(url, data=urllib.parse.urlencode(fields).encode(), timeout=30) as answer:
            return answer.status, None
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get("location")


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        received.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def judge(hooks):
    control("reset", {})
    client = stripe.StripeClient("sk_test_judge", base_addresses={"api": BASE}, max_network_retries=0)
    v1 = client.v1

    endpoint = v1.webhook_endpoints.create({"url": f"{hooks}/hook", "enabled_events": ["*"]})
    check("a webhook endpoint shows its secret", endpoint.secret.startswith("whsec_"))
    thin = v1.webhook_endpoints.create(
        {"url": f"{hooks}/thin", "enabled_events": ["customer.subscription.created"], "event_payload": "thin"}
    )

    product = v1.products.create({"name": "Team plan"})
    price = v1.prices.create(
        {"product": product.id, "currency": "eur", "unit_amount": 900, "recurring": {"interval": "year"}}
    )
    customer = v1.customers.create({"email": "jane@example.com", "metadata": {"org": "o1"}})
    check("the catalog is made", price.product == product.id and price.recurring.interval == "year")
    check("metadata is kept", customer.metadata["org"] == "o1")

    refused("an unknown parameter", stripe.InvalidRequestError, lambda: v1.customers.create({"nonsense": 1}),
            code="parameter_unknown", param="nonsense", http_status=400)
    refused("an unknown customer", stripe.InvalidRequestError, lambda: v1.customers.retrieve("cus_none"),
            code="resource_missing", http_status=404)
    wrong = stripe.StripeClient("pk_wrong", base_addresses={"api": BASE}, max_network_retries=0)
    refused("a wrong key", stripe.AuthenticationError, lambda: wrong.v1.products.list(), http_status=401)

    wanted = {
        "mode": "subscription", "customer_email": "joe@example.com", "client_reference_id": "tenant-2",
        "line_items": [{"price": price.id, "quantity": 3}],
        "success_url": "https://app.example/ok?s={CHECKOUT_SESSION_ID}",
        "subscription_data": {"metadata": {"org": "o2"}, "trial_period_days": 14},
    }
    session = v1.checkout.sessions.create(wanted, {"idempotency_key": "k1"})
    again = v1.checkout.sessions.create(wanted, {"idempotency_key": "k1"})
    check("the same key gives the same session", again.id == session.id)
    refused("the same key for something else", stripe.IdempotencyError,
            lambda: v1.checkout.sessions.create({**wanted, "locale": "de"}, {"idempotency_key": "k1"}),
            http_status=400)
    status, location = press(session.url, action="pay")
    check("paying returns to the shop", status == 303 and location.endswith(session.id), location)
    done = v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "customer"]})
    subscription = done.subscription
    check("a trial needs no payment", done.payment_status == "no_payment_required")
    check("the subscription trials", subscription.status == "trialing" and subscription.metadata["org"] == "o2")
    check("the customer was made", done.customer.email == "joe@example.com")

    control("clock", {"advance_seconds": 15 * DAY})
    subscription = v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice", "items.data.price"]})
    check("the trial became active", subscription.status == "active")
    check("and was paid", subscription.latest_invoice.amount_paid == 2_700)

    item = subscription["items"].data[0]
    subscription = v1.subscriptions.update(
        subscription.id, {"items": [{"id": item.id, "quantity": 5}], "proration_behavior": "always_invoice"}
    )
    check("seats change", subscription["items"].data[0].quantity == 5)
    invoice = v1.invoices.list({"subscription": subscription.id}).data[0]
    check("and are invoiced at once", invoice.billing_reason == "subscription_update" and invoice.status == "paid")
    subscription = v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    check("the end is planned", subscription.cancel_at_period_end and subscription.cancel_at is not None)
    control("clock", {"advance_seconds": 366 * DAY})
    check("and comes", v1.subscriptions.retrieve(subscription.id).status == "canceled")

    pack = v1.checkout.sessions.create({
        "mode": "payment", "success_url": "https://app.example/ok",
        "line_items": [{"price_data": {"currency": "usd", "unit_amount": 1500, "product_data": {"name": "Pack"}},
                        "quantity": 1}],
    })
    press(pack.url, action="pay", email="guest@example.com")
    intent = v1.checkout.sessions.retrieve(pack.id).payment_intent
    refund = v1.refunds.create({"payment_intent": intent, "amount": 500})
    check("a partial refund", refund.status == "succeeded")
    charge = v1.charges.retrieve(refund.charge)
    check("leaves the charge partly paid", charge.amount_refunded == 500 and not charge.refunded)
    dispute = control("disputes", {"charge": charge.id})
    check("a dispute opens", v1.disputes.retrieve(dispute["id"]).status == "needs_response")

    late = v1.checkout.sessions.create({
        "mode": "payment", "success_url": "https://app.example/ok",
        "line_items": [{"price_data": {"currency": "usd", "unit_amount": 1500, "product_data": {"name": "Pack"}},
                        "quantity": 1}],
    })
    v1.checkout.sessions.expire(late.id)
    check("a session expires", v1.checkout.sessions.retrieve(late.id).status == "expired")

    control("faults", {"next": {"status": 503}})
    refused("a failing server", stripe.APIError, lambda: v1.products.list(), http_status=503)
    control("faults", {"next": {"status": "html"}})
    refused("an error page", stripe.APIError, lambda: v1.products.list(), http_status=502)

    control("deliveries/flush", {})
    events = [
        stripe.Webhook.construct_event(body, headers["stripe-signature"] if "stripe-signature" in headers
                                       else headers["Stripe-Signature"], endpoint.secret)
        for path, headers, body in received if path == "/hook"
    ]
    kinds = {event.type for event in events}
    check("the SDK accepts every signature", len(events) > 20, len(events))
    for kind in ["checkout.session.completed", "checkout.session.expired", "customer.subscription.deleted",
                 "charge.dispute.created", "invoice.payment_succeeded", "customer.subscription.trial_will_end"]:
        check(f"event {kind}", kind in kinds)
    thin_bodies = [(headers, body) for path, headers, body in received if path == "/thin"]
    check("a thin endpoint gets thin events", len(thin_bodies) == 1)
    headers, body = thin_bodies[0]
    signature = headers.get("stripe-signature") or headers.get("Stripe-Signature")
    note = client.parse_event_notification(body, signature, thin.secret)
    check("which the SDK reads", note.type == "v1.customer.subscription.created"
          and note.related_object.id == subscription.id, note)
    listed = sum(1 for _ in v1.events.list({"limit": 50}).auto_paging_iter())
    check("all events can be listed", listed == control("state")["counts"]["events"], listed)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
try:
    judge(f"http://127.0.0.1:{server.server_address[1]}")
except Exception:
    check("the judge ran to its end", False, traceback.format_exc())
server.shutdown()
print("all checks passed" if failures == 0 else f"{failures} checks failed")
sys.exit(0 if failures == 0 else 1)
