"""What every client of Ordergroove's shares: where it speaks to, and what silence means."""

import logging
import ssl
from collections.abc import Mapping

import httpx

from sources.ordergroove.answers import Again
from sources.ordergroove.errors import ConfigError, Stopped
from sources.ordergroove.request import checked_key

# they tell their logs each URL with its cursor, and where redirects lead
for library in ("httpx", "httpcore", "pyrate_limiter"):
    logging.getLogger(library).setLevel(logging.WARNING)


def connection_to(
    base: httpx.URL,
    key: str,
    timeout: httpx.Timeout,
    transport: httpx.BaseTransport | None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Client:
    """What speaks to one host and to no other: it carries the key and follows no redirect.

    Raises ConfigError for a key that no header can carry.
    """
    return httpx.Client(
        base_url=base,
        headers={"x-api-key": checked_key(key), "Accept": "application/json", **(headers or {})},
        timeout=timeout,
        follow_redirects=False,
        transport=transport,
    )


def trouble(base: httpx.URL, error: Exception) -> Again | ConfigError:
    """What a request that brought no answer calls for."""
    kind = type(error).__name__
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ConfigError(
            f"No request to {base.host} can be made ({kind}).",
            "Check the base URL, and ORDERGROOVE_API_KEY for characters that do not belong there.",
        )
    if is_untrusted(error):
        return ConfigError(
            f"The certificate of {base.host} is not trusted on this machine; the key was not sent.",
            "Check the base URL. Where a proxy of your own answers for it, name its certificate in"
            " SSL_CERT_FILE.",
        )
    if isinstance(error, httpx.TimeoutException):
        return Again(f"no answer in time ({kind})")
    return Again(f"the connection failed ({kind})")


def is_untrusted(error: BaseException | None) -> bool:
    """Whether a certificate that was refused is at the root of it."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def stopped() -> Stopped:
    return Stopped("Stopped by a signal.", "Run the same command again to go on.", "")


def checked_base(base_url: str) -> httpx.URL:
    """The base URL. Raises ConfigError for one that no request can be sent to."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(
            f"The base URL {base_url!r} is no address of a web server.",
            "Give one like https://restapi.ordergroove.com in ORDERGROOVE_BASE_URL.",
        )
    return url
