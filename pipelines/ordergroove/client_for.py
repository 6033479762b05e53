"""Settings become a client."""

from pipelines.ordergroove.settings import Settings
from sources.ordergroove.client import Client


def client_for(settings: Settings) -> Client:
    """A client of the configured host. Raises ConfigError when there is no key."""
    return Client(
        base_url=settings.url,
        key=settings.need_api_key(),
        connect_timeout_s=settings.connect_timeout.total_seconds(),
        read_timeout_s=settings.read_timeout.total_seconds(),
        retry_limit_s=settings.retry_limit.total_seconds(),
    )
