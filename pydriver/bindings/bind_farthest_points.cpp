// SPDX-License-Identifier: GPL-2.0-or-later
#include "farthest_points.h"
#include "input_error.h"
#include "rows.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>

#include <utility>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

namespace {

using RowMatrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

/// The search and the array it looks at.
class Search {
 public:
  explicit Search(RowMatrix rows)
      : rows_(std::move(rows)), points_(rows_.data(), rows_.shape(0), rows_.shape(1))
  {}

  void add(const ValueArray &point)
  {
    if (point.shape(0) != points_.n_columns())
      throw InputError("a point of " + std::to_string(point.shape(0)) + " columns: expected " +
                       std::to_string(points_.n_columns()));
    points_.add(point.data());
  }

  void leave_out(std::int64_t row)
  {
    if (row < 0 || static_cast<std::size_t>(row) >= points_.n_rows())
      throw InputError("row " + std::to_string(row) + ": there are " + std::to_string(points_.n_rows()));
    points_.leave_out(static_cast<std::size_t>(row));
  }

  std::pair<std::int64_t, double> farthest()
  {
    const nb::gil_scoped_release released;
    const auto found = points_.farthest();
    return {found.row, found.squared};
  }

  Array<double> squared_distances()
  {
    std::vector<double> values;
    {
      const nb::gil_scoped_release released;
      values = points_.squared_distances();
    }
    return owned_array(std::move(values));
  }

 private:
  RowMatrix rows_;
  FarthestPoints points_;
};

}    // namespace

void bind_farthest_points(nb::module_ &m)
{
  nb::class_<Search>(
      m, "FarthestPoints",
      "Rows (n, n_columns) and points chosen one after the other: which row is farthest from its "
      "nearest point? The array is used where it is.")
      .def(nb::init<RowMatrix>(), "rows"_a)
      .def("add", &Search::add, "point"_a, "From now on distances count to this point too.")
      .def("leave_out", &Search::leave_out, "row"_a, "This row is not to be found any more.")
      .def("farthest", &Search::farthest,
           "Farthest row that is not left out (the first of equals; -1: none) and its squared distance.")
      .def("squared_distances", &Search::squared_distances,
           "Squared distance of each row to its nearest point, shape (n,).");
}
