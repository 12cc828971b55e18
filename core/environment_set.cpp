// SPDX-License-Identifier: GPL-2.0-or-later
#include "environment_set.h"

#include "input_error.h"
#include "vector_types.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mdsieve {

namespace {

constexpr std::int64_t first_build = 32;         ///< fewer entries are compared one by one
constexpr std::int64_t growth = 4;               ///< axes are found again each time the set has grown by this
constexpr std::int64_t largest_sample = 8192;    ///< entries that the axes are found from

/// One query's scratch memory, on the stack unless fingerprints are very long.
class Scratch {
 public:
  explicit Scratch(std::size_t n)
  {
    if (n > on_stack) {
      heap_.resize(n);
      data_ = heap_.data();
    }
  }
  double *data() { return data_; }

 private:
  static constexpr std::size_t on_stack = 256;
  double stack_[on_stack];
  std::vector<double> heap_;
  double *data_ = stack_;
};

/// scaled = (raw - shift) * factor. Returns 0, or NaN if a scaled value is not finite.
MDSIEVE_CLONES double scale_columns(const double *raw, const double *shift, const double *factor, int n,
                                    double *scaled)
{
  double4 check = {};
  int c = 0;
  for (; c + 4 <= n; c += 4) {
    const double4 x = *reinterpret_cast<const double4_anywhere *>(raw + c);
    const double4 s = *reinterpret_cast<const double4_anywhere *>(shift + c);
    const double4 f = *reinterpret_cast<const double4_anywhere *>(factor + c);
    const double4 value = (x - s) * f;
    *reinterpret_cast<double4_anywhere *>(scaled + c) = value;
    check += value * 0.0;
  }
  double rest = (check[0] + check[1]) + (check[2] + check[3]);
  for (; c < n; ++c) {
    scaled[c] = (raw[c] - shift[c]) * factor[c];
    rest += scaled[c] * 0.0;
  }
  return rest;
}

/// The distance between a scaled query and an unscaled entry: the one definition that all answers go back to.
MDSIEVE_CLONES double scaled_distance(const double *scaled, const double *raw, const double *shift,
                                      const double *factor, std::size_t stride)
{
  double4 sum = {};
  for (std::size_t c = 0; c < stride; c += 4) {
    const double4 entry = (*reinterpret_cast<const double4_anywhere *>(raw + c) -
                           *reinterpret_cast<const double4_anywhere *>(shift + c)) *
                          *reinterpret_cast<const double4_anywhere *>(factor + c);
    const double4 d = *reinterpret_cast<const double4_anywhere *>(scaled + c) - entry;
    sum += d * d;
  }
  return std::sqrt((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

std::vector<double> padded(std::vector<double> values, std::size_t n)
{
  values.resize(n, 0.0);
  return values;
}

std::size_t stride_of(std::size_t n_features) { return (n_features + 3) / 4 * 4; }

}    // namespace

struct EnvironmentSet::QueryContext {
  const EnvironmentSet *set;
  const double *scaled;
};

EnvironmentSet::EnvironmentSet(std::string element, const std::vector<double> &shift,
                               const std::vector<double> &factor, double threshold)
    : element_(std::move(element)), n_features_(static_cast<int>(shift.size())),
      stride_(stride_of(shift.size())), shift_(padded(shift, stride_)), factor_(padded(factor, stride_)),
      threshold_(threshold), tree_(PrincipalAxes::group), next_build_(first_build)
{}

EnvironmentSet EnvironmentSet::empty_copy() const
{
  EnvironmentSet copy(element_, shift_, factor_, threshold_);
  copy.n_features_ = n_features_;
  if (has_tree()) {
    copy.axes_ = axes_;
    copy.tree_ = RangeTree(axes_->n_axes);
    copy.next_build_ = next_build_;
  }
  return copy;
}

void EnvironmentSet::refuse(const double *raw) const
{
  for (int c = 0; c < n_features_; ++c)
    if (!std::isfinite((raw[c] - shift_[c]) * factor_[c]))
      throw InputError("fingerprint of " + element_ + ": column " + std::to_string(c + 1) + " of " +
                       std::to_string(n_features_) + " is " +
                       (std::isnan(raw[c])   ? "not a number"
                        : std::isinf(raw[c]) ? "infinite"
                                             : "too large to be scaled"));
}

void EnvironmentSet::scale(const double *raw, double *scaled) const
{
  const double check = scale_columns(raw, shift_.data(), factor_.data(), n_features_, scaled);
  if (!(check == 0.0)) refuse(raw);
  std::fill(scaled + n_features_, scaled + stride_, 0.0);
}

double EnvironmentSet::distance_to(const double *scaled, std::int64_t entry) const
{ return scaled_distance(scaled, raw(entry), shift_.data(), factor_.data(), stride_); }

double EnvironmentSet::exact_distance(const void *query, std::int32_t id)
{
  const auto *context = static_cast<const QueryContext *>(query);
  return context->set->distance_to(context->scaled, id);
}

EnvironmentSet::Nearest EnvironmentSet::nearest(const double *raw, double bound, double enough,
                                                std::int64_t first) const
{
  Scratch scratch(stride_);
  double *const scaled = scratch.data();
  scale(raw, scaled);
  Nearest best{bound, -1};
  if (is_entry(first)) {
    const double distance = distance_to(scaled, first);
    if (distance <= bound) best = {distance, first};
    if (best.entry >= 0 && distance <= enough) return best;
  }
  if (has_tree()) {
    const QueryContext context{this, scaled};
    RangeTree::Query query;
    query.exact = &exact_distance;
    query.context = &context;
    axes_->project(scaled, query.point);
    const RangeTree::Found found = tree_.nearest(query, best.distance, enough);
    if (found.id >= 0) best = {found.distance, found.id};
  } else {
    for (std::int64_t entry = 0; entry < size_; ++entry) {
      const double distance = distance_to(scaled, entry);
      if (distance < best.distance || (best.entry < 0 && distance <= best.distance)) {
        best = {distance, entry};
        if (distance <= enough) break;
      }
    }
  }
  return best;
}

std::int64_t EnvironmentSet::covering(const double *raw, double radius, std::int64_t first) const
{
  Scratch scratch(stride_);
  double *const scaled = scratch.data();
  scale(raw, scaled);
  if (!has_tree()) {
    for (std::int64_t entry = 0; entry < size_; ++entry)
      if (distance_to(scaled, entry) <= radius) return entry;
    return -1;
  }
  const QueryContext context{this, scaled};
  RangeTree::Query query;
  query.exact = &exact_distance;
  query.context = &context;
  axes_->project(scaled, query.point);
  if (is_entry(first) && tree_.surely_covers(static_cast<std::int32_t>(first), query, radius)) return first;
  return tree_.covering(query, radius);
}

void EnvironmentSet::store(const double *raw)
{
  raw_.resize(raw_.size() + stride_, 0.0);
  std::copy_n(raw, n_features_, raw_.end() - static_cast<std::ptrdiff_t>(stride_));
  ++size_;
}

void EnvironmentSet::add_unsearched(const double *raw)
{
  Scratch scratch(stride_);
  scale(raw, scratch.data());    // refuses what is not finite
  if (size_ == std::numeric_limits<std::int32_t>::max())
    throw InputError("the bank is full: no more than 2147483647 entries of " + element_);
  store(raw);
}

void EnvironmentSet::finish_loading()
{
  if (size_ >= first_build && n_features_ > 0) build_tree();
}

void EnvironmentSet::add(const double *raw)
{
  add_unsearched(raw);
  if (n_features_ == 0) return;
  if (size_ >= next_build_) {
    build_tree();
  } else if (has_tree()) {
    Scratch scratch(stride_);
    scale(raw, scratch.data());
    PrincipalAxes::Projection point;
    axes_->project(scratch.data(), point);
    tree_.insert(point);
  }
}

void EnvironmentSet::build_tree()
{
  const std::int64_t step = std::max<std::int64_t>(1, size_ / largest_sample);
  std::vector<double> sample;
  for (std::int64_t entry = 0; entry < size_; entry += step) {
    sample.resize(sample.size() + stride_);
    scale(raw(entry), sample.data() + sample.size() - stride_);
  }
  // a rest this small hardly ever hides that a point is beyond the threshold
  axes_ = std::make_shared<const PrincipalAxes>(
      find_principal_axes(sample, static_cast<int>(stride_), 0.02 * threshold_ * threshold_));
  tree_ = RangeTree(axes_->n_axes);
  std::vector<double> scaled(stride_);
  PrincipalAxes::Projection point;
  for (std::int64_t entry = 0; entry < size_; ++entry) {
    scale(raw(entry), scaled.data());
    axes_->project(scaled.data(), point);
    tree_.append(point);
  }
  tree_.build();
  next_build_ = size_ * growth;
}

std::size_t EnvironmentSet::memory_bytes() const
{
  std::size_t bytes = (raw_.capacity() + 2 * stride_) * sizeof(double) + tree_.memory_bytes();
  if (has_tree()) bytes += (axes_->axes.capacity() + axes_->centre.capacity()) * sizeof(double);
  return bytes;
}

}    // namespace mdsieve
