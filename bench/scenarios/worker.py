"""Measures one system at one kind of work, in a process of its own. compare.py starts it.

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


def timed_samples(kind, system, task):
    """Milliseconds of one operation in each sample but the first, which warms up.

    Ends after task["samples"], or after task["seconds"] once there are two.
    """
    times = []
    end = time.monotonic() + task["seconds"]
    while len(times) <= task["samples"] and (len(times) < 3 or time.monotonic() < end):
        kind.rest(system)
        start = time.perf_counter_ns()
        operations = kind.sample(system)
        times.append((time.perf_counter_ns() - start) / 1e6 / operations)
    return times[1:]


def sample_for(kind, system, seconds):
    """Samples for about that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        kind.rest(system)
        kind.sample(system)


def describe(module_name):
    module = importlib.import_module(f"systems.{module_name}")
    return {
        "version": module.version(),
        "offers": [name for name in dir(module.System) if not name.startswith("_")],
        "waits": module.WAITS_FOR_DISK,
    }


def run(task):
    module = importlib.import_module(f"systems.{task['module']}")
    result = {"version": module.version(), "numpy": np.__version__}
    kind = scenarios.by_name(task["scenario"])
    np.random.default_rng()  # imported on demand; not to be counted as the system's memory
    say("imported")

    system = module.System(pathlib.Path(task["folder"]), task["mode"])
    missing = [name for name in (kind.timed, *kind.needs) if not hasattr(system, name)]
    if missing:
        raise SystemExit(f"{task['module']} has no {', '.join(missing)}")
    kind.prepare(system)
    gc.collect()
    if task["watch_seconds"] and hasattr(kind, "factor"):
        kind.factor = 1.0  # leaves the elements alone for as long as memory is watched

    say("looping")
    if task["watch_seconds"]:
        sample_for(kind, system, task["watch_seconds"])
    else:
        result["times_ms"] = timed_samples(kind, system, task)
    say("done")

    start = time.perf_counter_ns()
    system.close()
    result["close_ms"] = (time.perf_counter_ns() - start) / 1e6
    system.open()
    result["verified"] = bool(kind.verified(system))
    return result


if __name__ == "__main__":
    if sys.argv[1] == "--describe":
        print(json.dumps(describe(sys.argv[2])))
        sys.exit()
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
