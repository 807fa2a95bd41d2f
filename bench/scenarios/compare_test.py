"""The comparison runs, its figures are those of the samples, and a wrong result is an error."""

import json
import math
import pathlib
import sys
import types

import calls
import ceiling
import compare
import in_place
import kinds
import measure
import memory
import numpy as np
import pytest
import report
import scenarios
import spill
import worker
from systems import memory as memory_system

_NUMPY_ONLY = ["--systems", "in-memory", "npy", "memmap"]


def test_tiny_run_writes_figures_and_table(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMPACK07_PYTHON", raising=False)
    out, table = tmp_path / "out.json", tmp_path / "out.md"
    args = ["--tiny", "--loops=2", "--rounds=2", "--memory-seconds=0.05", f"--dir={tmp_path}"]
    assert compare.main([*args, *_NUMPY_ONLY, f"--json={out}", f"--markdown={table}"]) == 0
    figures = json.loads(out.read_text())
    by_scenario = {}
    for row in figures["rows"]:
        by_scenario.setdefault(row["scenario"], []).append(row["system"])
        assert row["verified"]
        assert len(row["samples_ms"]) == 4
    assert by_scenario["4 KB x 3"] == ["in-memory NumPy", "npy files", "memmap"]
    assert by_scenario["tiny gather"] == ["memmap"]
    assert by_scenario["tiny update all"] == ["npy files", "memmap"]
    waiting = {row["scenario"] for row in figures["rows"] if row["waits"]}
    assert waiting == {"4 KB x 3"}
    assert "NumPack 0.7" in figures["skipped"][0]
    assert "Skipped: NumPack 0.7" in table.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.md"]


@pytest.fixture
def package():
    found = pathlib.Path(__file__).absolute().parents[2] / "python"
    if not list(found.glob("numpack/_native*.so")):
        pytest.skip("the extension module is built by Bazel only: bazel test //bench/scenarios/...")
    return found


def test_single_calls_beside_what_there_is(tmp_path, package, capsys, monkeypatch):
    monkeypatch.delenv("NUMPACK07_PYTHON", raising=False)
    out = tmp_path / "out.json"
    assert calls.main(["--rounds=1", f"--numpack-path={package}", f"--json={out}"]) == 0
    table = capsys.readouterr().out
    assert "NumPack 0.7 is skipped" in table
    assert table.count("0.7: skipped") == 7
    figures = json.loads(out.read_text())
    assert figures["ours"][0]["times"]["load 40 MB"] > 0


def test_spilling_is_compared_with_no_limit(tmp_path, package):
    out = tmp_path / "out.json"
    args = ["--rounds=1", "--arrays=20", "--megabytes=0.1", f"--dir={tmp_path}"]
    assert spill.main([*args, f"--numpack-path={package}", f"--json={out}"]) == 0
    figures = json.loads(out.read_text())
    assert figures["verified"]
    free, limited = figures["runs"]["None"][0], figures["runs"]["0.2"][0]
    assert (free["spills"], free["peak_bytes"]) == (0, 2_000_000)
    assert (limited["spills"], limited["peak_bytes"]) == (18, 200_000)


def test_all_modes_run_all_kinds_of_work(tmp_path, package, monkeypatch):
    monkeypatch.delenv("NUMPACK07_PYTHON", raising=False)
    out = tmp_path / "out.json"
    args = ["--tiny", "--loops=1", "--rounds=1", "--memory-seconds=0.01", f"--dir={tmp_path}"]
    ours = ["--systems", "numpack", f"--numpack-path={package}", f"--json={out}"]
    assert compare.main([*args, *ours]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert {row["scenario"] for row in rows} == {scenario.name for scenario in scenarios.TINY}
    modes = [row["system"] for row in rows if row["scenario"] == "4 KB x 3"]
    assert modes == ["numpack normal", "numpack batch", "numpack writable"]
    modes = [row["system"] for row in rows if row["scenario"] == "tiny update all"]
    assert modes == ["numpack batch", "numpack durable"]


def test_updates_in_place_are_compared_with_numpy(tmp_path, package, capsys):
    out = tmp_path / "out.json"
    options = [f"--numpack-path={package}", f"--dir={tmp_path}", f"--json={out}"]
    assert in_place.main(["--tiny", *options]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert {row["what"] for row in rows} == {"scale", "operators", "chain", "busy"}
    assert "float32 *= number" in capsys.readouterr().out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's limits")
def test_arrays_larger_than_memory(tmp_path, package):
    out = tmp_path / "out.json"
    options = [f"--numpack-path={package}", f"--dir={tmp_path}", f"--json={out}", "--rounds=1"]
    # Little memory, but enough to start an interpreter with.
    assert ceiling.main([*options, "--megabytes=300", "--ceiling-megabytes=64"]) == 0
    figures = json.loads(out.read_text())
    assert figures["changed"] == {"normal": False, "batch": False, "writable": True}
    assert figures["verified"]
    assert ("runs" in figures) != bool(figures["skipped"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_memory_of_the_batch_modes(tmp_path, package):
    out = tmp_path / "out.json"
    options = [f"--numpack-path={package}", f"--dir={tmp_path}", f"--json={out}"]
    assert memory.main([*options, "--counts", "2"]) == 0
    figures = json.loads(out.read_text())
    assert figures["verified"]
    assert figures["arrays"][0]["batch_mb"] >= 16
    assert figures["arrays"][0]["writable_mb"] < 8


class _Forgetful(memory_system.System):
    """Loses the last change."""

    def loop(self, name, factor, count):
        super().loop(name, factor, count - 1)


def _task(module, scenario, tmp_path):
    return {
        "module": module,
        "mode": "loop",
        "scenario": scenario,
        "folder": str(tmp_path),
        "samples": 1,
        "seconds": 1,
        "watch_seconds": 0,
    }


def test_a_wrong_result_is_found(tmp_path, monkeypatch):
    module = types.SimpleNamespace(System=_Forgetful, version=memory_system.version)
    monkeypatch.setitem(sys.modules, "systems.forgetful", module)
    monkeypatch.setattr(worker, "say", lambda word: None)
    for name, verified in (("forgetful", False), ("memory", True)):
        # The kind remembers what it has done: each process has one of its own.
        fresh = kinds.Update("4 KB x 3", (10, 100), 3)
        monkeypatch.setattr(scenarios, "by_name", lambda name, fresh=fresh: fresh)
        task = _task(name, "4 KB x 3", tmp_path)
        assert worker.run(task)["verified"] is verified


class _Stale:
    """Returns what was saved first, whatever was saved later."""

    def __init__(self):
        self._first = None

    def save(self, name, array):
        if self._first is None:
            self._first = array.copy()

    def load(self, name):
        return self._first

    def gather(self, name, rows):
        return self._first[rows]

    def append(self, name, rows):
        pass

    replace = names = save_all = update_all = append


@pytest.mark.parametrize(
    "kind",
    [
        kinds.SaveAgain("again", (30, 10)),
        kinds.Append("append", (30, 10), 3),
    ],
    ids=lambda kind: kind.name,
)
def test_a_lost_change_is_found(kind):
    system = _Stale()
    kind.prepare(system)
    kind.sample(system)
    assert not kind.verified(system)


def test_wrong_rows_are_found():
    system = _Stale()
    kind = kinds.Gather("gather", (30, 10), 3)
    kind.prepare(system)
    kind.sample(system)
    assert kind.verified(system)
    system.gather = lambda name, rows: np.zeros((3, 10), np.float32)
    kind.sample(system)
    assert not kind.verified(system)


def test_a_wrong_result_fails_the_run(tmp_path, monkeypatch):
    def forged(contender, scenario, folder, samples, seconds):
        return _result([1.0], verified=contender.module != "npy")

    monkeypatch.setattr(measure, "times", forged)
    monkeypatch.setattr(measure, "memory", lambda *args: _result([]))
    assert compare.main(["--tiny", *_NUMPY_ONLY, f"--dir={tmp_path}"]) == 1
    assert compare.main(["--tiny", "--systems", "memmap", f"--dir={tmp_path}"]) == 0


def test_others_may_fail_and_ours_may_not(tmp_path, monkeypatch, capsys):
    def failing(contender, scenario, folder, samples, seconds):
        if contender.name in broken:
            raise measure.WorkerError("Traceback\nit broke")
        return _result([1.0])

    monkeypatch.setattr(measure, "times", failing)
    monkeypatch.setattr(measure, "memory", lambda *args: _result([]))
    monkeypatch.setattr(
        measure, "describe", lambda _: {"version": "1", "offers": ["loop"], "waits": {}}
    )
    arguments = ["--tiny", "--systems", "memmap", "numpack normal", f"--dir={tmp_path}"]
    broken = {"memmap"}
    assert compare.main(arguments) == 0
    assert "Skipped: memmap at 4 KB x 3: it broke." in capsys.readouterr().out
    broken = {"numpack normal"}
    assert compare.main(arguments) == 1


def test_a_worker_that_fails_says_why(tmp_path):
    broken = measure.Contender("broken", "no_such_module", "loop", sys.executable)
    with pytest.raises(measure.WorkerError, match="no_such_module"):
        measure.times(broken, scenarios.TINY[0], tmp_path, 1)


def test_the_wrong_version_is_refused(tmp_path):
    wrong = measure.Contender("0.7", "memory", "loop", sys.executable, version_prefix="0.7")
    with pytest.raises(measure.WorkerError, match="found NumPy"):
        measure.times(wrong, scenarios.TINY[0], tmp_path, 1)


def test_expected_is_what_the_loops_do():
    scenario = kinds.Update("4 KB x 3", (10, 100), 3)
    twice = scenario.expected(2)
    assert twice.dtype == "float32"
    assert (abs(twice / scenario.data() / 1.1**6 - 1) < 1e-5).all()
    scenario.factor = 1
    assert (scenario.expected(5) == scenario.data()).all()


def _result(times, verified=True):
    return {
        "version": "NumPack 9",
        "numpy": "2",
        "times_ms": times,
        "close_ms": 1.0,
        "waits": False,
        "peak_anonymous_bytes": 8_000_000,
        "peak_resident_bytes": 9_000_000,
        "verified": verified,
    }


def test_ratios_and_bars_come_from_medians():
    results = {
        ("8 MB x 50", "in-memory NumPy"): [_result([9.0, 10.0, 30.0])],
        ("8 MB x 50", "numpack batch"): [_result([10.0]), _result([12.0, 20.0])],
        ("8 MB x 50", "numpack 0.7 batch"): [_result([48.0])],
    }
    ours = report.rows(results)[1]
    assert ours["median_ms"] == 12.0
    assert (ours["min_ms"], ours["max_ms"]) == (10.0, 20.0)
    assert math.isclose(ours["ratios"]["in-memory NumPy"], 1.2)
    assert ours["bars"] == [
        {"against": "numpack 0.7 batch", "bar": 0.5, "met": True},
        {"against": "in-memory NumPy", "bar": 1.1, "met": False},
    ]
    table = report.markdown({"machine": compare.machine(), "skipped": [], "rows": [ours]})
    assert "| 8 MB x 50 | batch / numpack 0.7 batch | 0.5 | 0.25 (0.21) | met |" in table
    assert "| 8 MB x 50 | batch / in-memory NumPy | 1.1 | 1.20 (1.11) | **not met** |" in table
    assert "| numpack batch | 12 ms | 10 ms - 20 ms | 1.00 |  | 8.0 | 9.0 |  |" in table


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
