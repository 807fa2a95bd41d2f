"""stats, verify, checksums, vacuum: what the files of a store hold, and how to pack them."""

import pytest

from helpers import files, numbers, same
from numpack import BatchModeError, NumPack


def test_stats_are_counts_and_bytes(npk, path):
    assert npk.stats()["arrays"] == 0
    npk.save({"small": numbers(10), "large": numbers(1000, 1000)})
    stats = npk.stats()
    assert stats["arrays"] == 2
    assert stats["commits"] == 1
    assert stats["live_bytes"] == 80 + 8_000_000
    assert stats["segments"] == 2
    files = [*path.glob("segment.*"), *path.glob("log.*")]
    assert stats["file_bytes"] == sum(file.stat().st_size for file in files)
    assert all(isinstance(value, int) for value in stats.values())


def test_stats_tell_what_is_read_from_what_is_free(npk):
    npk.save({"a": numbers(100_000)})
    view = npk.load("a", lazy=True)
    npk.save({"a": numbers(100_000) + 1})
    npk.flush()
    stats = npk.stats()
    assert stats["pinned_bytes"] == stats["limbo_bytes"] >= 800_000
    assert view[1] == 1.0
    del view
    npk.save({"b": numbers(1)})
    stats = npk.stats()
    assert stats["pinned_bytes"] == 0
    assert stats["free_bytes"] >= 800_000


def test_stats_of_a_store_that_was_only_read(npk, path):
    npk.save({"a": numbers(100_000)})
    npk.close()
    with NumPack(path) as again:
        stats = again.stats()
    assert stats["arrays"] == 1
    assert stats["commits"] == 0
    assert stats["live_bytes"] == 800_000


def test_verify_finds_nothing_in_a_sound_store(npk, path):
    npk.save({"a": numbers(10, 3), "b": numbers(100_000)})
    npk.drop("a", [1, 2])
    assert npk.verify() == []  # while it is open
    npk.close()
    before = files(path)
    assert npk.verify() == []
    assert files(path) == before


def test_verify_names_the_damage(npk, path):
    npk.save({"a": numbers(10), "b": numbers(100_000)})
    npk.close()
    (path / "segment.2").unlink()
    (path / "notes.txt").write_text("mine")
    before = files(path)
    damage, foreign = npk.verify()
    assert files(path) == before
    assert (damage.severity, damage.file, damage.array) == ("error", "segment.2", "b")
    assert "missing" in damage.what
    assert "repair" in damage.remedy
    assert (foreign.severity, foreign.file) == ("note", "notes.txt")


def test_verify_needs_a_store(path):
    with pytest.raises(FileNotFoundError):
        NumPack(path).verify()
    path.mkdir()
    with pytest.raises(FileNotFoundError):
        NumPack(path).verify()
    assert files(path) == {}


def flip_a_bit(path, array):
    """Damages the array, which occurs once in the closed store at `path`."""
    for segment in path.glob("segment.*"):
        stored = bytearray(segment.read_bytes())
        at = stored.find(array.tobytes())
        if at >= 0:
            stored[at + array.nbytes // 2] ^= 1
            segment.write_bytes(stored)
            return
    raise AssertionError("not in the store")


def changed_in_every_way(path, checksum):
    """The names and arrays of a store that was changed by handles with and without checksums."""
    with NumPack(path, checksum=checksum) as npk:
        npk.save({"saved": numbers(100_000), "kept": numbers(50, 4) + 0.25})
        npk.save({"rows": numbers(1000, 100) + 0.5})
    with NumPack(path) as npk:
        npk.append({"rows": numbers(10, 100)})
        npk.replace({"rows": -numbers(2, 100)}, [5, 500])
        npk.drop("rows", [1, 2, 700])
        with npk.batch_mode(memory_limit=0.5):
            npk.save({"saved": numbers(200_000) + 0.75})
        with npk.writable_batch_mode() as writable:
            row = writable.load("rows")[3]
            row[:] = 7
        row[:] = 8  # no longer the stored array
        return {name: npk.load(name) for name in npk}


def test_verify_compares_contents_with_checksums(path):
    arrays = changed_in_every_way(path, checksum=True)
    assert len(arrays) == 3
    assert NumPack(path).verify() == []
    for name, array in arrays.items():
        before = files(path)
        flip_a_bit(path, array)
        [damage] = NumPack(path).verify()
        assert (damage.severity, damage.array) == ("error", name)
        assert "checksum" in damage.what
        assert "repair" in damage.remedy
        assert NumPack(path).verify(contents=False) == []
        for file, stored in before.items():
            (path / file).write_bytes(stored)


def test_saving_a_damaged_array_again_puts_it_right(path):
    with NumPack(path, checksum=True) as npk:
        npk.save({"a": numbers(100_000)})
    flip_a_bit(path, numbers(100_000))
    with NumPack(path) as npk:
        npk.save({"a": numbers(100_000)})
        assert all(found.severity == "note" for found in npk.verify())
        assert same(npk.load("a"), numbers(100_000))


def test_without_checksums_contents_are_not_looked_at(path):
    for array in changed_in_every_way(path, checksum=False).values():
        flip_a_bit(path, array)
    assert NumPack(path).verify() == []


def test_vacuum_gives_space_back(npk, path):
    npk.save({f"a{i}": numbers(1000) + i for i in range(300)})
    npk.save({"rows": numbers(100_000)})
    npk.drop("rows", list(range(0, 1000, 7)))
    npk.remove([f"a{i}" for i in range(300) if i % 10 != 0])
    expected = {name: npk.load(name) for name in npk}
    report = npk.vacuum()
    assert report.before_bytes - report.after_bytes == report.reclaimed_bytes > 2_000_000
    assert report.compacted_arrays == 1
    assert report.moved_arrays == 30
    assert report.copied_bytes == 30 * 8000 + expected["rows"].nbytes
    assert report.held == []
    assert report.held_bytes == 0
    assert report.after_bytes == npk.stats()["file_bytes"]
    assert all(same(npk.load(name), array) for name, array in expected.items())
    assert list(npk) == list(expected)
    again = npk.vacuum()
    assert again.reclaimed_bytes == again.copied_bytes == 0
    npk.close()
    assert npk.verify() == []
    with NumPack(path) as again:
        assert all(same(again.load(name), array) for name, array in expected.items())


def test_vacuum_leaves_what_is_read(npk):
    npk.save({"rows": numbers(100_000)})
    npk.drop("rows", [0])
    view = npk.load("rows", lazy=True)
    assert npk.vacuum().held == ["rows"]
    assert view[0] == 1.0
    del view
    report = npk.vacuum()
    assert report.held == []
    assert report.compacted_arrays == 1


def test_vacuum_in_the_wrong_moment(npk):
    with npk.batch_mode(), pytest.raises(BatchModeError):
        npk.vacuum()
    npk.save({"a": numbers(10)})
    with npk.writable_batch_mode() as wb:
        wb.load("a")[0] = 5
        npk.vacuum()
    assert npk.load("a")[0] == 5
    npk.close()
    with pytest.raises(RuntimeError):
        npk.vacuum()
