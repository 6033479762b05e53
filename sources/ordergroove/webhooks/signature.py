"""Whether a delivery comes from Ordergroove: `OrderGroove-Signature: ts=<epoch>,sig=<hex>`.

Each `sig` is the HMAC-SHA256 of `<ts>.<raw body>` under a key that is used as text. For a day after
a key was rotated there are two of them, the new one first.
Source: Ordergroove docs, "Configure Webhooks via API", "Configuring your server".
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus

from sources.ordergroove.webhooks.refusal import Refusal

# spelled OrderGroove-Signature on one page, Ordergroove-Signature on others
HEADER = b"ordergroove-signature"
LONGEST_HEADER = 4096
MOST_DIGITS = 12


def verify(
    header: bytes | None,
    body: bytes,
    keys: Sequence[bytes],
    *,
    now: float,
    tolerance_s: float = 0.0,
) -> None:
    """Returns when one of the header's signatures is that of the body under one of the keys.

    `body` as it was received. `now` is in seconds since 1970 UTC; a time of sending that is more
    than `tolerance_s` away from it is refused, in the past as in the future; 0: none is.
    Raises Refusal (401) with the reason.
    """
    sent_at, signatures = parts_of(header)
    message = sent_at + b"." + body
    is_genuine = False
    # every pair is compared, so that the time taken does not tell which one came close
    for key in keys:
        expected = hmac.new(key, message, sha256).hexdigest().encode()
        for signature in signatures:
            is_genuine |= hmac.compare_digest(expected, signature)
    if not is_genuine:
        raise refused("no signature matches a configured key")
    off_s = now - int(sent_at)
    if tolerance_s and abs(off_s) > tolerance_s:
        when = "ago" if off_s > 0 else "ahead"
        raise refused(f"signed {abs(off_s):.0f} s {when}, more than {tolerance_s:.0f} s")


def parts_of(header: bytes | None) -> tuple[bytes, list[bytes]]:
    """The time of sending as it is written, and all signatures. Raises Refusal."""
    if not header:
        raise refused("no OrderGroove-Signature")
    if len(header) > LONGEST_HEADER:
        raise refused("the signature header is too long")
    pairs = [part.strip().partition(b"=") for part in header.split(b",")]
    times = {value for name, _, value in pairs if name == b"ts"}
    signatures = [value for name, _, value in pairs if name == b"sig" and value]
    if len(times) != 1:
        raise refused("no time of sending (ts), or several")
    (sent_at,) = times
    if not sent_at.isdigit() or len(sent_at) > MOST_DIGITS:
        raise refused("the time of sending (ts) is no number of seconds")
    if not signatures:
        raise refused("no signature (sig)")
    return sent_at, signatures


def refused(reason: str) -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, reason)
