"""How the text of the settings of SFTP becomes a value."""

import re

from pipelines.ordergroove.values import Secret, UnfitError

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def fingerprints(text: str) -> tuple[str, ...]:
    """Fingerprints of host keys, separated by commas or white space."""
    found = tuple(word.rstrip("=") for word in re.split(r"[,\s]+", text) if word)
    if not found or not all(FINGERPRINT.fullmatch(word) for word in found):
        raise UnfitError(
            f"{text!r} is no fingerprint of a host key",
            "Write SHA256: and 43 signs, as `ssh-keygen -lf` prints it; separate several by"
            " commas.",
        )
    return found


def secret(text: str) -> Secret:
    """A password or passphrase; it may hold any sign that can be typed."""
    if not text.isprintable():
        # the text is not repeated
        raise UnfitError("it holds a sign that cannot be typed", "Copy it again, on one line.")
    return Secret(text)
