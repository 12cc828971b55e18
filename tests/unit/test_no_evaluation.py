# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing that a user opens is ever executed: no pickle, no eval, no shell, here and in what reads files for us."""

import ast
import importlib.util
import inspect
from pathlib import Path

import ase.db.core
import ase.db.jsondb
import ase.db.row
import ase.db.sqlite
import ase.io.jsonio
import pytest
from ase.io.formats import ioformats

import mdsieve

SOURCES = sorted(Path(mdsieve.__file__).parent.rglob("*.py"))

#: Functions that execute what they are given, or trust it.
EVALUATING = {"eval", "exec", "__import__"}
EVALUATING_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}


def offences(source: str) -> list[str]:
    """Lines of a program that could execute data."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            found += [f"{node.lineno}: import {n}" for n in names if n.split(".")[0] in EVALUATING_MODULES]
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in EVALUATING or name in SHELLS or keywords.get("shell") not in (None, "False"):
            found.append(f"{node.lineno}: {name}")
        if name.endswith("torch.load") and keywords.get("weights_only") != "True":
            found.append(f"{node.lineno}: torch.load without weights_only=True")
        if name.endswith(("np.load", "numpy.load")) and keywords.get("allow_pickle") not in (None, "False"):
            found.append(f"{node.lineno}: numpy.load with pickles")
        if name.endswith("yaml.load"):
            found.append(f"{node.lineno}: yaml.load")
    return found


@pytest.mark.parametrize(
    "program",
    [
        "import pickle",
        "from dill import loads",
        "eval('1')",
        "subprocess.run(f'rm {x}', shell=True)",
        "os.system('x')",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f, allow_pickle=True)",
        "yaml.load(f)",
    ],
)
def test_the_scan_sees_what_it_is_for(program):
    assert offences(program)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_our_sources_execute_no_data(file):
    assert offences(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", [ase.db.core, ase.db.jsondb, ase.db.row, ase.db.sqlite, ase.io.jsonio])
def test_what_reads_stores_for_us_executes_no_data(module):
    assert offences(inspect.getsource(module)) == []


#: Starts its program when it writes an input for it, never to read a file.
KNOWN = {"gamess_us"}


def test_no_reader_of_trajectories_executes_its_file():
    modules = {form.module_name for form in ioformats.values() if form.can_read}
    assert "ase.io.trajectory" in modules
    for name in sorted(modules):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or name.rpartition(".")[2] in KNOWN:
            continue
        found = offences(Path(spec.origin).read_text(encoding="utf-8"))
        assert found == [], f"{name} executes what it reads: {found}"
