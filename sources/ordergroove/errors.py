"""What can go wrong, by consequence: callers choose by class, never by text.

Every error says three things: what happened, what to do, and what state things are in. None of
them ever holds a key, a cursor or customer data.
"""

UNTOUCHED = "Nothing was written and no watermark moved."
ITS_OWN_STAYED = "Its watermark stayed where it was; the other object types went on."


class OrdergrooveError(Exception):
    """The base of everything this program raises on purpose."""

    exit_code: int = 1

    def __init__(self, what: str, do: str, state: str = UNTOUCHED) -> None:
        super().__init__(what, do, state)
        self.what = what
        self.do = do
        self.state = state

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.do, self.state) if part)


class ConfigError(OrdergrooveError):
    """A setting, an argument or a warehouse that does not fit: nothing is started."""

    exit_code = 2


class KeyRefused(OrdergrooveError):
    """Ordergroove does not accept the key, for anything."""

    exit_code = 7


class Held(OrdergrooveError):
    """Another run, or another program, holds the warehouse."""

    exit_code = 4
    pid: int | None = None
    """The process that does, where it is one of this machine and known."""


class Stopped(OrdergrooveError):
    """A signal asked to stop: requests and back-offs are abandoned."""

    exit_code = 130

    def __init__(self, what: str, do: str, state: str = "", *, signal: int | None = None) -> None:
        super().__init__(what, do, state)
        if signal is not None:
            self.exit_code = 128 + signal


class EntityError(OrdergrooveError):
    """This object type is given up in this run; the others go on."""

    def __init__(self, what: str, do: str, state: str = ITS_OWN_STAYED) -> None:
        super().__init__(what, do, state)


class Transient(EntityError):
    """Every retry was used up; the same command later may well succeed."""

    exit_code = 6


class Refused(EntityError):
    """401 or 403: the key is not accepted here. Whether anywhere, the run knows."""

    def __init__(self, what: str, do: str, status: int) -> None:
        super().__init__(what, do)
        self.status = status


class BadRequest(EntityError):
    """400: Ordergroove does not take the question as it was put."""


class NotFound(EntityError):
    """404 where a list or an object was asked for."""


class Gone(EntityError):
    """410: no longer served. No proof that an object was deleted."""


class NoPage(EntityError):
    """An answer of unexpected shape: never read as an empty page."""


class PositionLost(EntityError):
    """The server does not take a `next` link any more that it gave out itself."""


class Unpageable(EntityError):
    """The server repeats itself: the window must be cut smaller to get through."""
