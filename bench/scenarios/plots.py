"""Plots of the figures that compare.py and kernels_bench wrote. Needs matplotlib."""

import re

import matplotlib as mpl
import report

mpl.use("Agg")
import matplotlib.pyplot as plt

_OURS, _OLD, _OTHERS = "#1b6ca8", "#9ec5de", "#b8b8b8"
# What is compared by number of arrays or by size: title -> pattern of the scenario's name.
_BY_NUMBER = {
    "open a store and load one array": r"open ([\d,]+) arrays",
    "list the names": r"list ([\d,]+) arrays",
    "save one array of 1 KB": r"save one of ([\d,]+)",
}
_BY_SIZE = {
    "save over the stored array": r"save ([\d.]+ [KM]B) again",
    "load into memory": r"load ([\d.]+ [KM]B)",
}
_UNITS = {"KB": 1e3, "MB": 1e6}
_MARKERS = "osD^vPX*<>"


def _color(system):
    if system.startswith(report.OLD):
        return _OLD
    return _OURS if report.is_ours(system) else _OTHERS


def _bars_of(axes, rows):
    rows = sorted(rows, key=lambda row: -row["median_ms"])
    names = [row["system"] for row in rows]
    medians = [row["median_ms"] for row in rows]
    spread = [
        [row["median_ms"] - row["min_ms"] for row in rows],
        [row["max_ms"] - row["median_ms"] for row in rows],
    ]
    axes.barh(names, medians, xerr=spread, color=[_color(n) for n in names], height=0.7)
    axes.set_xscale("log")
    axes.set_title(rows[0]["scenario"], fontsize=9)
    axes.set_xlabel("ms (median, with least and most)", fontsize=7)
    axes.tick_params(labelsize=7)


def bars(figures, scenarios, path):
    """One panel for each of the scenarios that were run."""
    panels = [[row for row in figures["rows"] if row["scenario"] == s] for s in scenarios]
    panels = [rows for rows in panels if rows]
    if not panels:
        return False
    lines = (len(panels) + 1) // 2
    figure, all_axes = plt.subplots(
        lines, 2, figsize=(10, 2.4 * lines), squeeze=False, layout="constrained"
    )
    for axes in list(all_axes.flat)[len(panels) :]:
        axes.set_visible(False)
    for axes, rows in zip(all_axes.flat, panels, strict=False):
        _bars_of(axes, rows)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True


def _position(text):
    number, _, unit = text.replace(",", "").partition(" ")
    return float(number) * _UNITS.get(unit, 1)


def _curves(figures, patterns, label, path):
    figure, all_axes = plt.subplots(
        1, len(patterns), figsize=(4.6 * len(patterns), 3.8), squeeze=False, layout="constrained"
    )
    drawn = False
    for axes, (title, pattern) in zip(all_axes.flat, patterns.items(), strict=True):
        lines = {}
        for row in figures["rows"]:
            found = re.fullmatch(pattern, row["scenario"])
            if found:
                point = (_position(found[1]), row["median_ms"])
                lines.setdefault(row["system"], []).append(point)
        for number, (system, points) in enumerate(sorted(lines.items())):
            drawn = True
            ours = _color(system) == _OURS
            axes.plot(
                *zip(*sorted(points), strict=True),
                label=system,
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=4,
                linewidth=2.2 if ours else 1,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(label, fontsize=8)
        axes.set_ylabel("ms, median", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        if lines:
            axes.legend(fontsize=6)
    if drawn:
        figure.savefig(path, dpi=110)
    plt.close(figure)
    return drawn


def by_number(figures, path):
    return _curves(figures, _BY_NUMBER, "arrays of 1 KB in the store", path)


def by_size(figures, path):
    return _curves(figures, _BY_SIZE, "bytes of the array", path)


def roofline(kernels, path):
    """Bytes per second of every kernel by level of memory, beside those of an in-place copy."""
    levels = ("L1", "L2", "L3", "memory")
    figure, all_axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True, layout="constrained")
    drawn = False
    for axes, threads in zip(all_axes, (1, 2), strict=True):
        points, copies = {}, {}
        for run in kernels["benchmarks"]:
            parts = run["name"].split("/")
            if "of_copy" not in run or f"threads:{threads}" not in parts:
                continue
            level = next((part for part in parts if part in levels), None)
            if level is None:
                continue
            rate = run["GB/s"]
            points.setdefault(level, []).append(rate)
            moved = 1.5 if "array" in parts else 1
            copies.setdefault(level, []).append(rate * moved / run["of_copy"])
        shown = [level for level in levels if level in points]
        for x, level in enumerate(shown):
            drawn = True
            axes.scatter([x] * len(points[level]), points[level], s=7, alpha=0.4, color=_OURS)
            middle = sorted(copies[level])[len(copies[level]) // 2]
            axes.hlines(middle, x - 0.3, x + 0.3, color="black")
        axes.set_yscale("log")
        axes.set_xticks(range(len(shown)), shown)
        axes.set_title(f"{threads} thread{'s' if threads > 1 else ''}", fontsize=9)
        axes.set_ylabel("GB/s of the updated array; line: in-place copy", fontsize=8)
        axes.grid(alpha=0.3)
    if drawn:
        figure.savefig(path, dpi=110)
    plt.close(figure)
    return drawn
