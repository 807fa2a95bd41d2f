"""What is measured: kinds of work with their sizes. kinds.py says what each kind does."""

import kinds

_ROWS = (1_000_000, 10)  # float32: 40 MB
# Where whole files are written and read a hundred times, the others take minutes.
# NumPack 0.7 takes minutes for 800 MB, and its writable mode refuses them.
_LARGE = (
    "in-memory",
    "memmap",
    "numpack normal",
    "numpack batch",
    "numpack writable",
    "0.7 writable",
)
_QUICK = ("in-memory", "memmap", "npy", "numpack")


# The first three are the sizes that the batch modes' specification names.
UPDATES = (
    kinds.Update("80 KB x 100", (200, 100), 100),
    kinds.Update("8 MB x 50", (20_000, 100), 50),
    kinds.Update("800 MB x 10", (2_000_000, 100), 10, _LARGE, rounds=2),
    kinds.Update("40 MB x 100", (100_000, 100), 100, _QUICK),
    kinds.Update("1000 x 100, 100 times", (1_000, 100), 100, _QUICK),
    kinds.Update("10000 x 100, 100 times", (10_000, 100), 100, _QUICK),
)
TRANSFERS = (
    kinds.Save("save 40 MB", _ROWS),
    kinds.SaveAgain("save 40 MB again", _ROWS),
    kinds.Load("load 40 MB", _ROWS),
    kinds.Lazy("lazy open of 40 MB", _ROWS),
    kinds.Stream("40 MB in blocks of 10,000 rows", _ROWS, 10_000),
)
ROWS = (
    kinds.Gather("100 rows of 1M x 10", _ROWS, 100),
    kinds.Gather("1,000 rows of 1M x 10", _ROWS, 1_000),
    kinds.Gather("10,000 rows of 1M x 10", _ROWS, 10_000),
    kinds.Append("append 100 rows to 1M x 10", _ROWS, 100),
    kinds.Replace("replace 100 neighbouring rows", _ROWS, 100, scattered=False),
    kinds.Replace("replace 100 scattered rows", _ROWS, 100, scattered=True),
)
MANY = (
    kinds.SaveAll("save 1,000 of 1 KB", 1_000),
    kinds.UpdateAll("update 1,000 of 1,000", 1_000, 1_000),
    *(
        kind
        for count, text in ((10, "10"), (1_000, "1,000"), (20_000, "20,000"), (100_000, "100,000"))
        for kind in (
            kinds.Open(f"open {text} arrays", count),
            kinds.Names(f"list {text} arrays", count),
            kinds.SaveOne(f"save one of {text}", count),
        )
    ),
    kinds.UpdateAll("update 1,000 of 20,000", 20_000, 1_000),
    kinds.UpdateAll("update 1,000 of 100,000", 100_000, 1_000),
)
SIZES = tuple(
    kind
    for kilobytes, text in ((1, "1 KB"), (32, "32 KB"), (1_000, "1 MB"), (256_000, "256 MB"))
    for kind in (
        kinds.SaveAgain(f"save {text} again", (kilobytes * 250,)),
        kinds.Load(f"load {text}", (kilobytes * 250,)),
    )
)
REAL = (
    kinds.UpdateReal("digits, updated 100 times", "digits", 100),
    kinds.UpdateReal("a model's tensors, updated 10 times", "model", 10),
)
TINY = (
    kinds.Update("4 KB x 3", (10, 100), 3),
    kinds.Save("tiny save", (30, 10)),
    kinds.SaveAgain("tiny save again", (30, 10)),
    kinds.Load("tiny load", (30, 10)),
    kinds.Lazy("tiny lazy", (30, 10)),
    kinds.Stream("tiny stream", (30, 10), 7),
    kinds.Gather("tiny gather", (30, 10), 5),
    kinds.Append("tiny append", (30, 10), 3),
    kinds.Replace("tiny replace", (30, 10), 3, scattered=True),
    kinds.SaveAll("tiny save all", 5),
    kinds.UpdateAll("tiny update all", 5, 3),
    kinds.Open("tiny open", 5),
    kinds.Names("tiny names", 5),
    kinds.SaveOne("tiny save one", 5),
)
SETS = {
    "updates": UPDATES,
    "transfers": TRANSFERS,
    "rows": ROWS,
    "many": MANY,
    "sizes": SIZES,
    "real": REAL,
    "tiny": TINY,
}
# What a quarter of the time shows.
SHORT = (*UPDATES[:2], *TRANSFERS[:3], ROWS[0], ROWS[2], *ROWS[3:], *MANY[:2])


def by_name(name):
    return next(s for group in SETS.values() for s in group if s.name == name)
