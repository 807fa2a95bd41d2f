"""The README shows the example files as they are, and they do what they say."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).absolute().parent
ROOT = HERE.parent


def code_blocks(language):
    """The fenced blocks of a language in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def output_of(*command):
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
        run = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return run.stdout.strip()


class ReadmeTest(unittest.TestCase):
    def test_python_block_is_the_file(self):
        self.assertEqual(code_blocks("python"), [(HERE / "quickstart.py").read_text()])

    def test_cpp_block_is_the_file(self):
        self.assertEqual(code_blocks("cpp"), [(HERE / "quickstart.cc").read_text()])

    def test_python_example_prints_what_it_says(self):
        self.assertEqual(output_of(sys.executable, HERE / "quickstart.py"), "[0.        2.7048109]")

    def test_cpp_example_prints_what_it_says(self):
        self.assertEqual(output_of(HERE / "quickstart"), "2.70481")


if __name__ == "__main__":
    unittest.main()
