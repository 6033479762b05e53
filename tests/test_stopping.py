"""Signals: the first ends a run in good order, the second, or too long a wait, at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipelines.ordergroove.stopping import FLUSH_LIMIT_S, SIGNALS, stopping

BY_SIGNAL = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)

# says `ready`, waits for the event, then does what it was given
PROGRAM = """
import sys, threading
from pipelines.ordergroove import stopping as module
module.FLUSH_LIMIT_S = float(sys.argv[1])
event = threading.Event()
with module.stopping(event) as stop:
    print("ready", flush=True)
    event.wait()
    print("stopping", stop.signal, flush=True)
    if sys.argv[2] == "busy":
        threading.Event().wait()
print("ended", flush=True)
threading.Event().wait(float(sys.argv[3]))
"""


@contextmanager
def program(limit_s: float, kind: str, then_s: float = 0.0) -> Iterator["subprocess.Popen[str]"]:
    """A program that stops when it is told to; a `busy` one takes for ever over it."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(limit_s), kind, str(then_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert said(process) == "ready"
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_what_is_queued_has_eight_seconds() -> None:
    assert FLUSH_LIMIT_S == 8


@BY_SIGNAL
def test_the_first_signal_is_noted_and_sets_the_event(number: signal.Signals) -> None:
    event = threading.Event()
    with stopping(event) as stop:
        assert stop.signal is None
        signal.raise_signal(number)
        assert event.wait(5)
        assert stop.signal == number


def test_whoever_had_the_signals_before_has_them_again() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with stopping(threading.Event()):
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_signals_go_back_even_when_the_run_fails() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RuntimeError), stopping(threading.Event()):
        raise RuntimeError
    assert signal.getsignal(signal.SIGTERM) == before


@BY_SIGNAL
def test_a_program_that_ends_in_good_order_ends_by_itself(number: signal.Signals) -> None:
    with program(60.0, "quick") as process:
        process.send_signal(number)
        assert said(process) == f"stopping {number.value}"
        assert said(process) == "ended"
        assert process.wait(10) == 0


@BY_SIGNAL
def test_a_second_signal_ends_it_at_once(number: signal.Signals) -> None:
    with program(60.0, "busy") as process:
        process.send_signal(signal.SIGTERM)
        assert said(process) == "stopping 15"
        process.send_signal(number)
        told = process.communicate(timeout=10)[1]

    assert process.returncode == 128 + number
    assert told == "Stopped before everything was loaded. Run the same command again to go on.\n"


def test_what_takes_too_long_is_cut_off() -> None:
    with program(0.3, "busy") as process:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=10)[1]

    assert process.returncode == 143
    assert 0.3 <= time.monotonic() - began < 5
    assert "Run the same command again" in told


def test_what_ended_in_good_order_is_not_cut_off_afterwards() -> None:
    with program(0.3, "quick", then_s=0.8) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_the_event_can_be_waited_for_in_other_threads() -> None:
    event = threading.Event()
    thread = threading.Thread(target=event.wait, daemon=True)
    thread.start()
    with stopping(event):
        os.kill(os.getpid(), signal.SIGTERM)
        thread.join(5)
    assert not thread.is_alive()
