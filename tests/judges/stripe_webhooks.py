"""Signs webhooks with the official Python SDK, sends them to a gateway, and says what was answered.

    python stripe_webhooks.py WEBHOOK_URL SECRET

Exits non-zero if an answer is not the one expected.
"""

import json
import sys
import time
import urllib.error
import urllib.request

from stripe import WebhookSignature

url, secret = sys.argv[1:3]
failures = 0


def sign(payload, key=secret, at=None):
    at = int(time.time()) if at is None else at
    signature = WebhookSignature._compute_signature(f"{at}.{payload}", key)
    return f"t={at},v1={signature}"


def send(name, payload, header, expected):
    global failures
    headers = {"content-type": "application/json"}
    if header is not None:
        headers["stripe-signature"] = header
    request = urllib.request.Request(url, payload.encode(), headers, method="POST")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    ok = status == expected
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {name}: {status}" + ("" if ok else f" instead of {expected}"))


good = json.dumps(
    {"id": "evt_python_1", "object": "event", "type": "ping", "created": 1, "livemode": False, "data": {"object": {}}},
    indent=2,
)
send("signed by the SDK", good, sign(good), 204)
send("the same once more", good, sign(good), 204)
send("tampered", good.replace("ping", "pong"), sign(good), 401)
send("with another secret", good, sign(good, "whsec_another"), 401)
send("six minutes old", good, sign(good, at=int(time.time()) - 360), 400)
send("six minutes ahead", good, sign(good, at=int(time.time()) + 360), 400)
send("unsigned", good, None, 400)
sys.exit(1 if failures else 0)
