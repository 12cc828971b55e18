// SPDX-License-Identifier: GPL-2.0-or-later
#include "input_error.h"

#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_clusters(nb::module_ &m);
void bind_descriptor(nb::module_ &m);
void bind_difference(nb::module_ &m);
void bind_ensemble_weight(nb::module_ &m);
void bind_environment_bank(nb::module_ &m);
void bind_farthest_points(nb::module_ &m);
void bind_rule(nb::module_ &m);
void bind_symmetry_functions(nb::module_ &m);
void bind_text_table(nb::module_ &m);

NB_MODULE(_core, m)
{
  m.doc() = "The compiled core of mdsieve, shared with the LAMMPS plugin.";
#ifdef NDEBUG
  nb::set_leak_warnings(false);    // Python does not take down every object at its end; users can't mend that
#endif
  // NOLINTNEXTLINE(bugprone-unused-raii,bugprone-throw-keyword-missing): it registers itself
  nb::exception<mdsieve::InputError>(m, "InputError", PyExc_ValueError);
  bind_clusters(m);
  bind_descriptor(m);
  bind_ensemble_weight(m);
  bind_environment_bank(m);
  bind_difference(m);
  bind_farthest_points(m);
  bind_rule(m);
  bind_symmetry_functions(m);
  bind_text_table(m);
}
