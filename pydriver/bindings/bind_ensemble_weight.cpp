// SPDX-License-Identifier: GPL-2.0-or-later
#include "ensemble_weight.h"
#include "input_error.h"
#include "rows.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <tuple>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

namespace {

using Axis = std::tuple<double, double, int>;

Axis axis_of(const BiasAxis &axis) { return {axis.lower, axis.upper, axis.n}; }

std::size_t same_size(const ValueArray &enthalpy, const ValueArray &order)
{
  if (enthalpy.shape(0) != order.shape(0))
    throw InputError(std::to_string(enthalpy.shape(0)) + " enthalpies and " + std::to_string(order.shape(0)) +
                     " order parameters: expected as many");
  return enthalpy.shape(0);
}

std::tuple<Array<double>, Array<double>, Array<double>>
evaluate(const EnsembleWeight &weight, const ValueArray &enthalpy, const ValueArray &order)
{
  const std::size_t n = same_size(enthalpy, order);
  std::vector<double> value(n), d_enthalpy(n), d_order(n);
  {
    const nb::gil_scoped_release released;
    for (std::size_t i = 0; i < n; ++i) {
      const BiasValue v = weight.grid.evaluate(enthalpy.data()[i], order.data()[i]);
      value[i] = v.value;
      d_enthalpy[i] = v.d_enthalpy;
      d_order[i] = v.d_order;
    }
  }
  return {owned_array(std::move(value)), owned_array(std::move(d_enthalpy)), owned_array(std::move(d_order))};
}

Array<std::int64_t> bins(const EnsembleWeight &weight, const ValueArray &enthalpy, const ValueArray &order)
{
  const std::size_t n = same_size(enthalpy, order);
  std::vector<std::int64_t> found(n, -1);
  for (std::size_t i = 0; i < n; ++i)
    if (weight.grid.is_inside(enthalpy.data()[i], order.data()[i]))
      found[i] = static_cast<std::int64_t>(weight.grid.bin(enthalpy.data()[i], order.data()[i]));
  return owned_array(std::move(found));
}

}    // namespace

void bind_ensemble_weight(nb::module_ &m)
{
  nb::class_<EnsembleWeight>(m, "EnsembleWeight",
                             "The weight exp(-v / k T0) of a multiorder-multithermal ensemble.")
      .def_static("parse", &parse_weight, "text"_a, "name"_a,
                  "The weight that a text tells; `name` is that of the file, for messages.")
      .def("text", &EnsembleWeight::text, "Text that `parse` reads back exactly.")
      .def_prop_ro("units", [](const EnsembleWeight &w) { return w.header.units; })
      .def_prop_ro("temperature", [](const EnsembleWeight &w) { return w.header.temperature; })
      .def_prop_ro("pressure", [](const EnsembleWeight &w) { return w.header.pressure; })
      .def_prop_ro("n_atoms", [](const EnsembleWeight &w) { return w.header.n_atoms; })
      .def_prop_ro("lattice", [](const EnsembleWeight &w) { return name_of(w.header.lattice); })
      .def_prop_ro("repeats", [](const EnsembleWeight &w) { return w.header.repeats; })
      .def_prop_ro(
          "enthalpy_axis", [](const EnsembleWeight &w) { return axis_of(w.grid.enthalpy()); },
          "Lower bound, upper bound and intervals of the window of the cell's enthalpy.")
      .def_prop_ro("order_axis", [](const EnsembleWeight &w) { return axis_of(w.grid.order()); })
      .def_prop_ro("tails",
                   [](const EnsembleWeight &w) { return std::tuple{w.header.coldest, w.header.hottest}; })
      .def_prop_ro("cap", [](const EnsembleWeight &w) { return w.header.cap; })
      .def_ro("samples", &EnsembleWeight::samples)
      .def_ro("deposits", &EnsembleWeight::deposits)
      .def_ro("passages", &EnsembleWeight::passages)
      .def_ro("side", &EnsembleWeight::side)
      .def_prop_ro(
          "visits",
          [](const EnsembleWeight &w) {
            return owned_array(w.visits, {static_cast<std::size_t>(w.grid.enthalpy().n),
                                          static_cast<std::size_t>(w.grid.order().n)});
          },
          nb::rv_policy::automatic)
      .def_prop_ro(
          "coefficients",
          [](const EnsembleWeight &w) {
            return owned_array(w.grid.coefficients(), {static_cast<std::size_t>(w.grid.n_rows()),
                                                       static_cast<std::size_t>(w.grid.n_columns())});
          },
          nb::rv_policy::automatic)
      .def("evaluate", &evaluate, "enthalpy"_a, "order"_a, "v, dv/dH and dv/dO, float64[n] each.")
      .def("bins", &bins, "enthalpy"_a, "order"_a,
           "Number of the bin, row by row of enthalpy, int64[n]; -1 outside the window.");
}
