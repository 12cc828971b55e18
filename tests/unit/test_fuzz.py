# SPDX-License-Identifier: GPL-2.0-or-later
"""The short form of ``make fuzz``: every input that was ever found, then some thousand mutations of each kind."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "fuzz" / "fuzz_readers.py"

#: Target -> executions that take about a second on an idle machine.
EXECUTIONS = {
    "messages": 4000,
    "conversation": 500,
    "bank": 1500,
    "bank_hdf5": 150,
    "store": 200,
    "toml": 2000,
    "dump": 3000,
    "dump_file": 200,
    "xyz": 150,
    "momt_record": 1500,
    "momt_weight": 150,
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", EXECUTIONS)
def test_hostile_bytes_are_refused_in_one_line_or_read(target, tmp_path):
    command = [sys.executable, str(PROGRAM), "--executions", str(EXECUTIONS[target]), target]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=590, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{target}: {EXECUTIONS[target]} executions" in done.stdout
