"""Runs worker.py for one (system, scenario) and watches it from outside."""

import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile
import time

_WORKER = pathlib.Path(__file__).with_name("worker.py")
_SAMPLE_SECONDS = 0.002


@dataclasses.dataclass(frozen=True)
class Contender:
    """A system in one of its modes, and the interpreter that has it."""

    name: str
    module: str
    mode: str
    python: str
    python_path: str = ""
    version_prefix: str = ""  # what the version that the worker reports must start with
    most_arrays: int = 1_000_000  # above it filling the store takes minutes


class WorkerError(Exception):
    """The worker ended without a result; holds what it wrote to standard error."""


def _kilobytes(pid, file, field):
    """A line of a file about the process, in bytes, or None where the system does not tell."""
    try:
        text = pathlib.Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return None
    line = next((line for line in text.splitlines() if line.startswith(f"{field}:")), None)
    return None if line is None else int(line.split()[1]) * 1024


def anonymous_bytes(pid):
    return _kilobytes(pid, "smaps_rollup", "Anonymous")


def peak_resident_bytes(pid):
    """The most the process ever had in memory, pages of mapped files among it."""
    return _kilobytes(pid, "status", "VmHWM")


def _environment(contender):
    environment = {**os.environ, "PYTHONPATH": contender.python_path, "PYTHONNOUSERSITE": "1"}
    # Threads of NumPy's BLAS have nothing to do here and would only be counted as memory.
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return environment


def describe(contender):
    """What the worker finds: {"version": ..., "offers": [names of methods], "waits": [modes]}.

    WorkerError when the system cannot be imported.
    """
    run = subprocess.run(
        [contender.python, str(_WORKER), "--describe", contender.module],
        capture_output=True,
        text=True,
        env=_environment(contender),
    )
    if run.returncode != 0:
        raise WorkerError((run.stderr.strip().splitlines() or ["no message"])[-1])
    return json.loads(run.stdout)


class _Worker:
    def __init__(self, contender, task):
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the worker
        self._process = subprocess.Popen(
            [contender.python, str(_WORKER), json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=_environment(contender),
        )
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._errors.close()

    def line(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise WorkerError(self._errors.read().strip()[-2000:])
        return line.strip()

    def expect(self, word):
        line = self.line()
        if line != word:
            raise WorkerError(f"expected '{word}', got '{line}'")

    def go_on(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def peak_until_it_speaks(self):
        """The largest anonymous memory seen until the worker writes its next line."""
        peak = 0
        os.set_blocking(self._process.stdout.fileno(), False)
        while not (line := self._process.stdout.readline()):
            peak = max(peak, anonymous_bytes(self.pid) or 0)
            time.sleep(_SAMPLE_SECONDS)
            if self._process.poll() is not None:
                break
        os.set_blocking(self._process.stdout.fileno(), True)
        if line.strip() != "done":
            raise WorkerError(f"expected 'done', got '{line.strip()}'")
        return peak


def _run(contender, scenario, folder, samples, seconds, watch_seconds):
    """The worker's result; with watch_seconds its peak memory instead of times."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as own_folder:
        task = {
            "module": contender.module,
            "mode": contender.mode,
            "scenario": scenario.name,
            "folder": own_folder,
            "samples": samples,
            "seconds": seconds,
            "watch_seconds": watch_seconds,
        }
        with _Worker(contender, task) as worker:
            worker.expect("imported")
            before = anonymous_bytes(worker.pid)
            worker.go_on()
            worker.expect("looping")
            worker.go_on()
            peak = resident = None
            if watch_seconds and before is not None:
                peak = worker.peak_until_it_speaks() - before
                resident = peak_resident_bytes(worker.pid)
            else:
                worker.expect("done")
            worker.go_on()
            result = json.loads(worker.line())
    if not result["version"].split()[-1].startswith(contender.version_prefix):
        raise WorkerError(f"{contender.name}: found {result['version']}")
    result["peak_anonymous_bytes"] = peak
    result["peak_resident_bytes"] = resident
    return result


def times(contender, scenario, folder, samples, seconds=60.0):
    """Milliseconds of `samples` samples, or of as many as the seconds allow."""
    return _run(contender, scenario, folder, min(samples, scenario.most_samples - 1), seconds, 0)


def memory(contender, scenario, folder, seconds):
    return _run(contender, scenario, folder, 0, 0, seconds)
