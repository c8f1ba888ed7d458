// Verifies requests with the official Standard Webhooks library, and that tampered ones are refused.
//
//     node standard_webhooks.mjs FILE SECRET
//
// FILE is a JSON list of {headers, body}. Exits non-zero if a verdict is not the one expected.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { Webhook } = createRequire(join(process.cwd(), "here.js"))("standardwebhooks");

const [file, secret] = process.argv.slice(2);
const requests = JSON.parse(readFileSync(file, "utf8"));
const webhook = new Webhook(secret);

const believed = (headers, body) => {
  try {
    webhook.verify(body, headers);
    return true;
  } catch {
    return false;
  }
};

let failures = 0;
const expect = (name, found, wanted) => {
  if (found !== wanted) failures += 1;
  console.log(`${found === wanted ? "ok  " : "FAIL"} ${name}`);
};
for (const { headers, body } of requests) {
  const id = headers["webhook-id"];
  expect(`${id} is believed`, believed(headers, body), true);
  expect(`${id} with another body is not`, believed(headers, body + " "), false);
  expect(`${id} under another id is not`, believed({ ...headers, "webhook-id": `${id}x` }, body), false);
  expect(`${id} at another time is not`, believed({ ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 1) }, body), false);
}
if (requests.length === 0) failures += 1;
process.exit(failures === 0 ? 0 : 1);
