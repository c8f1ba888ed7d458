// Signs webhooks with the official Node SDK, sends them to a gateway, and says what was answered.
//
//   node stripe_webhooks.mjs WEBHOOK_URL SECRET
//
// The SDK is looked up from the working directory. Exits non-zero if an answer is not the one expected.

import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.cwd(), 'judge.cjs'));
const Stripe = require('stripe');

const [url, secret] = process.argv.slice(2);
const stripe = new Stripe('sk_test_judge');
let failures = 0;

async function send(name, payload, header, expected) {
  const headers = { 'content-type': 'application/json' };
  if (header !== undefined) headers['stripe-signature'] = header;
  const answer = await fetch(url, { method: 'POST', headers, body: payload });
  const ok = answer.status === expected;
  if (!ok) failures += 1;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${answer.status}${ok ? '' : ` instead of ${expected}: ${await answer.text()}`}`);
}

const sign = (payload, options = {}) => stripe.webhooks.generateTestHeaderString({ payload, secret, ...options });
const event = (id, extra = {}) =>
  JSON.stringify({ id, object: 'event', type: 'ping', created: 1, livemode: false, data: { object: {} }, ...extra }, null, 2);
const now = Math.floor(Date.now() / 1000);

const good = event('evt_judge_1');
await send('signed by the SDK', good, sign(good), 204);
await send('the same once more', good, sign(good), 204);
const unicode = event('evt_judge_2', { note: 'Grüße, 世界 🌍' });
await send('with characters of several bytes', unicode, sign(unicode), 204);
await send('tampered', good.replace('ping', 'pong'), sign(good), 401);
await send('with white space added', `${good} `, sign(good), 401);
await send('with another secret', good, sign(good, { secret: 'whsec_another' }), 401);
await send('with the wrong scheme', good, sign(good, { scheme: 'v0' }), 400);
await send('six minutes old', good, sign(good, { timestamp: now - 360 }), 400);
await send('six minutes ahead', good, sign(good, { timestamp: now + 360 }), 400);
await send('unsigned', good, undefined, 400);

process.exit(failures === 0 ? 0 : 1);
