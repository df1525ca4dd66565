"""How many of the processor's cores each thread of the worker gives to torch."""

from __future__ import annotations

import os
import sys

__all__ = ["available_cores", "calm_waiting", "torch_threads", "use_threads"]


def available_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(count: int) -> None:
    """Let torch use `count` cores for what the calling thread asks of it.

    Without it a thread that only resizes pictures opens a team as large as the model's, and the
    two teams wait for each other at every barrier: measured 36 ms for a picture instead of 1.5.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return
    # The first question in a thread sets it to the number set last anywhere; so ask, then set.
    torch.get_num_threads()
    torch.set_num_threads(count)


def calm_waiting() -> None:
    """Let torch's threads sleep while they wait for each other; works only before torch loads.

    By default they spin, which takes the cores away from decoding, from the database and from the
    very threads that they wait for: measured on two busy cores, a query of 97 ms instead of 27.
    """
    # The variable is OpenMP's; who sets it for the process is obeyed.
    if os.getenv("OMP_WAIT_POLICY") is None:
        os.putenv("OMP_WAIT_POLICY", "PASSIVE")


def torch_threads() -> int:
    """The cores that torch would use on its own, as OMP_NUM_THREADS or the machine say."""
    torch = sys.modules.get("torch")
    return available_cores() if torch is None else int(torch.get_num_threads())
