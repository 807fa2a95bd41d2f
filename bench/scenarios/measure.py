"""Runs worker.py for one (system, scenario) and watches it from outside."""

import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile
import time

import script

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


def describe(contender):
    """What the worker finds: {"version": ..., "offers": [names of methods], "waits": [modes]}.

    WorkerError when the system cannot be imported.
    """
    command = [contender.python, str(_WORKER), "--describe", contender.module]
    try:
        return script.result(command, contender.python_path)
    except RuntimeError as error:
        raise WorkerError(str(error).splitlines()[-1]) from None


class Worker:
    """A process that says where it is, and goes on when it is told to."""

    def __init__(self, command, python_path):
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the worker
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=script.environment(python_path),
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

    def peak_until_done(self):
        """The largest anonymous memory seen until the worker says "done"."""
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
        return max(peak, anonymous_bytes(self.pid) or 0)


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
        command = [contender.python, str(_WORKER), json.dumps(task)]
        with Worker(command, contender.python_path) as worker:
            worker.expect("imported")
            before = anonymous_bytes(worker.pid)
            worker.go_on()
            worker.expect("looping")
            worker.go_on()
            peak = resident = None
            if watch_seconds and before is not None:
                peak = worker.peak_until_done() - before
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
