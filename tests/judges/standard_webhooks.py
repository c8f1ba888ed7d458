"""Verifies requests with the official Standard Webhooks library, and that tampered ones are refused.

    python standard_webhooks.py FILE SECRET

FILE is a JSON list of {headers, body}. Exits non-zero if a verdict is not the one expected.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

file, secret = sys.argv[1:3]
webhook = Webhook(secret)
failures = 0


def believed(headers, body):
    try:
        webhook.verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


def expect(name, found, wanted):
    global failures
    failures += found != wanted
    print(f"{'ok  ' if found == wanted else 'FAIL'} {name}")


with open(file, encoding="utf-8") as opened:
    requests = json.load(opened)
for request in requests:
    headers, body = request["headers"], request["body"]
    number = headers["webhook-id"]
    expect(f"{number} is believed", believed(headers, body), True)
    expect(f"{number} with another body is not", believed(headers, body + " "), False)
    expect(f"{number} under another id is not", believed({**headers, "webhook-id": f"{number}x"}, body), False)
    earlier = str(int(headers["webhook-timestamp"]) - 1)
    expect(f"{number} at another time is not", believed({**headers, "webhook-timestamp": earlier}, body), False)
sys.exit(0 if failures == 0 and requests else 1)
