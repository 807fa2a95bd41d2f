"""The table in python_api_rows.md has every row, and names tests that there are."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).parent.parent


def numbered(letter, *ranges):
    return [f"{letter}{number}" for first, last in ranges for number in range(first, last + 1)]


# The ids of the reference's rows of first priority.
ROWS = [
    *numbered("P", (1, 8)),
    *numbered("E", (1, 6)),
    *numbered("C", (1, 19)),
    *numbered("D", (1, 14)),
    *numbered("I", (1, 14)),
    *numbered("S", (1, 4)),
    *numbered("L", (1, 5)),
    *numbered("R", (1, 9)),
    *numbered("A", (1, 6)),
    *numbered("X", (1, 7)),
    "X2a",
    *numbered("U", (1, 2)),
    *numbered("G", (1, 2)),
    *numbered("T", (1, 4)),
    *numbered("M", (1, 9)),
    *numbered("K", (1, 3)),
    *numbered("Z", (1, 11), (20, 33), (40, 44), (50, 55), (60, 68), (70, 74)),
    *numbered("B", (1, 8), (10, 17), (20, 26), (30, 42)),
    *numbered("W", (1, 25)),
    *numbered("Q", (1, 8)),
]
NOT_REQUIRED = ["P8"]


class PythonApiRowsTest(unittest.TestCase):
    def setUp(self):
        page = (ROOT / "docs/python_api_rows.md").read_text(encoding="utf-8")
        self.table = re.findall(r"^\| ([A-Z]\d+a?) \| (.*) \|$", page, re.MULTILINE)

    def test_every_row_is_there_once(self):
        self.assertEqual(sorted(row for row, _ in self.table), sorted(ROWS))

    def test_every_row_has_tests_that_there_are(self):
        there = set()
        for file in (ROOT / "python/tests").glob("test_*.py"):
            text = file.read_text(encoding="utf-8")
            there.update(re.findall(r"^def (test_\w+)\(", text, re.MULTILINE))
        for row, cell in self.table:
            tests = re.findall(r"`(test_\w+)`", cell)
            with self.subTest(row=row):
                self.assertEqual(bool(tests), row not in NOT_REQUIRED)
                self.assertEqual(sorted(set(tests) - there), [])

    def test_tests_named_after_a_row_are_in_it(self):
        """A test that is added for a row is added to the table."""
        listed = {row: set(re.findall(r"`(test_\w+)`", cell)) for row, cell in self.table}
        for file in (ROOT / "python/tests").glob("test_*.py"):
            for test in re.findall(r"^def (test_\w+)\(", file.read_text("utf-8"), re.MULTILINE):
                for part in test.split("_"):
                    if part in listed and part not in NOT_REQUIRED:
                        with self.subTest(test=test):
                            self.assertIn(test, listed[part])


if __name__ == "__main__":
    unittest.main()
