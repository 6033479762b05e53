"""A server that gives prepared answers, for clients that take a transport."""

import httpx


def in_turn(*answers: httpx.Response | Exception) -> httpx.MockTransport:
    """One answer after the other, the last one again and again; an exception is raised."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        following = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(following, Exception):
            raise following
        return following

    return httpx.MockTransport(answer)
