// SPDX-License-Identifier: GPL-2.0-or-later
#include "input_error.h"
#include "input_nn.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

namespace {

int checked(const Descriptor &descriptor, int element)
{
  const int n = static_cast<int>(descriptor.elements.size());
  if (element < 0 || element >= n)
    throw InputError("element number " + std::to_string(element) + ", expected 0 to " +
                     std::to_string(n - 1));
  return element;
}

Descriptor parse(std::string_view text, const std::string &name, const std::string &length_unit)
{
  if (length_unit != "angstrom" && length_unit != "bohr")
    throw InputError("length unit '" + length_unit + "', expected angstrom or bohr");
  return parse_input_nn(text, name, length_unit == "bohr" ? LengthUnit::bohr : LengthUnit::angstrom);
}

}    // namespace

void bind_descriptor(nb::module_ &m)
{
  nb::class_<SymmetryFunction>(m, "SymmetryFunction",
                               "One symmetry function; lengths in Angstrom, eta in 1/Angstrom^2.")
      .def_ro("type", &SymmetryFunction::type)
      .def_ro("central", &SymmetryFunction::central, "Number of the central element.")
      .def_ro("first", &SymmetryFunction::first, "Number of the neighbour element; -1: all.")
      .def_ro("second", &SymmetryFunction::second)
      .def_ro("eta", &SymmetryFunction::eta)
      .def_ro("r_shift", &SymmetryFunction::r_shift)
      .def_ro("lambda_", &SymmetryFunction::lambda)
      .def_ro("zeta", &SymmetryFunction::zeta)
      .def_ro("theta_shift", &SymmetryFunction::theta_shift)
      .def_ro("r_cutoff", &SymmetryFunction::r_cutoff)
      .def_ro("line", &SymmetryFunction::line);

  nb::class_<Descriptor>(m, "Descriptor", "What an input.nn file says about symmetry functions.")
      .def_ro("elements", &Descriptor::elements)
      .def_ro("atomic_numbers", &Descriptor::atomic_numbers)
      .def_ro("functions", &Descriptor::functions, "All functions, in the file's line order.")
      .def_prop_ro("hash", &Descriptor::hash)
      .def(
          "columns", [](const Descriptor &d, int e) { return d.columns(checked(d, e)); }, "element"_a,
          "Functions of a central element, as indices into `functions`: the columns of its fingerprint.")
      .def(
          "n2p2_order", [](const Descriptor &d, int e) { return d.n2p2_order(checked(d, e)); }, "element"_a,
          "For each column its rank in n2p2's sorted order.")
      .def("__repr__", [](const Descriptor &d) { return "Descriptor('" + d.hash() + "')"; });

  m.def("parse_input_nn", &parse, "text"_a, "name"_a = "input.nn", "length_unit"_a = "angstrom",
        "Read n2p2/RuNNer input.nn syntax; ValueError 'name:line: ...' on anything malformed.");
}
