"""From samples to figures, and from figures to a table."""

import statistics

MEMORY = "in-memory NumPy"
OLD = "numpack 0.7"

_MEMMAP = "memmap"
_NPY = "npy files"
_LMDB = "LMDB"

# (scenario, ours) -> [(reference, largest ratio that is good enough)]
BARS = {
    ("80 KB x 100", "normal"): [(f"{OLD} normal", 0.3)],
    ("80 KB x 100", "batch"): [(f"{OLD} batch", 0.6)],
    ("80 KB x 100", "writable"): [(f"{OLD} writable", 0.8)],
    ("8 MB x 50", "normal"): [(f"{OLD} normal", 0.45)],
    ("8 MB x 50", "batch"): [(f"{OLD} batch", 0.5), (MEMORY, 1.1)],
    ("8 MB x 50", "writable"): [(f"{OLD} writable", 0.6)],
    ("40 MB x 100", "writable"): [(MEMORY, 0.65)],
    ("800 MB x 10", "writable"): [(_MEMMAP, 0.8)],
    ("save 40 MB", "normal"): [(_NPY, 1.05)],
    ("save 40 MB again", "normal"): [(_NPY, 0.6)],
    ("load 40 MB", "normal"): [(_NPY, 0.5)],
    ("lazy open of 40 MB", "normal"): [(f"{OLD} normal", 1.0)],
    ("100 rows of 1M x 10", "normal"): [(_MEMMAP, 1.3)],
    ("10,000 rows of 1M x 10", "normal"): [(_MEMMAP, 0.8)],
    ("append 100 rows to 1M x 10", "normal"): [(f"{OLD} normal", 1.0)],
    ("replace 100 neighbouring rows", "normal"): [(f"{OLD} normal", 1.0)],
    ("replace 100 scattered rows", "normal"): [(f"{OLD} normal", 1.0)],
    ("save 1,000 of 1 KB", "normal"): [(f"{OLD} normal", 0.1), (_LMDB, 2.0)],
    ("update 1,000 of 1,000", "batch"): [(f"{OLD} batch", 0.15), (_LMDB, 1.0)],
}


def rows(results):
    """One dict for each scenario and system; `results` as compare.measure_all returns them."""
    found = []
    for (scenario, system), runs in results.items():
        samples = [time for run in runs for time in run.get("times_ms", ())]
        found.append(
            {
                "scenario": scenario,
                "system": system,
                "version": runs[0]["version"],
                "numpy": runs[0]["numpy"],
                "waits": runs[0]["waits"],
                "samples_ms": samples,
                "median_ms": statistics.median(samples),
                "min_ms": min(samples),
                "max_ms": max(samples),
                "close_ms": statistics.median(run["close_ms"] for run in runs),
                "peak_anonymous_bytes": runs[-1]["peak_anonymous_bytes"],
                "peak_resident_bytes": runs[-1]["peak_resident_bytes"],
                "verified": all(run["verified"] for run in runs),
            }
        )
    for row in found:
        row["ratios"] = _ratios(row, found, "median_ms")
        row["ratios_of_minima"] = _ratios(row, found, "min_ms")
        row["bars"] = _bars(row)
    return found


def _ratios(row, others, figure):
    """{reference: figure of this system divided by that of the reference}."""
    return {
        other["system"]: row[figure] / other[figure]
        for other in others
        if other["scenario"] == row["scenario"] and other is not row
    }


def is_ours(system):
    """Whether it is this NumPack, in any of its modes."""
    return system.startswith("numpack ") and not system.startswith(OLD)


def _bars(row):
    if not is_ours(row["system"]):
        return []
    bars = BARS.get((row["scenario"], row["system"].removeprefix("numpack ")), [])
    return [
        {"against": name, "bar": bar, "met": row["ratios"][name] <= bar}
        for name, bar in bars
        if name in row["ratios"]
    ]


def _time(milliseconds):
    if milliseconds < 0.001:
        return f"{milliseconds * 1e6:.0f} ns"
    if milliseconds < 1:
        return f"{milliseconds * 1e3:.3g} us"
    return f"{milliseconds:.3g} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.3g} s"


def _megabytes(number):
    return "" if number is None else f"{max(number, 0) / 1e6:.1f}"


def _ours(others):
    """The quickest of ours: what the others are compared with."""
    ours = [row for row in others if is_ours(row["system"])]
    return min(ours, key=lambda row: row["median_ms"], default=None)


def bars_table(figures):
    """Every bar, with the ratio of the medians and, in brackets, that of the minima."""
    lines = ["| work | ours / reference | bar | ratio | |", "|---|---|---:|---:|---|"]
    for row in figures["rows"]:
        for bar in row["bars"]:
            ratio = f"{row['ratios'][bar['against']]:.2f}"
            least = f"{row['ratios_of_minima'][bar['against']]:.2f}"
            verdict = "met" if bar["met"] else "**not met**"
            lines.append(
                f"| {row['scenario']} | {row['system'].removeprefix('numpack ')} / "
                f"{bar['against']} | {bar['bar']} | {ratio} ({least}) | {verdict} |"
            )
    return "\n".join(lines) + "\n"


def _row_text(row, ours):
    cells = [
        row["system"],
        _time(row["median_ms"]),
        f"{_time(row['min_ms'])} - {_time(row['max_ms'])}",
        f"{row['median_ms'] / ours['median_ms']:.2f}" if ours else "",
        "yes" if row["waits"] else "",
    ]
    if row["peak_anonymous_bytes"] is not None:
        cells += [_megabytes(row["peak_anonymous_bytes"]), _megabytes(row["peak_resident_bytes"])]
    cells.append("" if row["verified"] else "**WRONG**")
    return "| " + " | ".join(cells) + " |"


def scenario_table(figures, scenario):
    """All systems at one scenario."""
    rows = [row for row in figures["rows"] if row["scenario"] == scenario]
    ours = _ours(rows)
    head = ["system", "median", "min - max", "of our quickest", "on disk"]
    if rows[0]["peak_anonymous_bytes"] is not None:
        head += ["anonymous MB", "resident MB"]
    head.append("")
    rule = ["---"] + ["---:"] * 3 + ["---"] + ["---:"] * (len(head) - 6) + ["---"]
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(rule) + "|"]
    lines += [_row_text(row, ours) for row in rows]
    return "\n".join(lines) + "\n"


def markdown(figures):
    machine = figures["machine"]
    versions = sorted({row["version"] for row in figures["rows"]})
    parts = [bars_table(figures)]
    for scenario in dict.fromkeys(row["scenario"] for row in figures["rows"]):
        parts += [f"### {scenario}\n", scenario_table(figures, scenario)]
    parts.append(
        f"{machine['cpus']} x {machine['cpu']}, {machine['system']}, Python {machine['python']}; "
        + ", ".join(versions)
        + '. "On disk": the system waits for the disk before it returns. All results were checked'
        + (".\n" if all(row["verified"] for row in figures["rows"]) else ": see WRONG.\n")
    )
    parts += [f"Skipped: {what}.\n" for what in figures["skipped"]]
    return "\n".join(parts)
