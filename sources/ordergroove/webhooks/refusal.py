"""Why a delivery is not taken, with the HTTP status that tells the sender."""


class Refusal(Exception):
    """A delivery that is not taken. The reason holds nothing of its body, nor of any key."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return self.reason
