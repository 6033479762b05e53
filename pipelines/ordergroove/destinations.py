"""The address of a warehouse becomes the place it means; each engine's module comes late."""

from importlib import import_module

from pipelines.ordergroove.settings import Settings
from pipelines.ordergroove.targets.engine import UNCHANGED, Target
from pipelines.ordergroove.values import suggestion
from sources.ordergroove.errors import ConfigError

SCHEMES = {
    "duckdb": "duckdb_file",
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mariadb",
    "mariadb": "mariadb",
    "sqlite": "sqlite",
}
"""The module of `targets` that knows the engine."""

NAMED = "named"
"""The one for destinations that are configured in dlt."""


def target_of(settings: Settings) -> Target:
    """The place that the destination names. Raises ConfigError when there is no such kind."""
    scheme, mark, _ = settings.destination.partition(":")
    module = SCHEMES.get(scheme) if mark else NAMED
    if module is None:
        raise ConfigError(
            what=f"Addresses that begin with {scheme}: are not known{suggestion(scheme, SCHEMES)}.",
            do=f"Begin with one of: {', '.join(f'{known}://' for known in SCHEMES)}; or name a"
            " destination that is configured in dlt.",
            state=UNCHANGED,
        )
    target: Target = import_module(f"pipelines.ordergroove.targets.{module}").target_of(settings)
    return target
