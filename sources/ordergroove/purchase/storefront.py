"""The signature of the storefront scope, which speaks for one customer and for two hours.

Current pages show the application key on a purchase, older ones this. Source: Ordergroove docs
"Authentication", "Purchase Post".
"""

import base64
import hmac
import json
from datetime import datetime
from hashlib import sha256


def authorization(key: str, *, merchant: str, customer: str, at: datetime) -> str:
    """The value of the header `authorization`, which is not URL-encoded. `at` has a zone."""
    seconds = int(at.timestamp())
    signed = f"{customer}|{seconds}".encode()
    signature = base64.b64encode(hmac.new(key.encode(), signed, sha256).digest()).decode()
    return json.dumps(
        {"public_id": merchant, "sig_field": customer, "ts": seconds, "sig": signature}
    )
