// SPDX-License-Identifier: GPL-2.0-or-later
#include "cluster_feature_tree.h"
#include "input_error.h"
#include "rows.h"
#include "ward_linkage.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

namespace {

using RowMatrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

Array<std::int32_t> insert(ClusterFeatureTree &tree, const RowMatrix &rows, std::size_t most)
{
  const std::size_t n_features = rows.shape(1);
  if (n_features != tree.n_features())
    throw InputError("rows of " + std::to_string(n_features) + " features: expected " +
                     std::to_string(tree.n_features()));
  std::vector<std::int32_t> owners;
  owners.reserve(rows.shape(0));
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < rows.shape(0) && tree.size() <= most; ++i)
      owners.push_back(static_cast<std::int32_t>(tree.insert(rows.data() + i * n_features)));
  }
  return owned_array(std::move(owners));
}

auto merges_of(const RowMatrix &points)
{
  std::vector<std::int32_t> first, second;
  std::vector<double> heights;
  {
    nb::gil_scoped_release release;
    for (const auto &merge : ward_linkage(points.data(), points.shape(0), points.shape(1))) {
      first.push_back(merge.first);
      second.push_back(merge.second);
      heights.push_back(merge.height);
    }
  }
  return std::tuple{owned_array(std::move(first)), owned_array(std::move(second)),
                    owned_array(std::move(heights))};
}

}    // namespace

void bind_clusters(nb::module_ &m)
{
  nb::class_<ClusterFeatureTree>(m, "ClusterFeatureTree",
                                 "The tree of BIRCH: sub-clusters whose radius stays within a threshold.")
      .def(nb::init<std::size_t, double, std::size_t>(), "n_features"_a, "threshold"_a, "branching"_a = 50)
      .def("insert", &insert, "rows"_a, "most"_a,
           "Take in rows of finite numbers until there are more than `most` sub-clusters; numbers of the "
           "sub-clusters that have the rows taken.")
      .def_prop_ro("n_features", &ClusterFeatureTree::n_features)
      .def_prop_ro("threshold", &ClusterFeatureTree::threshold)
      .def("__len__", &ClusterFeatureTree::size)
      .def(
          "counts", [](const ClusterFeatureTree &tree) { return owned_array(std::vector(tree.counts())); },
          "Number of rows of each sub-cluster.")
      .def(
          "deviations",
          [](const ClusterFeatureTree &tree) { return owned_array(std::vector(tree.deviations())); },
          "Sum of squared distances of each sub-cluster's rows from their mean.")
      .def(
          "means",
          [](const ClusterFeatureTree &tree) {
            return owned_array(tree.means(), {tree.size(), tree.n_features()});
          },
          "Mean of each sub-cluster, shape [len(tree), n_features].");
  m.def("ward_merges", &merges_of, "points"_a,
        "Ward's hierarchy of points: two points of the clusters that become one, and the height, lowest "
        "first.");
}
