"""What a memory limit costs: the example of the batch modes' specification, with and without one.

1,000 arrays are loaded, doubled and saved in one batch whose memory limit is a tenth of the data,
so nine of ten arrays are spilled, and in one without a limit. Every (limit, round) is a process of
its own on a store of its own; the rounds alternate, and which comes first alternates too. Timed is
the block, from its beginning to the end of its commit. Results are checked afterwards; exits
non-zero when one is wrong.
"""

import json
import pathlib
import statistics
import sys
import tempfile
import time

import script

BAR = 1.5  # of the time without a limit


def _run(folder, arrays, elements, limit):
    """In the process that is measured."""
    import numpy as np

    from numpack import NumPack

    def values(i):
        return np.arange(elements, dtype=np.float32) + np.float32(i)

    with NumPack(pathlib.Path(folder) / "store.npk") as npk:
        for i in range(arrays):
            npk.save({f"array_{i}": values(i)})
        npk.flush()  # so that the disk has nothing left to do
        start = time.perf_counter_ns()
        with npk.batch_mode(memory_limit=limit) as batch:
            for i in range(arrays):
                array = npk.load(f"array_{i}")
                array *= 2.0
                npk.save({f"array_{i}": array})
        milliseconds = (time.perf_counter_ns() - start) / 1e6
        verified = all(
            np.array_equal(npk.load(f"array_{i}"), values(i) * np.float32(2)) for i in range(arrays)
        )
        stats = batch.stats
    return {
        "ms": milliseconds,
        "verified": verified,
        "peak_bytes": stats.peak_bytes,
        "spills": stats.spills,
        "flush_ms": stats.flush_seconds * 1e3,
    }


def _measure(args, limit):
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="bench-") as folder:
        task = [folder, args.arrays, int(args.megabytes * 250_000), limit]
        return script.result(script.task_command(__file__, task), args.numpack_path)


def main(argv=None):
    parser = script.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--arrays", type=int, default=1000)
    parser.add_argument("--megabytes", type=float, default=1, help="of each array")
    args = parser.parse_args(argv)
    if args.task:
        print(json.dumps(_run(*args.task)))
        return 0
    results = {None: [], args.arrays * args.megabytes / 10: []}
    for number in range(args.rounds):
        limits = list(results)
        for limit in limits if number % 2 == 0 else reversed(limits):
            result = _measure(args, limit)
            results[limit].append(result)
            print(
                f"  round {number + 1}/{args.rounds}  limit {limit} MB  {result}", file=sys.stderr
            )
    free, limited = ([run["ms"] for run in runs] for runs in results.values())
    median = statistics.median(limited) / statistics.median(free)
    figures = {
        "runs": {str(limit): runs for limit, runs in results.items()},
        "of_medians": median,
        "of_minima": min(limited) / min(free),
        "bar": BAR,
        "met": median <= BAR,
        "verified": all(run["verified"] for runs in results.values() for run in runs),
    }
    script.write_json(args, figures)
    print(
        f"{args.arrays} arrays of {args.megabytes} MB: {statistics.median(free):.0f} ms without a "
        f"limit, {statistics.median(limited):.0f} ms with a tenth of the data: {median:.2f} times "
        f"(fastest: {figures['of_minima']:.2f}); bar {BAR} {'met' if figures['met'] else 'NOT met'}"
    )
    return 0 if figures["verified"] else 1


if __name__ == "__main__":
    sys.exit(main())
