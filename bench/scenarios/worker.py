"""Measures one way of running one scenario, in a process of its own. compare.py starts it.

Its task comes as JSON on the command line. On standard output it says where it is, and each time
waits for a line on standard input, so that measure.py can look at its memory in between:
"imported", "looping", "done", and then the result as JSON.
"""

import gc
import importlib
import json
import pathlib
import sys
import time

import numpy as np
import scenarios


def say(word):
    print(word, flush=True)
    sys.stdin.readline()


def milliseconds(function, *args):
    start = time.perf_counter_ns()
    function(*args)
    return (time.perf_counter_ns() - start) / 1e6


def timed_loops(loop, task):
    """Times of the loops; the first, which warms everything up, is not among them."""
    times = [milliseconds(loop) for _ in range(task["loops"] + 1)]
    return times[1:]


def loops_for(loop, seconds):
    """How many loops were run in about that time."""
    loops = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        loop()
        loops += 1
    return loops


def run(task):
    module = importlib.import_module(f"systems.{task['module']}")
    result = {"version": module.version(), "numpy": np.__version__}
    scenario = scenarios.by_name(task["scenario"])
    np.random.default_rng()  # imported on demand; not to be counted as the system's memory
    say("imported")

    system = module.System(pathlib.Path(task["folder"]), task["mode"])
    system.save("array", scenario.data())
    gc.collect()
    # A factor of one leaves the elements alone for as long as memory is watched.
    factor = 1.0 if task["watch_seconds"] else scenarios.FACTOR

    def loop():
        system.loop("array", factor, scenario.count)

    say("looping")
    if task["watch_seconds"]:
        loops = loops_for(loop, task["watch_seconds"])
    else:
        result["times_ms"] = timed_loops(loop, task)
        loops = task["loops"] + 1
    say("done")

    result["close_ms"] = milliseconds(system.close)
    found = system.load("array")
    expected = scenario.expected(factor, loops)
    same = found.dtype == expected.dtype and np.array_equal(found, expected)
    result["verified"] = bool(same)
    return result


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
