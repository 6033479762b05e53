"""Loaded once, by the process that runs are forked from."""

import multiprocessing

from tests.simulation.forks import warm_up

# so that the modules' tests may look at it without a run
if multiprocessing.current_process().name == "MainProcess":
    warm_up()
