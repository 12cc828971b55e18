// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "cluster_feature_tree.h"
#include "ward_linkage.h"

#include <cmath>
#include <limits>
#include <random>
#include <set>

using namespace mdsieve;

namespace {

std::vector<double> random_rows(std::size_t n, std::size_t n_features, double centre = 0.0)
{
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(centre, 1.0);
  std::vector<double> rows(n * n_features);
  for (double &x : rows) x = normal(random);
  return rows;
}

/// Sizes, means and deviations of sub-clusters are those of the rows they say they own, radii within
/// threshold.
void sub_clusters_are_their_rows(std::size_t branching, double threshold, double centre)
{
  const std::size_t n = 3000, n_features = 3;
  const auto rows = random_rows(n, n_features, centre);
  ClusterFeatureTree tree(n_features, threshold, branching);
  std::vector<std::size_t> owner(n);
  for (std::size_t i = 0; i < n; ++i) owner[i] = tree.insert(&rows[i * n_features]);
  const auto means = tree.means();
  std::vector<double> counts(tree.size()), sums(means.size()), deviations(tree.size());
  for (std::size_t i = 0; i < n; ++i) {
    counts[owner[i]] += 1;
    for (std::size_t f = 0; f < n_features; ++f)
      sums[owner[i] * n_features + f] += rows[i * n_features + f] - centre;
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t f = 0; f < n_features; ++f) {
      const std::size_t at = owner[i] * n_features + f;
      const double d = rows[i * n_features + f] - centre - sums[at] / counts[owner[i]];
      deviations[owner[i]] += d * d;
    }
  CHECK(tree.size() > 10);
  for (std::size_t e = 0; e < tree.size(); ++e) {
    CHECK(counts[e] == tree.counts()[e]);
    CHECK(std::fabs(deviations[e] - tree.deviations()[e]) < 1e-6);
    CHECK(deviations[e] <= threshold * threshold * counts[e] + 1e-6);
    for (std::size_t f = 0; f < n_features; ++f)
      CHECK(std::fabs(sums[e * n_features + f] / counts[e] + centre - means[e * n_features + f]) < 1e-7);
  }
}

}    // namespace

TEST(sub_clusters_have_the_rows_they_own)
{
  sub_clusters_are_their_rows(50, 0.3, 0.0);
  sub_clusters_are_their_rows(2, 0.3, 0.0);
}

TEST(far_from_the_origin_no_digits_are_lost) { sub_clusters_are_their_rows(5, 0.5, 1e6); }

TEST(without_a_threshold_equal_rows_alone_share)
{
  const auto rows = random_rows(200, 2);
  ClusterFeatureTree tree(2, 0.0, 4);
  std::vector<std::size_t> first(200);
  for (std::size_t i = 0; i < 200; ++i) first[i] = tree.insert(&rows[2 * i]);
  CHECK(std::set<std::size_t>(first.begin(), first.end()).size() == 200);
  CHECK(tree.size() == 200);
  ClusterFeatureTree same(2, 0.0, 4);
  for (std::size_t i = 0; i < 200; ++i) CHECK(same.insert(&rows[0]) == 0);
  CHECK(same.counts()[0] == 200.0);
}

TEST(wrong_parameters_are_told)
{
  CHECK_THROWS(ClusterFeatureTree(0, 1.0), "at least one feature");
  CHECK_THROWS(ClusterFeatureTree(2, -1.0), "threshold");
  CHECK_THROWS(ClusterFeatureTree(2, std::numeric_limits<double>::quiet_NaN()), "threshold");
  CHECK_THROWS(ClusterFeatureTree(2, 1.0, 1), "branching factor 1");
}

namespace {

/// Ward by its definition: every time the pair whose merging adds least to the sum of squared deviations.
std::vector<double> plain_ward_heights(std::vector<std::vector<double>> means)
{
  std::vector<double> sizes(means.size(), 1.0), heights;
  while (means.size() > 1) {
    double best = std::numeric_limits<double>::infinity();
    std::size_t a = 0, b = 0;
    for (std::size_t i = 0; i < means.size(); ++i)
      for (std::size_t j = i + 1; j < means.size(); ++j) {
        double square = 0.0;
        for (std::size_t f = 0; f < means[i].size(); ++f)
          square += (means[i][f] - means[j][f]) * (means[i][f] - means[j][f]);
        square *= sizes[i] * sizes[j] / (sizes[i] + sizes[j]);
        if (square < best) best = square, a = i, b = j;
      }
    heights.push_back(std::sqrt(2.0 * best));
    for (std::size_t f = 0; f < means[a].size(); ++f)
      means[a][f] = (means[a][f] * sizes[a] + means[b][f] * sizes[b]) / (sizes[a] + sizes[b]);
    sizes[a] += sizes[b];
    means.erase(means.begin() + static_cast<std::ptrdiff_t>(b));
    sizes.erase(sizes.begin() + static_cast<std::ptrdiff_t>(b));
  }
  return heights;
}

}    // namespace

TEST(ward_merges_what_adds_least)
{
  for (const std::size_t n : {2u, 3u, 60u}) {
    const auto points = random_rows(n, 3);
    std::vector<std::vector<double>> means;
    for (std::size_t i = 0; i < n; ++i)
      means.emplace_back(points.begin() + static_cast<std::ptrdiff_t>(3 * i),
                         points.begin() + static_cast<std::ptrdiff_t>(3 * i + 3));
    const auto merges = ward_linkage(points.data(), n, 3);
    const auto heights = plain_ward_heights(means);
    CHECK(merges.size() == n - 1);
    for (std::size_t i = 0; i + 1 < n; ++i) CHECK(std::fabs(merges[i].height - heights[i]) < 1e-10);
  }
}

TEST(ward_ends_on_equal_points)
{
  const std::vector<double> points(50, 1.0);
  const auto merges = ward_linkage(points.data(), 50, 1);
  CHECK(merges.size() == 49);
  for (const auto &merge : merges) CHECK(merge.height == 0.0);
  CHECK(ward_linkage(points.data(), 1, 1).empty());
  CHECK(ward_linkage(points.data(), 0, 1).empty());
}

TEST_MAIN
