// SPDX-License-Identifier: GPL-2.0-or-later
#include "cluster_feature_tree.h"

#include "input_error.h"
#include "vector_types.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace mdsieve {

namespace {

/// Squared distances of a row from n means that stand feature by feature.
MDSIEVE_CLONES void squared_distances(const double *row, const double *means, std::size_t n_features,
                                      std::size_t stride, std::size_t n, double *distances)
{
  std::fill(distances, distances + n, 0.0);
  for (std::size_t f = 0; f < n_features; ++f) {
    const double x = row[f];
    const double *mean = means + f * stride;
    for (std::size_t i = 0; i < n; ++i) {
      const double d = x - mean[i];
      distances[i] += d * d;
    }
  }
}

}    // namespace

ClusterFeatureTree::ClusterFeatureTree(std::size_t n_features, double threshold, std::size_t branching)
    : n_features_(n_features), branching_(branching), stride_(branching + 1), threshold_(threshold),
      square_(threshold * threshold), distances_(stride_), mean_(n_features)
{
  if (n_features < 1) throw InputError("a tree of clusters needs at least one feature");
  if (branching < 2)
    throw InputError("branching factor " + std::to_string(branching) + ": expected at least 2");
  if (!(threshold >= 0.0) || std::isinf(threshold))
    throw InputError("threshold " + std::to_string(threshold) + ": expected a number of at least 0");
  nodes_.push_back(empty_node(true));
}

ClusterFeatureTree::Node ClusterFeatureTree::empty_node(bool is_leaf) const
{
  Node node;
  node.is_leaf = is_leaf;
  node.entries.reserve(stride_);
  node.counts.reserve(stride_);
  node.means.resize(n_features_ * stride_);
  return node;
}

void ClusterFeatureTree::append(Node &node, std::size_t entry, double count, const double *mean) const
{
  const std::size_t place = node.entries.size();
  node.entries.push_back(entry);
  node.counts.push_back(count);
  for (std::size_t f = 0; f < n_features_; ++f) node.means[f * stride_ + place] = mean[f];
}

/// Make an entry of a node that of a child, whose rows are counted anew.
void ClusterFeatureTree::set_entry(Node &node, std::size_t place, std::size_t entry) const
{
  const Node &child = nodes_[entry];
  double count = 0.0;
  std::fill(mean_.begin(), mean_.end(), 0.0);
  for (std::size_t i = 0; i < child.entries.size(); ++i) {
    count += child.counts[i];
    for (std::size_t f = 0; f < n_features_; ++f)
      mean_[f] += (child.means[f * stride_ + i] - mean_[f]) * (child.counts[i] / count);
  }
  node.entries[place] = entry;
  node.counts[place] = count;
  for (std::size_t f = 0; f < n_features_; ++f) node.means[f * stride_ + place] = mean_[f];
}

std::size_t ClusterFeatureTree::nearest(const Node &node, const double *row) const
{
  const std::size_t n = node.entries.size();
  squared_distances(row, node.means.data(), n_features_, stride_, n, distances_.data());
  const auto end = distances_.begin() + static_cast<std::ptrdiff_t>(n);
  return static_cast<std::size_t>(std::min_element(distances_.begin(), end) - distances_.begin());
}

/// Take a row into a sub-cluster if its radius allows; distances_ are those of the row from the leaf's
/// entries.
bool ClusterFeatureTree::merge(Node &leaf, std::size_t place, const double *row)
{
  const std::size_t entry = leaf.entries[place];
  const double n = leaf.counts[place];
  const double deviation = deviation_[entry] + distances_[place] * (n / (n + 1.0));
  if (!(deviation <= square_ * (n + 1.0))) return false;
  for (std::size_t f = 0; f < n_features_; ++f) {
    double &mean = leaf.means[f * stride_ + place];
    mean += (row[f] - mean) / (n + 1.0);
  }
  leaf.counts[place] = count_[entry] = n + 1.0;
  deviation_[entry] = deviation;
  return true;
}

/// Count a row in the entries of the path.
void ClusterFeatureTree::add_above(const double *row)
{
  for (const Step &step : path_) {
    Node &node = nodes_[step.node];
    const double n = node.counts[step.place] += 1.0;
    for (std::size_t f = 0; f < n_features_; ++f) {
      double &mean = node.means[f * stride_ + step.place];
      mean += (row[f] - mean) / n;
    }
  }
}

std::size_t ClusterFeatureTree::insert(const double *row)
{
  path_.clear();
  std::size_t at = root_;
  while (!nodes_[at].is_leaf) {
    const std::size_t place = nearest(nodes_[at], row);
    path_.push_back({at, place});
    at = nodes_[at].entries[place];
  }
  Node &leaf = nodes_[at];
  if (!leaf.entries.empty()) {
    const std::size_t place = nearest(leaf, row);
    if (merge(leaf, place, row)) {
      const std::size_t entry = leaf.entries[place];
      add_above(row);
      return entry;
    }
  }
  const std::size_t entry = size();
  count_.push_back(1.0);
  deviation_.push_back(0.0);
  append(leaf, entry, 1.0, row);
  add_above(row);
  split_overfull(at);
  return entry;
}

/// Split a node that has too many entries, and those above it that get too many by that.
void ClusterFeatureTree::split_overfull(std::size_t node)
{
  while (nodes_[node].entries.size() > branching_) {
    const std::size_t second = split(node);
    if (path_.empty()) {    // it was the root
      nodes_.push_back(empty_node(false));
      root_ = nodes_.size() - 1;
      for (const std::size_t half : {node, second}) {
        append(nodes_[root_], half, 0.0, mean_.data());
        set_entry(nodes_[root_], nodes_[root_].entries.size() - 1, half);
      }
      return;
    }
    const Step above = path_.back();
    path_.pop_back();
    Node &parent = nodes_[above.node];
    set_entry(parent, above.place, node);
    append(parent, second, 0.0, mean_.data());
    set_entry(parent, parent.entries.size() - 1, second);
    node = above.node;
  }
}

/// Leave with the node the entries that are nearer to the first of its two farthest ones. \return a new node
/// with the others
std::size_t ClusterFeatureTree::split(std::size_t number)
{
  Node old = empty_node(nodes_[number].is_leaf);
  std::swap(old, nodes_[number]);
  const std::size_t n = old.entries.size();
  std::vector<double> rows(n * n_features_), between(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t f = 0; f < n_features_; ++f) rows[i * n_features_ + f] = old.means[f * stride_ + i];
    squared_distances(&rows[i * n_features_], old.means.data(), n_features_, stride_, n, &between[i * n]);
  }
  const auto farthest =
      static_cast<std::size_t>(std::max_element(between.begin(), between.end()) - between.begin());
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): who is overfull has entries
  const std::size_t first = farthest / n;
  const std::size_t second = farthest - first * n;
  nodes_.push_back(empty_node(old.is_leaf));
  for (std::size_t i = 0; i < n; ++i) {
    const bool stays = i == first || between[first * n + i] < between[second * n + i];
    append(stays ? nodes_[number] : nodes_.back(), old.entries[i], old.counts[i], &rows[i * n_features_]);
  }
  return nodes_.size() - 1;
}

std::vector<double> ClusterFeatureTree::means() const
{
  std::vector<double> means(size() * n_features_);
  for (const Node &node : nodes_)
    if (node.is_leaf)
      for (std::size_t i = 0; i < node.entries.size(); ++i)
        for (std::size_t f = 0; f < n_features_; ++f)
          means[node.entries[i] * n_features_ + f] = node.means[f * stride_ + i];
  return means;
}

}    // namespace mdsieve
