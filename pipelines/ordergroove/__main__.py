"""`python -m pipelines.ordergroove` is the `ordergroove` command."""

from pipelines.ordergroove.cli import main

main()
