"""Whether a server is the one it should be: its key against fingerprints or a known_hosts file."""

from typing import Any

import asyncssh

from sources.ordergroove.errors import ConfigError
from sources.ordergroove.files.server import Address, Trust

NOBODY: tuple[list[Any], ...] = ([],) * 7
"""What asyncssh calls no trusted, no revoked and no other keys."""


class HostKeys:
    """The keys that a server may show, and what to say of another."""

    def __init__(self, address: Address, trust: Trust) -> None:
        """Raises ConfigError for a known_hosts file that cannot be read."""
        self.address = address
        self.trust = trust
        self.known = known_in(trust)
        self.shown: asyncssh.SSHKey | None = None
        """The key that was shown and not known."""

        self.is_changed = False

    def of(self, host: str, addr: str, port: int | None) -> Any:
        """The keys that asyncssh is to trust without asking."""
        if self.known is None:
            return NOBODY
        found = asyncssh.match_known_hosts(self.known, host, addr, port)
        self.is_changed = bool(found[0])
        return found

    def is_expected(self, key: asyncssh.SSHKey) -> bool:
        """Whether a key that `of` does not know is one of the fingerprints."""
        if key.get_fingerprint() in self.trust.fingerprints:
            return True
        self.shown = key
        return False

    def refusal(self) -> ConfigError:
        """Why there is no connection, with the fingerprint and the way to accept it."""
        place = f"{self.address.host}, port {self.address.port},"
        if self.shown is None:
            return ConfigError(
                what=f"{place} showed a host key that is revoked, or of no known kind.",
                do="Ask Ordergroove for the fingerprint of its host key.",
                state=NOT_CONNECTED,
            )
        found = self.shown.get_fingerprint()
        kind = self.shown.get_algorithm()
        if self.trust.fingerprints:
            what = f"shows another host key than sftp_fingerprint names: {kind} {found}."
        elif self.is_changed:
            what = f"shows another host key than {self.trust.known_hosts} has: {kind} {found}."
        else:
            what = f"shows a host key that {self.trust.known_hosts} does not have: {kind} {found}."
        return ConfigError(what=f"{place} {what}", do=self.remedy(found), state=NOT_CONNECTED)

    def remedy(self, fingerprint: str) -> str:
        doubt = "Somebody may be in between. " if self.is_changed or self.trust.fingerprints else ""
        accept = f"set ORDERGROOVE_SFTP_FINGERPRINT={fingerprint}"
        if not self.trust.fingerprints:
            file, there = self.trust.known_hosts, self.address
            old = f"ssh-keygen -R '{there.server}' -f {file}, then " if self.is_changed else ""
            accept += f", or accept it in {old}sftp -P {there.port}"
            accept += f" -o UserKnownHostsFile={file} {there.user}@{there.host}"
        do = "Compare it with the fingerprint that Ordergroove gave you; if equal,"
        return f"{doubt}{do} {accept}"


NOT_CONNECTED = "No password or key was sent, and nothing was written."


def known_in(trust: Trust) -> asyncssh.SSHKnownHosts | None:
    """The known hosts, unless fingerprints say it all; a file that is not there knows nobody."""
    if trust.fingerprints:
        return None
    try:
        return asyncssh.read_known_hosts(str(trust.known_hosts))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, asyncssh.Error):
        raise ConfigError(
            what=f"{trust.known_hosts} cannot be read as a known_hosts file.",
            do="Name another with --sftp-known-hosts, or a fingerprint with --sftp-fingerprint.",
            state=NOT_CONNECTED,
        ) from None
