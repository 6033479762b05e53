"""The sandbox for httpx, in memory: what goes wrong on a wire becomes httpx's own exceptions."""

from typing import TYPE_CHECKING

from sources.ordergroove.sandbox.exchange import Answer, Delivery

if TYPE_CHECKING:
    import httpx

    from sources.ordergroove.sandbox.api import Sandbox


def exchange(sandbox: "Sandbox", request: "httpx.Request") -> "httpx.Response":
    """Answers one request without waiting.

    An answer that is slower than the request's read time-out ends as `httpx.ReadTimeout`, a reset
    connection as `httpx.ReadError`, a body that ends early as `httpx.RemoteProtocolError`.
    """
    import httpx

    url = request.url
    answer = sandbox.respond(
        request.method,
        url.raw_path.decode("ascii").partition("?")[0],
        url.query.decode("ascii"),
        dict(request.headers),
        f"{url.scheme}://{url.netloc.decode('ascii')}",
        body=request.content,
    )
    if answer.delivery is Delivery.RESET:
        raise httpx.ReadError("connection reset by the sandbox", request=request)
    if answer.delivery is Delivery.SHORT:
        raise httpx.RemoteProtocolError("body ended early", request=request)
    if answer.delivery is Delivery.NEVER or is_too_slow(answer, request):
        raise httpx.ReadTimeout("the sandbox took too long", request=request)
    return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


def is_too_slow(answer: Answer, request: "httpx.Request") -> bool:
    patience = request.extensions.get("timeout", {}).get("read")
    return patience is not None and answer.delay_s > patience
