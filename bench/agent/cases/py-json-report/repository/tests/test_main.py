import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from linecount.__main__ import main


class MainTest(unittest.TestCase):
    def test_counts_and_total(self):
        with tempfile.TemporaryDirectory() as folder:
            one = Path(folder, "one")
            one.write_text("a\nb\n")
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                self.assertEqual(main([str(one)]), 0)
            self.assertEqual(out.getvalue(), f"       2 {one}\n       2 total\n")
