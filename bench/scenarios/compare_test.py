"""The comparison runs, its figures are those of the samples, and a wrong result is an error."""

import json
import math
import pathlib
import sys
import types

import calls
import compare
import measure
import pytest
import report
import scenarios
import spill
import worker
from systems import memory


@pytest.fixture
def without_numpack(monkeypatch):
    """Only what needs nothing but NumPy."""
    found = compare.contenders

    def others(args):
        systems, skipped = found(args)
        return [s for s in systems if s.module != "npk"], skipped

    monkeypatch.setattr(compare, "contenders", others)


def test_tiny_run_writes_figures_and_table(tmp_path, monkeypatch, without_numpack):
    monkeypatch.delenv("NUMPACK07_PYTHON", raising=False)
    out, table = tmp_path / "out.json", tmp_path / "out.md"
    args = ["--tiny", "--loops=2", "--rounds=2", "--memory-seconds=0.05", f"--dir={tmp_path}"]
    assert compare.main([*args, f"--json={out}", f"--markdown={table}"]) == 0
    figures = json.loads(out.read_text())
    assert [row["system"] for row in figures["rows"]] == ["in-memory NumPy", "npy files"]
    assert all(row["verified"] and len(row["samples_ms"]) == 4 for row in figures["rows"])
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


def test_all_modes_run(tmp_path, package):
    out = tmp_path / "out.json"
    args = ["--tiny", "--loops=1", "--rounds=1", "--memory-seconds=0.01", f"--dir={tmp_path}"]
    assert compare.main([*args, f"--numpack-path={package}", f"--json={out}"]) == 0
    rows = json.loads(out.read_text())["rows"]
    modes = [row["system"] for row in rows if row["version"].startswith("NumPack")]
    assert modes == [f"numpack {mode}" for mode in compare.MODES]


class _Forgetful(memory.System):
    """Loses the last change."""

    def loop(self, name, factor, count):
        super().loop(name, factor, count - 1)


def test_a_wrong_result_is_found(tmp_path, monkeypatch):
    module = types.SimpleNamespace(System=_Forgetful, version=memory.version)
    monkeypatch.setitem(sys.modules, "systems.forgetful", module)
    monkeypatch.setattr(worker, "say", lambda word: None)
    task = {"module": "forgetful", "mode": "loop", "scenario": scenarios.TINY.name}
    task.update(folder=str(tmp_path), loops=1, watch_seconds=0)
    assert worker.run(task)["verified"] is False
    assert worker.run({**task, "module": "memory"})["verified"] is True


def test_a_wrong_result_fails_the_run(tmp_path, monkeypatch, without_numpack):
    def forged(contender, scenario, folder, loops):
        return _result([1.0], verified=contender.module != "npy")

    monkeypatch.setattr(measure, "times", forged)
    assert compare.main(["--tiny", "--memory-seconds=0.01", f"--dir={tmp_path}"]) == 1


def test_a_worker_that_fails_says_why(tmp_path):
    broken = measure.Contender("broken", "no_such_module", "loop", sys.executable)
    with pytest.raises(measure.WorkerError, match="no_such_module"):
        measure.times(broken, scenarios.TINY, tmp_path, 1)


def test_the_wrong_version_is_refused(tmp_path):
    wrong = measure.Contender("0.7", "memory", "loop", sys.executable, version_prefix="0.7")
    with pytest.raises(measure.WorkerError, match="found NumPy"):
        measure.times(wrong, scenarios.TINY, tmp_path, 1)


def test_expected_is_what_the_loops_do():
    scenario = scenarios.TINY
    assert (scenario.expected(1.0, 5) == scenario.data()).all()
    twice = scenario.expected(scenarios.FACTOR, 2)
    assert twice.dtype == "float32"
    assert (abs(twice / scenario.data() / 1.1**6 - 1) < 1e-5).all()


def _result(times, verified=True):
    return {
        "version": "NumPack 9",
        "numpy": "2",
        "times_ms": times,
        "close_ms": 1.0,
        "peak_anonymous_bytes": 8_000_000,
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
    assert "| 12.00 | 10.00 - 20.00 | 1.20 (1.11) | 0.25 (0.21) | 8.0 | yes |" in table
    assert "NOT met: 1.1 of in-memory NumPy" in table


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
