"""The charting library's JavaScript: Vega with Vega-Lite, as a Python package carries them."""

from functools import cache

from sources.ordergroove.errors import ConfigError

GRAMMAR = "6.4"
"""The version of Vega-Lite that the charts are written in."""

USED = "window.vegaEmbed = vegaEmbed"
"""What the page's own script calls."""


@cache
def javascript() -> str:
    """About 0.9 MB, the same each time, without a network. Raises ConfigError if not installed."""
    try:
        import vl_convert
    except ImportError:
        raise ConfigError(
            what="The charting library of the report is not installed.",
            do="Install it: pip install 'ordergroove-elt[report]'",
            state="No page was written.",
        ) from None
    return str(vl_convert.javascript_bundle(USED, vl_version=GRAMMAR))
