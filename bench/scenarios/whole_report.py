"""Collects the figures of one run of tools/bench.sh into one report with plots.

usage: whole_report.py FOLDER     writes FOLDER/report.md, and the plots beside it
"""

import argparse
import json
import pathlib
import statistics

import in_place
import plots
import report
import scenarios

_SHOWN = (
    *(kind.name for kind in scenarios.UPDATES[:4]),
    "save 40 MB",
    "save 40 MB again",
    "load 40 MB",
    "10,000 rows of 1M x 10",
    "append 100 rows to 1M x 10",
    "replace 100 scattered rows",
    "save 1,000 of 1 KB",
    "update 1,000 of 1,000",
)
# The specification's own figures: scenario -> system -> milliseconds.
_SPEC = {
    "80 KB x 100": {"normal": 100, "batch": 3.8, "writable": 5.1},
    "8 MB x 50": {"normal": 1800, "batch": 48, "writable": 27},
    "800 MB x 10": {"normal": None, "batch": None, "writable": 120},
}


def _read(folder, name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _median(figures, scenario, system):
    for row in figures["rows"]:
        if (row["scenario"], row["system"]) == (scenario, system):
            return row["median_ms"]
    return None


def _speed_up(base, value):
    return "-" if base is None or value is None else f"{value:.3g} ms ({base / value:.0f}x)"


def spec_table(figures):
    """The specification's table of speeds, its figures beside ours; speed-ups over normal mode."""
    lines = [
        "| | spec: normal | batch | writable | ours: normal | batch | writable "
        "| batch over npy | writable over npy |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for scenario, spec in _SPEC.items():
        ours = {m: _median(figures, scenario, f"numpack {m}") for m in spec}
        npy = _median(figures, scenario, "npy files")
        if ours["writable"] is None:
            continue
        cells = [scenario]
        for times in (spec, ours):
            normal = times["normal"]
            cells.append("out of memory" if normal is None else f"{normal:.3g} ms")
            for mode in ("batch", "writable"):
                value = times[mode]
                text = "out of memory" if value is None else f"{value:.3g} ms"
                cells.append(_speed_up(normal, value) if normal and value else text)
        for mode in ("batch", "writable"):
            cells.append(f"{npy / ours[mode]:.0f}x" if npy and ours[mode] else "-")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _verdict(figures):
    return "met" if figures["met"] else "**not met**"


def _memory_text(memory):
    lines = ["| changed arrays of 8 MB | batch, MB | writable, MB |", "|---|---:|---:|"]
    for row in memory["arrays"]:
        lines.append(f"| {row['count']} | {row['batch_mb']:.1f} | {row['writable_mb']:.2f} |")
    limit = memory["limit"]
    lines += [
        "",
        f"Batch over {limit['count']} arrays of 8 MB with a limit of {limit['limit_mb']} MB: peak "
        f"{limit['peak_mb']:.1f} MB anonymous; bar: the limit and one array, "
        f"{limit['bar_mb']} MB, {_verdict(limit)}.",
    ]
    return "\n".join(lines) + "\n"


def _ceiling_text(ceiling):
    changed = ", ".join(
        f"{mode} {'changes it' if done else 'is refused (MemoryError), nothing lost'}"
        for mode, done in ceiling["changed"].items()
    )
    text = f"An array of 800 MB in a process that may have 400 MB of its own memory: {changed}.\n"
    if "runs" in ceiling:
        longest = max(run["longest"] for run in ceiling["runs"]["change parts"]) * 1e3
        text += (
            f"\nAn array of four times a memory ceiling, updated part by part in writable mode and "
            f"flushed: {ceiling['of_write_speed']:.2f} of the speed of writing as many bytes under "
            f"the same ceiling (bar {ceiling['bar']}, {_verdict(ceiling)}); the longest part took "
            f"{longest:.0f} ms.\n"
        )
    return text + "".join(f"\nSkipped: {what}.\n" for what in ceiling["skipped"])


def kernels_table(kernels):
    """By level of memory and threads: how the kernels stand to an in-place copy."""
    shares = {}
    for run in kernels["benchmarks"]:
        if "of_copy" not in run or run["name"].startswith("chain"):
            continue
        parts = run["name"].split("/")
        key = (parts[3], parts[4].removeprefix("threads:"))
        shares.setdefault(key, []).append((run["of_copy"], "/".join(parts[:3])))
    lines = [
        "| where | threads | kernels | median share of copy | at least 0.9 | lowest |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for (level, threads), found in shares.items():
        found.sort()
        enough = sum(share >= 0.9 for share, _ in found)
        low = ", ".join(f"{name} {share:.2f}" for share, name in found[:3])
        middle = statistics.median(share for share, _ in found)
        lines.append(f"| {level} | {threads} | {len(found)} | {middle:.2f} | {enough} | {low} |")
    return "\n".join(lines) + "\n"


def library_table(runs):
    """Of //bench:store_bench."""
    lines = ["| C++ | time |", "|---|---:|"]
    for run in runs["benchmarks"]:
        if run.get("run_type", "iteration") == "iteration" and "real_time" in run:
            lines.append(f"| {run['name']} | {run['real_time']:,.4g} {run['time_unit']} |")
    return "\n".join(lines) + "\n"


def write(folder):
    """Writes the report; returns its path."""
    figures = _read(folder, "compare")
    parts = ["## Bars\n", report.bars_table(figures)]
    updates = _read(folder, "in_place")
    if updates:
        barred = [row for row in updates["rows"] if row["what"] != "operators"]
        parts += [in_place.table(barred)]
    parts += ["## The specification's tables\n", spec_table(figures)]
    for name, text in (("memory", _memory_text), ("ceiling", _ceiling_text)):
        found = _read(folder, name)
        if found:
            parts.append(text(found))
    pictures = [
        ("scenarios.png", lambda path: plots.bars(figures, _SHOWN, path)),
        ("number.png", lambda path: plots.by_number(figures, path)),
        ("size.png", lambda path: plots.by_size(figures, path)),
    ]
    kernels = _read(folder, "kernels")
    if kernels:
        pictures.append(("kernels.png", lambda path: plots.roofline(kernels, path)))
    parts.append("## Plots\n")
    for name, draw in pictures:
        if draw(folder / name):
            parts.append(f"![{name.removesuffix('.png')}]({name})\n")
    if kernels:
        parts += ["## Kernels beside an in-place copy\n", kernels_table(kernels)]
    if updates:
        rows = [row for row in updates["rows"] if row["what"] == "operators"]
        parts += ["## Operators beside NumPy, 256 KiB, one thread\n", in_place.table(rows)]
    for name, title in (
        ("calls", "Single calls"),
        ("counts", "Instructions, allocations and system calls"),
    ):
        path = folder / f"{name}.md"
        if path.exists():
            parts += [f"## {title}\n", path.read_text()]
    library = _read(folder, "store_bench")
    if library:
        parts += ["## The C++ library\n", library_table(library)]
    parts += ["## All scenarios\n", report.markdown(figures)]
    path = folder / "report.md"
    path.write_text("\n".join(parts))
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    print(write(parser.parse_args().folder))
