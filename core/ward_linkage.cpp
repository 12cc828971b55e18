// SPDX-License-Identifier: GPL-2.0-or-later
#include "ward_linkage.h"

#include "vector_types.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mdsieve {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// What merging a cluster with each of n others would add to the sum of squared deviations.
MDSIEVE_CLONES void costs_of(const double *mean, double size, const double *means, const double *sizes,
                             std::size_t n_features, std::size_t stride, std::size_t n, double *costs)
{
  std::fill(costs, costs + n, 0.0);
  for (std::size_t f = 0; f < n_features; ++f) {
    const double x = mean[f];
    const double *other = means + f * stride;
    for (std::size_t i = 0; i < n; ++i) {
      const double d = x - other[i];
      costs[i] += d * d;
    }
  }
  for (std::size_t i = 0; i < n; ++i) costs[i] *= size * sizes[i] / (size + sizes[i]);
}

/// Clusters that are not yet merged, feature by feature so that distances come in vectors.
class Clusters {
 public:
  Clusters(const double *points, std::size_t n, std::size_t n_features)
      : n_features_(n_features), stride_(n), n_(n), sizes_(n, 1.0), points_(n), means_(n * n_features),
        costs_(n), mean_(n_features)
  {
    for (std::size_t i = 0; i < n; ++i) {
      points_[i] = static_cast<std::int32_t>(i);
      for (std::size_t f = 0; f < n_features; ++f) means_[f * n + i] = points[i * n_features + f];
    }
  }

  std::size_t size() const { return n_; }
  std::int32_t point(std::size_t place) const { return points_[place]; }

  /// The cluster whose merging costs least; `previous` among equals (n if there is none).
  std::pair<std::size_t, double> nearest(std::size_t place, std::size_t previous)
  {
    take_mean(place);
    costs_of(mean_.data(), sizes_[place], means_.data(), sizes_.data(), n_features_, stride_, n_,
             costs_.data());
    costs_[place] = infinity;
    const auto end = costs_.begin() + static_cast<std::ptrdiff_t>(n_);
    auto best = static_cast<std::size_t>(std::min_element(costs_.begin(), end) - costs_.begin());
    if (previous < n_ && costs_[previous] <= costs_[best]) best = previous;
    return {best, costs_[best]};
  }

  /// `to` takes in `from`, and the last cluster its place. \return the place that the last one had
  std::size_t merge(std::size_t from, std::size_t to)
  {
    const double total = sizes_[from] + sizes_[to];
    for (std::size_t f = 0; f < n_features_; ++f) {
      double *mean = &means_[f * stride_];
      mean[to] += (mean[from] - mean[to]) * (sizes_[from] / total);
      mean[from] = mean[n_ - 1];
    }
    sizes_[to] = total;
    sizes_[from] = sizes_[n_ - 1];
    points_[from] = points_[n_ - 1];
    return --n_;
  }

 private:
  void take_mean(std::size_t place)
  {
    for (std::size_t f = 0; f < n_features_; ++f) mean_[f] = means_[f * stride_ + place];
  }

  std::size_t n_features_, stride_, n_;
  std::vector<double> sizes_;
  std::vector<std::int32_t> points_;
  std::vector<double> means_, costs_, mean_;
};

}    // namespace

std::vector<ClusterMerge> ward_linkage(const double *points, std::size_t n, std::size_t n_features)
{
  std::vector<ClusterMerge> merges;
  if (n == 0) return merges;
  merges.reserve(n - 1);
  Clusters clusters(points, n, n_features);
  std::vector<std::size_t> chain;
  while (clusters.size() > 1) {
    if (chain.empty()) chain.push_back(0);
    const std::size_t last = chain.back();
    const std::size_t previous = chain.size() > 1 ? chain[chain.size() - 2] : clusters.size();
    const auto [next, cost] = clusters.nearest(last, previous);
    if (next != previous) {
      chain.push_back(next);
      continue;
    }
    merges.push_back({clusters.point(previous), clusters.point(last), std::sqrt(2.0 * cost)});
    chain.resize(chain.size() - 2);
    const std::size_t moved = clusters.merge(last, previous);
    std::replace(chain.begin(), chain.end(), moved, last);
  }
  std::stable_sort(merges.begin(), merges.end(),
                   [](const auto &a, const auto &b) { return a.height < b.height; });
  return merges;
}

}    // namespace mdsieve
