# SPDX-License-Identifier: GPL-2.0-or-later
"""The effective potential of ``fix momt``: forces and pressure are its derivatives, its energy is conserved."""

import numpy as np
import pytest
from harness import run_lmp
from momt_cases import CUBE, MOMT, SKEWED, Window, printed, thermo, write_weight

NKTV2P = 1.6021765e6

# energy of the ensemble: U + P0 V + v; the thermo keyword pe holds v
ENERGY = f"variable energy equal pe+vol/{NKTV2P}"

HOT = (
    MOMT
    + """
fix_modify m energy yes
fix md all nve
run 300
unfix md
compute virial all pressure NULL virial
thermo_style custom step pe vol c_virial[*] f_m[*]
"""
    + ENERGY
    + "\n"
)


def displacement(atom: int, axis: int, step: float) -> str:
    there = [0.0, 0.0, 0.0]
    there[axis] = step
    back = [-component for component in there]
    return (
        f"group one id {atom}\n"
        f"displace_atoms one move {' '.join(f'{x:.17g}' for x in there)} units box\nrun 0\n"
        'print "displaced $(v_energy:%.17g)"\n'
        f"displace_atoms one move {' '.join(f'{x:.17g}' for x in back)} units box\ngroup one delete\n"
    )


@pytest.mark.parametrize("cell", [CUBE, SKEWED], ids=["cubic", "skewed"])
def test_forces_are_the_derivatives_of_the_effective_potential(cell, tmp_path):
    write_weight(tmp_path / "weight.txt", height=1.5)
    h = 1e-4
    places = [(atom, axis) for atom in (1, 7, 20, 32) for axis in range(3)]
    script = cell + HOT + "run 0\n"
    script += 'print "state $(f_m[1]:%.17g) $(f_m[2]:%.17g) $(f_m[4]:%.17g) $(f_m[5]:%.17g) $(f_m[11])"\n'
    for atom, axis in places:
        script += f'variable f equal f{"xyz"[axis]}[{atom}]\nprint "force $(v_f:%.17g)"\n'
    script += "".join(displacement(*place, step) for place in places for step in (h, -h))
    finished = run_lmp(script, tmp_path).check()

    enthalpy, order, scale, slope, out = printed(finished, "state")[0]
    assert -4.4 * 32 < enthalpy < -3.9 * 32
    assert 1 < order < 31
    assert abs(scale - 1) > 0.05
    assert abs(slope) > 0.02
    assert out == 0
    energies = printed(finished, "displaced")[:, 0].reshape(-1, 2)
    expected = -(energies[:, 0] - energies[:, 1]) / (2 * h)
    forces = printed(finished, "force")[:, 0]
    assert np.abs(forces).max() > 0.5
    np.testing.assert_allclose(forces, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", [CUBE, SKEWED], ids=["cubic", "skewed"])
def test_pressure_is_the_derivative_by_strain(cell, tmp_path):
    """All six strains; the target pressure of a barostat must end up as scale times P0."""
    write_weight(tmp_path / "weight.txt", height=1.5, pressure=20000.0)
    momt = HOT.replace("2000 1 fcc", "2000 20000 fcc").replace("vol/", "vol*20000/")
    h = 5e-6
    script = cell + momt + "change_box all triclinic\n" * (cell == CUBE) + "run 0\n"
    script += 'print "pressure $(c_virial[1]:%.17g) $(c_virial[2]:%.17g) $(c_virial[3]:%.17g) '
    script += '$(c_virial[4]:%.17g) $(c_virial[5]:%.17g) $(c_virial[6]:%.17g) $(vol:%.17g) $(f_m[4]:%.17g)"\n'
    for name in ("lx", "ly", "lz", "xy", "xz", "yz"):
        script += f"variable {name}0 equal $({name}:%.17g)\n"
    tilts = "xy final ${xy} xz final ${xz} yz final ${yz}"

    # upper triangular strain: h -> (1 + e) h
    def strained(k: int, e: float) -> str:
        new = {name: f"$(v_{name}0:%.17g)" for name in ("lx", "ly", "lz", "xy", "xz", "yz")}
        changes = [
            {"lx": "lx", "xy": "xy", "xz": "xz"},
            {"ly": "ly", "yz": "yz"},
            {"lz": "lz"},
            {"xy": "ly", "xz": "yz"},
            {"xz": "lz"},
            {"yz": "lz"},
        ][k]
        for target, source in changes.items():
            new[target] = f"$(v_{target}0+{e!r}*v_{source}0:%.17g)"
        text = (
            "change_box all "
            + " ".join(f"{axis} final 0 {new['l' + axis]}" for axis in "xyz")
            + " "
            + tilts.replace("${xy}", new["xy"]).replace("${xz}", new["xz"]).replace("${yz}", new["yz"])
        )
        return text + " remap units box\n"

    for k in range(6):
        for e in (h, -h):
            script += strained(k, e) + 'run 0\nprint "strained $(v_energy:%.17g)"\n' + strained(0, 0.0)
    finished = run_lmp(script, tmp_path).check()

    row = printed(finished, "pressure")[0]
    pressure, volume, scale = row[:6], row[6], row[7]
    assert abs(scale - 1) > 0.05
    energies = printed(finished, "strained")[:, 0].reshape(-1, 2)
    derivative = (energies[:, 0] - energies[:, 1]) / (2 * h)
    # what the barostat feels: (its pressure - target) V = -dH_eff/de, without the kinetic part
    felt = (pressure - 20000.0 * np.array([1, 1, 1, 0, 0, 0])) * volume / NKTV2P
    np.testing.assert_allclose(felt, -derivative, rtol=0, atol=1e-7 * np.abs(derivative).max())


@pytest.mark.parametrize("ensemble", ["nve", "npt temp 2000 2000 0.1 iso 1 1 1"])
def test_the_conserved_quantity_is_conserved_as_without_the_fix(ensemble, tmp_path):
    """Fluctuation within 2.5 times that of plain MD, and falling as dt^2; NPT with `pchain 0`."""
    npt = ensemble.startswith("npt")
    write_weight(tmp_path / "weight.txt", height=1.0, window=Window(order=(-2.0, 34.0, 6)))
    start = CUBE.replace("velocity all create 4000", "velocity all create 4500")

    def fluctuation(momt: str, dt: float) -> float:
        steps = round(2.0 / dt)
        script = start + momt + f"timestep {dt}\nfix md all {ensemble} {'pchain 0' if npt else ''}\n"
        script += f"thermo_style custom step {'econserve' if npt else 'etotal'} vol\nthermo 10\n"
        script += f"run 200\nrun {steps}\n"
        rows = thermo(run_lmp(script, tmp_path).check())
        rows = rows[rows[:, 0] > 200]
        conserved = rows[:, 1]
        trend = np.polynomial.Polynomial.fit(rows[:, 0], conserved, 1)(rows[:, 0])
        return float(np.std(conserved - trend))

    momt = MOMT + "\nfix_modify m energy yes\n"
    coarse, fine = fluctuation(momt, 0.001), fluctuation(momt, 0.0005)
    plain = fluctuation("", 0.001), fluctuation("", 0.0005)
    print(
        f"{ensemble}: {1000 * coarse / 32:.4f} {1000 * fine / 32:.4f} meV/atom; plain {1000 * plain[0] / 32:.4f} {1000 * plain[1] / 32:.4f}"
    )
    assert coarse < 2.5 * plain[0]
    assert fine < 2.5 * plain[1]
    assert 2.5 < coarse / fine < 6.5
