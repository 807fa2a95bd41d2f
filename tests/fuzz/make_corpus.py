#!/usr/bin/env python3
"""Makes the first inputs of the targets commit_log, log_payload, array_metadata, npy and zip.

usage: make_corpus.py     (writes corpus/<target>/made_*; leaves other files there alone)
"""

import io
import pathlib
import struct
import zipfile

HERE = pathlib.Path(__file__).parent
CHECKPOINT, COMMIT, IN_PLACE_BEGIN, IN_PLACE_END, REDO, BARRIER, SEAL, SESSION, KEPT = range(1, 10)
TAIL, NEXT_LOG, SKIP, DAMAGED = 0, 254, 253, 128
BOOT = b"process"  # of the memory backend


def put(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"made_{name}").write_bytes(data)


# -- payloads, as docs/format.md has them


def u32(number):
    return struct.pack("<I", number)


def u64(number):
    return struct.pack("<Q", number)


def blob(data):
    return u32(len(data)) + data


def extent(number, segment, offset, capacity, own=False, other_flags=0):
    return (
        u32(other_flags | (2 if own else 0))
        + u64(number)
        + u32(segment)
        + u64(offset)
        + u64(capacity)
    )


def entry(name, length, place, metadata=b"m"):
    return blob(name) + blob(metadata) + u64(length) + place


def several(items):
    return u32(len(items)) + b"".join(items)


def checkpoint(number, entries=(), kept=()):
    return (CHECKPOINT, u32(0x4C4B504E) + u32(1) + u64(number) + several(entries) + several(kept))


def commit(removes=(), puts=()):
    return (COMMIT, several([blob(name) for name in removes]) + several(puts))


def in_place(kind, name, metadata=b""):
    return (kind, several([blob(name) + blob(metadata)]))


def redo(name, number, pieces, undo=()):
    texts = [several([u64(at) + blob(data) for at, data in some]) for some in (pieces, undo)]
    return (REDO, blob(name) + blob(b"r") + u64(number) + b"".join(texts))


def barrier(covered):
    return (BARRIER, u64(covered))


def session(boot=BOOT):
    return (SESSION, u64(77) + blob(boot))


def kept(*extents):
    return (KEPT, several(extents))


SMALL = entry(b"s", 12, extent(1, 1, 0, 64))
PAGES = entry(b"p", 5000, extent(2, 1, 4096, 8192))
LARGE = entry(b"l", 8000, extent(3, 2, 0, 8192, own=True))
EMPTY = entry(b"e", 0, extent(0, 0, 0, 0))


def begun(boot=BOOT, entries=()):
    """A log as any is when it has just been made."""
    return [checkpoint(1, entries), session(boot), barrier(2), (SEAL, b"")]


def logs():
    yield "new", begun()
    yield (
        "all_kinds",
        [
            *begun(entries=[SMALL, EMPTY]),
            commit(puts=[PAGES, LARGE]),
            in_place(IN_PLACE_BEGIN, b"p"),
            in_place(IN_PLACE_END, b"p", b"after"),
            redo(b"l", 3, [(100, b"new"), (101, b"er")], [(100, b"old!")]),
            kept(extent(9, 3, 0, 64)),
            barrier(9),
            (SEAL, b""),
            commit(removes=[b"s"]),
            redo(b"l", 3, [(0, b"last")]),
        ],
    )
    changed = [commit(puts=[SMALL, LARGE]), barrier(5), (SEAL, b"")]
    unsure = [commit(puts=[EMPTY]), redo(b"l", 3, [(8, b"new")], [(8, b"was")])]
    yield "other_boot", [*begun(b"another"), *changed, *unsure]
    yield "other_boot_no_seal", [*begun(b"another"), *changed[:2]]
    yield "other_boot_cut", [*begun(b"another"), *changed, unsure[0], (TAIL, b"\xff" * 20)]
    yield "torn", [*begun(), commit(puts=[SMALL]), (TAIL, b"\x40\0\0\0\2")]
    yield "damaged", [*begun(), (COMMIT | DAMAGED, commit(puts=[SMALL])[1]), commit(puts=[LARGE])]
    yield "skipped", [*begun(), (SKIP, 3), commit(puts=[SMALL])]
    yield "interrupted", [*begun(entries=[PAGES]), in_place(IN_PLACE_BEGIN, b"p")]
    yield "two_logs", [*begun(entries=[SMALL]), (NEXT_LOG, None), checkpoint(2, [SMALL]), session()]
    yield (
        "two_whole_logs",
        [
            *begun(),
            (NEXT_LOG, None),
            checkpoint(2, [SMALL], [extent(5, 3, 0, 64)]),
            session(),
            barrier(6),
            (SEAL, b""),
        ],
    )
    yield "overlap", [*begun(entries=[SMALL]), commit(puts=[entry(b"o", 8, extent(2, 1, 32, 64))])]
    yield "beyond", [*begun(), commit(puts=[entry(b"b", 8, extent(2, 2, 8192, 64))])]
    yield "missing", [*begun(), commit(puts=[entry(b"m", 8, extent(2, 7, 0, 64))])]
    yield "renamed", [*begun(entries=[SMALL]), commit([b"s"], [SMALL.replace(b"s", b"t", 1)])]
    yield "no_barrier", [checkpoint(1), session(), commit(puts=[SMALL])]
    yield "wrong_number", [checkpoint(2), session(), barrier(2), (SEAL, b"")]
    yield "empty", []


def encode(records):
    out = b"\1"
    for kind, payload in records:
        out += bytes([kind])
        if kind == TAIL:
            out += payload
        elif kind == SKIP:
            out += struct.pack("<H", payload)
        elif kind != NEXT_LOG:
            out += struct.pack("<H", len(payload)) + payload
    return out


# -- the same as a file's bytes


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def log_file(records):
    out, previous = b"", 0
    for generation, (kind, payload) in enumerate(records, 1):
        padded = payload + bytes(-len(payload) % 8)
        head = struct.pack("<IIQII", 40 + len(padded), kind, generation, previous, len(payload))
        head_crc = crc32c(head)
        previous = crc32c(padded, head_crc)
        out += head + u32(head_crc) + u32(0xB1A7D2C3) + padded + u32(previous) + u32(0xE59CA6B7)
    return out


# -- the other targets


def metadata(dtype, shape, dropped=(), version=1):
    out = struct.pack(
        "<BBBBQ", version, dtype, len(shape), 1 if dropped else 0, 1_700_000_000_000_000
    )
    out += b"".join(u64(axis) for axis in shape)
    if dropped:
        out += u32(len(dropped)) + b"".join(
            u32(distance) + u32(length) for distance, length in dropped
        )
    return out


def npy(descr, order, shape, version=1):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + struct.pack("<H" if version == 1 else "<I", len(text))
        + text
    )


def archive(members, comment=b"", compression=zipfile.ZIP_STORED, long=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, data in members:
            with file.open(zipfile.ZipInfo(name), "w", force_zip64=long) as member:
                member.write(data)
        file.comment = comment
    return out.getvalue()


def long_archive(member):
    """With an end of 64 bits, which zipfile writes only where there are many members."""
    short = archive([member], long=True)
    end = short.rindex(b"PK\5\6")
    count, size, offset = struct.unpack_from("<HII", short, end + 10)
    long_end = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, offset)
    return short[:end] + long_end + b"PK\6\7" + struct.pack("<IQI", 0, end, 1) + short[end:]


def main():
    for name, records in logs():
        put("commit_log", name, encode(records))
        for number, (kind, payload) in enumerate(records):
            if name == "all_kinds":
                put("log_payload", f"{number}_kind_{kind}", bytes([kind]) + payload)
    bytes_of = dict(logs())
    put("commit_log", "file", b"\0" + log_file(bytes_of["all_kinds"]) + bytes(64))
    put("commit_log", "file_other_boot", b"\0" + log_file(bytes_of["other_boot"]))

    put("array_metadata", "0d", metadata(11, ()))
    put("array_metadata", "2d", metadata(10, (1000, 100)))
    put("array_metadata", "no_rows", metadata(0, (0, 7)))
    put("array_metadata", "dropped", metadata(3, (95,), [(0, 2), (10, 3), (50, 1)]))
    put("array_metadata", "later", metadata(3, (95,), version=2))

    put("npy", "2d", npy("'<f4'", False, (10, 3)))
    put("npy", "fortran", npy("'>i2'", True, (5, 4, 3)))
    put("npy", "0d", npy("'|b1'", False, ()))
    put("npy", "version_2", npy("'<c16'", False, (7,), version=2))
    put("npy", "version_3", npy("'<u8'", True, (0, 3), version=3))
    put("npy", "record", npy("[('a', '<i4')]", False, (3,)))
    put("npy", "python_2", npy("'<i8'", False, "(3L,)"))

    one = ("w.npy", npy("'<f4'", False, (2,)) + bytes(8))
    put("zip", "one", archive([one]))
    put("zip", "two", archive([one, ("b/c.npy", b"")], comment=b"a comment"))
    put("zip", "none", archive([]))
    put("zip", "long", archive([one], long=True))
    put("zip", "long_end", long_archive(one))
    put("zip", "compressed", archive([one], compression=zipfile.ZIP_DEFLATED))


if __name__ == "__main__":
    main()
