// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mdsieve {

/// The tree of BIRCH (Zhang, Ramakrishnan and Livny, SIGMOD Rec. 25, 103, 1996): rows are merged one by one
/// into sub-clusters, the entries of its leaves, as long as their radius (root mean square distance to their
/// mean) stays within a threshold. What is kept of a sub-cluster are its size, its mean and the sum of
/// squared deviations from it, which lose no digits far from the origin (Lang and Schubert, SISAP 2020).
class ClusterFeatureTree {
 public:
  /// \param branching  most entries a node; one with more is split between its two farthest entries
  ClusterFeatureTree(std::size_t n_features, double threshold, std::size_t branching = 50);

  /// Take in a row. \return the number of the sub-cluster that has it; they are numbered as they appear and
  /// keep their numbers and their rows
  std::size_t insert(const double *row);

  std::size_t n_features() const { return n_features_; }
  double threshold() const { return threshold_; }
  std::size_t size() const { return count_.size(); }    ///< number of sub-clusters

  const std::vector<double> &counts() const { return count_; }
  const std::vector<double> &deviations() const { return deviation_; }    ///< sums of squares
  /// Means of all sub-clusters, one after the other.
  std::vector<double> means() const;

 private:
  /// Entries of a node: of a leaf sub-clusters, else nodes.
  struct Node {
    bool is_leaf = true;
    std::vector<std::size_t> entries;
    std::vector<double> counts;
    std::vector<double> means;    ///< [feature][entry], stride_ entries a feature
  };
  struct Step {
    std::size_t node, place;
  };

  Node empty_node(bool is_leaf) const;
  void append(Node &node, std::size_t entry, double count, const double *mean) const;
  void set_entry(Node &node, std::size_t place, std::size_t entry) const;
  std::size_t nearest(const Node &node, const double *row) const;
  bool merge(Node &leaf, std::size_t place, const double *row);
  void add_above(const double *row);
  void split_overfull(std::size_t node);
  std::size_t split(std::size_t number);

  std::size_t n_features_, branching_, stride_;
  double threshold_, square_;
  std::size_t root_ = 0;
  std::vector<Node> nodes_;
  std::vector<double> count_, deviation_;
  std::vector<Step> path_;    ///< from the root to above the leaf, of the row that is being inserted
  mutable std::vector<double> distances_, mean_;
};

}    // namespace mdsieve
