"""stats, verify: what a store's files hold, and whether they are in order."""

import pytest

from helpers import files, numbers
from numpack import NumPack


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
