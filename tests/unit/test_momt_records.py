# SPDX-License-Identifier: GPL-2.0-or-later
"""Records of runs of ``fix momt``: what is read, and what is refused."""

import numpy as np
import pytest
from momt_ensemble import Exact, flat_weight, record_of, write_record

from mdsieve.momt.records import read_record
from mdsieve.momt.samples import Samples

AVE_TIME = """# Time-averaged data for fix record
# TimeStep f_m[1] f_m[2] f_m[3] v_vol v_pe
0 -150.25 24 0.5 370.5 -151
20 -149.125 23.5 0.25 371 -150
"""
LOG = """LAMMPS (22 Jul 2025)
thermo_style custom step temp f_m[1] f_m[2] f_m[3] vol
run 40
   Step          Temp         f_m[1]         f_m[2]         f_m[3]         Volume
         0   2000          -150           24              0.5            370
        20   2010          -149           23              0.25           371
WARNING: something of no importance (src/x.cpp:1)
        40   2020          -148           22              0.125          372
Loop time of 0.1 on 1 procs for 40 steps with 32 atoms
Total wall time: 0:00:00
   Step          f_m[1]         f_m[2]         f_m[3]         Volume         Temp
        40   -148           22              0.125          372            2020
        60   -147           21              0.5            373            2030
Loop time of 0.1 on 1 procs for 20 steps with 32 atoms
   Step          Temp
        60   2030
"""


def read(text: str, tmp_path, **options):
    (tmp_path / "record").write_text(text)
    return read_record(tmp_path / "record", **options)


def test_a_file_of_ave_time(tmp_path):
    record = read(AVE_TIME, tmp_path)
    np.testing.assert_array_equal(record.step, [0, 20])
    np.testing.assert_array_equal(record.line, [3, 4])
    np.testing.assert_array_equal(record.enthalpy, [-150.25, -149.125])
    np.testing.assert_array_equal(record.order, [24, 23.5])
    np.testing.assert_array_equal(record.bias, [0.5, 0.25])
    np.testing.assert_array_equal(record.volume, [370.5, 371])
    np.testing.assert_array_equal(record.columns["v_pe"], [-151, -150])
    assert record.fix == "m"


def test_runs_of_a_log_are_one_record_and_the_step_between_them_counts_once(tmp_path):
    record = read(LOG, tmp_path)
    np.testing.assert_array_equal(record.step, [0, 20, 40, 60])
    np.testing.assert_array_equal(record.enthalpy, [-150, -149, -148, -147])
    np.testing.assert_array_equal(record.columns["Temp"], [2000, 2010, 2020, 2030])
    np.testing.assert_array_equal(record.volume, [370, 371, 372, 373])


def test_a_file_of_fix_print_with_a_title(tmp_path):
    record = read("# step f_m[1] f_m[2] f_m[3]\n0 -150 24 0.5\n10 -149 23 0.4\n", tmp_path)
    assert record.volume is None
    np.testing.assert_array_equal(record.bias, [0.5, 0.4])


def test_the_step_may_have_another_name_in_another_table(tmp_path):
    again = LOG.replace("   Step          f_m[1]", "   TimeStep      f_m[1]")
    np.testing.assert_array_equal(read(again, tmp_path).step, [0, 20, 40, 60])


def test_a_run_that_was_killed_and_continued_is_one_record(tmp_path):
    head, rows = "# step f_m[1] f_m[2] f_m[3]\n", "{} -150 24 0.5\n{} -149 23 0.4\n{} -148 22 0.3\n"
    continued = head + rows.format(0, 20, 40) + head + rows.format(20, 40, 60).replace("-14", "-13")
    record = read(continued, tmp_path)
    np.testing.assert_array_equal(record.step, [0, 20, 40, 60])
    np.testing.assert_array_equal(record.enthalpy, [-150, -149, -148, -138])
    np.testing.assert_array_equal(record.line, [2, 3, 4, 8])
    with pytest.raises(ValueError, match="record:6: step 0 after 40: expected rising steps"):
        read(head + rows.format(0, 20, 40) + head + rows.format(0, 20, 40), tmp_path)
    with pytest.raises(ValueError, match="record:7: step 20 after 30: expected rising steps"):
        read(head + rows.format(0, 10, 20) + head + rows.format(30, 20, 40), tmp_path)


def test_a_log_that_goes_back_is_refused(tmp_path):
    with pytest.raises(ValueError, match="record:12: step 20 after 40: expected rising steps"):
        read(LOG.replace("        40   -148", "        20   -148"), tmp_path)


def test_a_part_of_a_record(tmp_path):
    record = read(LOG, tmp_path).since(30)
    np.testing.assert_array_equal(record.step, [40, 60])
    np.testing.assert_array_equal(record.volume, [372, 373])
    with pytest.raises(ValueError, match="no row from step 100 on; the last is 60"):
        record.since(100)


def test_a_line_that_is_being_written_is_left_out(tmp_path, caplog):
    record = read(AVE_TIME + "40 -149.1", tmp_path)
    assert len(record) == 2
    assert "record:5" in caplog.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no table of the step and f_ID\\[1\\]"),
        (AVE_TIME.replace("f_m[3]", "f_m[4]"), "line 2: no column f_m\\[3\\]"),
        (AVE_TIME.replace("f_m[1]", "v_h"), "no column f_m\\[1\\]"),
        (AVE_TIME.replace("# TimeStep", "# Time"), "no table"),
        (AVE_TIME.replace("24", "x"), "record:3: 0 -150.25 x .*: expected 6 numbers"),
        (AVE_TIME.replace("-150.25", "nan"), "record:3: f_m\\[1\\] is not finite"),
        (AVE_TIME.replace("\n20 ", "\n-20 "), "record:4: step -20 after 0: expected rising steps"),
        (AVE_TIME.splitlines()[1] + "\n", "no table"),
        (AVE_TIME.replace("\n20 ", "\n20.5 "), "record:4: step 20.5: expected an integer"),
        (
            "# step f_a[1] f_a[2] f_a[3] f_b[1] f_b[2] f_b[3]\n0 1 2 3 4 5 6\n",
            "columns of the fixes a, b: say which",
        ),
    ],
)
def test_what_is_no_record_is_refused_by_one_line(text, words, tmp_path):
    with pytest.raises(ValueError, match=words) as caught:
        read(text, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_column_may_be_named(tmp_path):
    text = "# step f_a[1] f_a[2] f_a[3] f_b[1] f_b[2] f_b[3] v_size\n0 1 2 3 4 5 6 7\n"
    record = read(text, tmp_path, fix="b", volume="v_size")
    assert (record.enthalpy[0], record.volume[0], record.columns["f_a[1]"][0]) == (4, 7, 1)
    with pytest.raises(ValueError, match="no column v_vol: expected one of"):
        read(text, tmp_path, fix="b", volume="v_vol")
    with pytest.raises(ValueError, match="f_c\\[1\\]"):
        read(text, tmp_path, fix="c")


@pytest.fixture(scope="module")
def weight():
    return flat_weight()


@pytest.fixture(scope="module")
def drawn(weight):
    return Exact(weight).independent(500, np.random.default_rng(11))


@pytest.mark.parametrize("form", ["%g", "%.4f", "%.12g", "%.5e", "%15.8f"])
def test_a_record_belongs_to_its_weight_whatever_the_digits(form, weight, drawn, tmp_path):
    record = read_record(write_record(tmp_path / "record.txt", weight, drawn, form=form))
    assert len(Samples(weight, (record,))) == 500


def test_too_few_digits_are_refused(weight, drawn, tmp_path):
    record = read_record(write_record(tmp_path / "record.txt", weight, drawn, form="%.3g"))
    with pytest.raises(ValueError, match="expected more digits"):
        Samples(weight, (record,))


def test_a_record_of_another_weight_is_refused_by_line_and_number(weight, drawn, tmp_path):
    other = flat_weight(38)
    record = read_record(write_record(tmp_path / "record.txt", other, drawn, form="%g"))
    with pytest.raises(ValueError, match=r"record.txt:\d+: v is .* without `learn`"):
        Samples(weight, (record,))


def test_a_record_whose_weight_was_learnt_on_is_refused(weight, drawn):
    record = record_of(weight, drawn)
    record.bias[400:] += 0.001 * weight.thermal_energy  # one small hill
    with pytest.raises(ValueError, match=r"record:403: .*\(100 of 500 rows\)"):
        Samples(weight, (record,))


def test_records_of_walkers_are_joined_by_the_columns_that_all_have(weight, drawn):
    first, second = record_of(weight, drawn, "a"), record_of(weight, drawn, "b")
    del second.columns["v_twice"]
    samples = Samples(weight, (first, second))
    assert len(samples) == 1000
    assert list(samples.columns) == ["v_vol"]
    np.testing.assert_array_equal(np.bincount(samples.record), [500, 500])
    with pytest.raises(ValueError, match="no record"):
        Samples(weight, ())
