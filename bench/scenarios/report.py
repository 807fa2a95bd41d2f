"""From samples to figures, and from figures to a table."""

import statistics

MEMORY = "in-memory NumPy"
OLD = "numpack 0.7"

# (scenario, ours) -> [(reference, largest ratio that is good enough)]
BARS = {
    ("80 KB x 100", "normal"): [(f"{OLD} normal", 0.3)],
    ("80 KB x 100", "batch"): [(f"{OLD} batch", 0.6)],
    ("80 KB x 100", "writable"): [(f"{OLD} writable", 0.8)],
    ("8 MB x 50", "normal"): [(f"{OLD} normal", 0.45)],
    ("8 MB x 50", "batch"): [(f"{OLD} batch", 0.5), (MEMORY, 1.1)],
    ("8 MB x 50", "writable"): [(f"{OLD} writable", 0.6)],
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
                "samples_ms": samples,
                "median_ms": statistics.median(samples),
                "min_ms": min(samples),
                "max_ms": max(samples),
                "close_ms": statistics.median(run["close_ms"] for run in runs),
                "peak_anonymous_bytes": runs[-1]["peak_anonymous_bytes"],
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


def _bars(row):
    if not row["system"].startswith("numpack ") or row["system"].startswith(OLD):
        return []
    bars = BARS.get((row["scenario"], row["system"].removeprefix("numpack ")), [])
    return [
        {"against": name, "bar": bar, "met": row["ratios"][name] <= bar}
        for name, bar in bars
        if name in row["ratios"]
    ]


def _same_mode_of_old(row):
    return f"{OLD} " + row["system"].rsplit(" ", 1)[-1]


def _ratio_text(row, reference):
    if reference not in row["ratios"]:
        return ""
    return f"{row['ratios'][reference]:.2f} ({row['ratios_of_minima'][reference]:.2f})"


def _bar_text(row):
    return ", ".join(
        f"{'met' if bar['met'] else 'NOT met'}: {bar['bar']} of {bar['against']}"
        for bar in row["bars"]
    )


def _row_text(row):
    peak = row["peak_anonymous_bytes"]
    cells = [
        row["scenario"],
        row["system"],
        f"{row['median_ms']:.2f}",
        f"{row['min_ms']:.2f} - {row['max_ms']:.2f}",
        _ratio_text(row, MEMORY),
        _ratio_text(row, _same_mode_of_old(row)),
        "" if peak is None else f"{max(peak, 0) / 1e6:.1f}",
        "yes" if row["verified"] else "**NO**",
        _bar_text(row),
    ]
    return "| " + " | ".join(cells) + " |"


def markdown(figures):
    machine = figures["machine"]
    versions = sorted({row["version"] for row in figures["rows"]})
    lines = [
        "| scenario | system | median ms | min - max | of in-memory | of 0.7, same mode "
        "| peak anonymous MB | verified | bar |",
        "|---|---|---:|---:|---:|---:|---:|---|---|",
        *map(_row_text, figures["rows"]),
        "",
        f"{machine['cpus']} x {machine['cpu']}, {machine['system']}, Python {machine['python']}; "
        + ", ".join(versions)
        + ".",
        "Ratios are those of the medians, in brackets those of the minima. At the end of its loop "
        "the writable mode of either NumPack waits for the disk; nothing else here does.",
        *(f"Skipped: {what}." for what in figures["skipped"]),
        "",
    ]
    return "\n".join(lines)
