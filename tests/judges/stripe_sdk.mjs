// Judges the Stripe simulator with the official Node SDK.
//
//   node stripe_sdk.mjs http://127.0.0.1:12111
//
// The SDK (`stripe`, major version 23) is looked up from the working
// directory, then in NODE_PATH. Prints a line for each check and exits
// non-zero if one fails. Clears the simulator before it starts.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.cwd(), 'judge.cjs'));
const Stripe = require('stripe');

const base = new URL(process.argv[2] ?? 'http://127.0.0.1:12111');
const DAY = 86_400;
let failures = 0;

function check(name, ok, detail = '') {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}${ok ? '' : ` ${detail}`}`);
  if (!ok) failures += 1;
}

async function refused(name, promise, expected) {
  try {
    await promise;
    check(name, false, 'was not refused');
  } catch (error) {
    const found = Object.fromEntries(Object.keys(expected).map((key) => [key, error[key]]));
    check(name, JSON.stringify(found) === JSON.stringify(expected), `${JSON.stringify(found)} ${error.message}`);
  }
}

async function control(path, body) {
  const answer = await fetch(new URL(`/_simulator/${path}`, base), {
    method: body === undefined ? 'GET' : 'POST',
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function press(url, fields) {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
}

const received = [];
const receiver = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    received.push({ path: request.url, headers: request.headers, body: Buffer.concat(chunks) });
    response.end('ok');
  });
});
await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const hooks = `http://127.0.0.1:${receiver.address().port}`;

const stripe = new Stripe('sk_test_judge', {
  host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false,
});

async function judge() {
  await control('reset', {});

  const endpoint = await stripe.webhookEndpoints.create({ url: `${hooks}/current`, enabled_events: ['*'], api_version: '2026-10-28.endive' });
  check('a webhook endpoint shows its secret once', endpoint.secret?.startsWith('whsec_'));
  check('and not again', (await stripe.webhookEndpoints.retrieve(endpoint.id)).secret === undefined);
  const old = await stripe.webhookEndpoints.create({ url: `${hooks}/old`, enabled_events: ['customer.subscription.created', 'invoice.paid'], api_version: '2023-10-16' });

  const product = await stripe.products.create({ name: 'Team plan', unit_label: 'seat' });
  const price = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 1000, recurring: { interval: 'month' } });
  const once = await stripe.prices.create({ product_data: { name: 'Pack' }, currency: 'usd', unit_amount: 1500 });
  check('a recurring price', price.type === 'recurring' && price.recurring.interval === 'month');
  check('a one-time price', once.type === 'one_time' && once.recurring === null);
  check('the answer carries a request id', price.lastResponse.requestId?.startsWith('req_'));
  check('and the pinned version', price.lastResponse.apiVersion === '2026-10-28.endive', price.lastResponse.apiVersion);

  const customer = await stripe.customers.create({ email: 'jane@example.com', metadata: { org: 'o1' } });
  const renamed = await stripe.customers.update(customer.id, { name: 'Jane', metadata: { org: '', team: 't' } });
  check('metadata merges', JSON.stringify(renamed.metadata) === '{"team":"t"}', JSON.stringify(renamed.metadata));
  check('customers are found by email', (await stripe.customers.list({ email: 'jane@example.com' })).data[0]?.id === customer.id);

  await refused('an unknown parameter', stripe.customers.create({ nonsense: 1 }),
    { type: 'StripeInvalidRequestError', code: 'parameter_unknown', param: 'nonsense', statusCode: 400 });
  await refused('a missing parameter', stripe.checkout.sessions.create({ mode: 'payment', success_url: 'https://app.example/ok' }),
    { type: 'StripeInvalidRequestError', code: 'parameter_missing', param: 'line_items', statusCode: 400 });
  await refused('an unknown subscription', stripe.subscriptions.retrieve('sub_none'),
    { type: 'StripeInvalidRequestError', code: 'resource_missing', param: 'id', statusCode: 404 });
  await refused('a wrong key', new Stripe('pk_test_wrong', { host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 0 }).products.list(),
    { type: 'StripeAuthenticationError', statusCode: 401 });
  await refused('a recurring price in payment mode', stripe.checkout.sessions.create({ mode: 'payment', line_items: [{ price: price.id, quantity: 1 }], success_url: 'https://app.example/ok' }),
    { type: 'StripeInvalidRequestError', param: 'line_items[0][price]' });

  const wanted = {
    mode: 'subscription', line_items: [{ price: price.id, quantity: 5 }], customer: customer.id, client_reference_id: 'tenant-1',
    success_url: 'https://app.example/ok?s={CHECKOUT_SESSION_ID}', cancel_url: 'https://app.example/no',
    metadata: { org: 'o1' }, subscription_data: { metadata: { org: 'o1' } }, allow_promotion_codes: true,
  };
  const session = await stripe.checkout.sessions.create(wanted, { idempotencyKey: 'checkout-1' });
  check('an open session with a url', session.status === 'open' && session.url.includes('/c/pay/cs_test_'));
  const again = await stripe.checkout.sessions.create(wanted, { idempotencyKey: 'checkout-1' });
  check('the same key gives the same session', again.id === session.id && again.lastResponse.headers['idempotent-replayed'] === 'true');
  await refused('the same key for something else', stripe.checkout.sessions.create({ ...wanted, client_reference_id: 'x' }, { idempotencyKey: 'checkout-1' }),
    { type: 'StripeIdempotencyError', statusCode: 400 });

  const shown = await fetch(session.url);
  check('the page shows', shown.status === 200 && (await shown.text()).includes('Team plan'));
  const declined = await press(session.url, { action: 'decline' });
  check('a declined card stays on the page', declined.status === 200 && (await declined.text()).includes('declined'));
  const paid = await press(session.url, { action: 'pay' });
  check('paying returns to the shop', paid.status === 303 && paid.headers.get('location') === `https://app.example/ok?s=${session.id}`, paid.headers.get('location'));
  const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription', 'line_items'] });
  check('the session is complete', done.status === 'complete' && done.payment_status === 'paid' && done.url === null);
  check('line_items expand', done.line_items.data[0].quantity === 5);
  let subscription = done.subscription;
  const item = subscription.items.data[0];
  check('the subscription is active', subscription.status === 'active' && subscription.metadata.org === 'o1');
  check('the period is on the item', item.current_period_end > item.current_period_start && subscription.current_period_end === undefined);

  await control('deliveries/flush', {});
  check('webhooks were delivered', received.length > 0);
  const current = received.filter((one) => one.path === '/current');
  const events = current.map((one) => stripe.webhooks.constructEvent(one.body, one.headers['stripe-signature'], endpoint.secret));
  check('the SDK accepts every signature', events.length === current.length && events.length > 8, String(events.length));
  const kinds = events.map((event) => event.type);
  for (const kind of ['customer.created', 'customer.subscription.created', 'invoice.paid', 'payment_intent.succeeded', 'charge.succeeded', 'customer.subscription.updated', 'checkout.session.completed']) {
    check(`event ${kind}`, kinds.includes(kind));
  }
  const activated = events.find((event) => event.type === 'customer.subscription.updated');
  check('previous_attributes tell the change', activated.data.previous_attributes?.status === 'incomplete', JSON.stringify(activated.data.previous_attributes));
  const legacy = received.filter((one) => one.path === '/old').map((one) => stripe.webhooks.constructEvent(one.body, one.headers['stripe-signature'], old.secret));
  const legacyInvoice = legacy.find((event) => event.type === 'invoice.paid')?.data.object;
  check('an old endpoint gets old shapes', legacyInvoice?.subscription === subscription.id && legacyInvoice?.paid === true && legacyInvoice?.parent === undefined);
  check('and only what it wants', legacy.every((event) => ['customer.subscription.created', 'invoice.paid'].includes(event.type)));
  let rejected = false;
  try { stripe.webhooks.constructEvent(current[0].body, current[0].headers['stripe-signature'], 'whsec_wrong'); } catch { rejected = true; }
  check('a wrong secret is rejected', rejected);

  subscription = await stripe.subscriptions.update(subscription.id, { items: [{ id: item.id, quantity: 7 }], proration_behavior: 'create_prorations' });
  check('seats change', subscription.items.data[0].quantity === 7 && subscription.items.data.length === 1);
  subscription = await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  check('cancel at period end', subscription.cancel_at_period_end && subscription.cancel_at === subscription.items.data[0].current_period_end);
  subscription = await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: false });
  check('and undo', !subscription.cancel_at_period_end && subscription.cancel_at === null && subscription.canceled_at === null);
  subscription = await stripe.subscriptions.update(subscription.id, { pause_collection: { behavior: 'void' } });
  check('collection pauses', subscription.pause_collection?.behavior === 'void');
  subscription = await stripe.subscriptions.update(subscription.id, { pause_collection: '' });
  check('and goes on', subscription.pause_collection === null);

  await control('clock', { advance_seconds: 32 * DAY });
  const invoices = await stripe.invoices.list({ subscription: subscription.id, expand: ['data.payments'] });
  const renewal = invoices.data[0];
  check('a renewal is invoiced', invoices.data.length === 2 && renewal.billing_reason === 'subscription_cycle' && renewal.status === 'paid');
  check('with the prorations of the seats', renewal.lines.data.some((line) => line.parent.subscription_item_details.proration) && renewal.total > 7000, String(renewal.total));
  check('its parent names the subscription', renewal.parent.subscription_details.subscription === subscription.id);

  const intent = renewal.payments.data[0].payment.payment_intent;
  const part = await stripe.refunds.create({ payment_intent: intent, amount: 500, reason: 'requested_by_customer' });
  check('a partial refund', part.status === 'succeeded' && part.amount === 500);
  const rest = await stripe.refunds.create({ payment_intent: intent });
  check('the rest is refunded', rest.amount === renewal.amount_paid - 500);
  const charge = await stripe.charges.retrieve(rest.charge);
  check('the charge is refunded', charge.refunded === true && charge.amount_refunded === charge.amount);
  await refused('a third refund', stripe.refunds.create({ payment_intent: intent }),
    { type: 'StripeInvalidRequestError', code: 'charge_already_refunded', statusCode: 400 });

  await control(`customers/${customer.id}/next_payment`, { outcome: 'decline' });
  await control('clock', { advance_seconds: 31 * DAY });
  check('a failed renewal is past due', (await stripe.subscriptions.retrieve(subscription.id)).status === 'past_due');
  const failed = (await stripe.invoices.list({ subscription: subscription.id })).data[0];
  check('and is tried again', failed.status === 'open' && failed.next_payment_attempt > failed.created);
  await control('clock', { advance_seconds: 4 * DAY });
  check('which works', (await stripe.subscriptions.retrieve(subscription.id)).status === 'active');

  const portal = await stripe.billingPortal.sessions.create({ customer: customer.id, return_url: 'https://app.example/billing' });
  check('the portal shows', (await (await fetch(portal.url)).text()).includes('Team plan'));
  const canceled = await stripe.subscriptions.cancel(subscription.id, { prorate: true, invoice_now: true, cancellation_details: { comment: 'bye' } });
  check('cancel now', canceled.status === 'canceled' && canceled.ended_at > 0 && canceled.cancellation_details.comment === 'bye');
  await refused('cancel twice', stripe.subscriptions.cancel(subscription.id), { code: 'resource_missing', statusCode: 404 });

  const pack = await stripe.checkout.sessions.create({
    mode: 'payment', line_items: [{ price_data: { currency: 'usd', unit_amount: 1500, product_data: { name: 'Pack' } }, quantity: 2 }],
    success_url: 'https://app.example/ok', payment_intent_data: { metadata: { org: 'o1' } }, customer_creation: 'always',
  });
  await press(pack.url, { action: 'delayed', email: 'joe@example.com' });
  check('a bank debit is unpaid at first', (await stripe.checkout.sessions.retrieve(pack.id)).payment_status === 'unpaid');
  await control(`checkout_sessions/${pack.id}/settle`, { outcome: 'succeeded' });
  const settled = await stripe.checkout.sessions.retrieve(pack.id, { expand: ['payment_intent.latest_charge', 'customer'] });
  check('and paid later', settled.payment_status === 'paid' && settled.payment_intent.status === 'succeeded');
  check('metadata reaches the charge', settled.payment_intent.latest_charge.metadata.org === 'o1');
  check('the customer is expanded', settled.customer.email === 'joe@example.com');

  const direct = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id, quantity: 2 }], trial_period_days: 14 });
  check('a trial', direct.status === 'trialing' && direct.trial_end - direct.trial_start === 14 * DAY);
  await control('clock', { advance_seconds: 15 * DAY });
  check('turns active', (await stripe.subscriptions.retrieve(direct.id)).status === 'active');

  await control('faults', { next: { status: 500, count: 1, path_prefix: '/v1/customers', apply_before_failing: true } });
  const patient = new Stripe('sk_test_judge', { host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 2 });
  const survivor = await patient.customers.create({ email: 'lost@example.com' });
  check('a lost answer is found by retrying', (await stripe.customers.list({ email: 'lost@example.com' })).data.length === 1 && survivor.id.startsWith('cus_'));
  await control('faults', { next: { status: 429, count: 1 } });
  await refused('a rate limit', stripe.products.list(), { type: 'StripeRateLimitError', code: 'rate_limit', statusCode: 429 });
  // The SDK always tries a closed connection once more, as it may have been a stale one.
  await control('faults', { next: { status: 'close', count: 2 } });
  await refused('a cut connection', stripe.products.list(), { type: 'StripeConnectionError' });

  await control('deliveries/flush', {});
  let listed = 0;
  for await (const event of stripe.events.list({ limit: 20 })) listed += event.id ? 1 : 0;
  check('all events can be listed', listed === (await control('state')).counts.events, String(listed));
  const all = received.filter((one) => one.path === '/current').map((one) => stripe.webhooks.constructEvent(one.body, one.headers['stripe-signature'], endpoint.secret).type);
  for (const kind of ['invoice.payment_failed', 'customer.subscription.deleted', 'charge.refunded', 'refund.created', 'checkout.session.async_payment_succeeded', 'customer.subscription.trial_will_end']) {
    check(`event ${kind}`, all.includes(kind));
  }
  check('an endpoint is deleted', (await stripe.webhookEndpoints.del(endpoint.id)).deleted === true);
}

try {
  await judge();
} catch (error) {
  check('the judge ran to its end', false, error.stack);
}
receiver.close();
receiver.closeAllConnections();
console.log(failures === 0 ? 'all checks passed' : `${failures} checks failed`);
process.exit(failures === 0 ? 0 : 1);
