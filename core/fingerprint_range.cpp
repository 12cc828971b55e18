// SPDX-License-Identifier: GPL-2.0-or-later
#include "fingerprint_range.h"

#include "input_error.h"

#include <algorithm>
#include <cmath>

namespace mdsieve {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

void take(double value, std::int64_t id, bool is_better, double &best, std::int64_t &best_id)
{
  const bool same = value == best && id > 0 && (best_id == 0 || id < best_id);
  if (!is_better && !same) return;
  best = value;
  best_id = id;
}

}    // namespace

FingerprintRange::FingerprintRange(const std::vector<int> &n_features) : count_(n_features.size(), 0)
{
  for (const int n : n_features) {
    lower_.emplace_back(static_cast<std::size_t>(n), infinity);
    upper_.emplace_back(static_cast<std::size_t>(n), -infinity);
  }
}

void FingerprintRange::extend(int element, const double *raw)
{
  const auto e = static_cast<std::size_t>(element);
  count_[e]++;
  for (std::size_t c = 0; c < lower_[e].size(); ++c) {
    lower_[e][c] = std::min(lower_[e][c], raw[c]);
    upper_[e][c] = std::max(upper_[e][c], raw[c]);
  }
}

FrameExtents::FrameExtents(std::size_t n_columns)
    : smallest(n_columns, infinity), largest(n_columns, -infinity), smallest_id(n_columns, 0),
      largest_id(n_columns, 0)
{}

void FrameExtents::add(std::size_t first, int n_features, std::int64_t id, const double *raw)
{
  for (std::size_t c = 0; c < static_cast<std::size_t>(n_features); ++c) {
    const std::size_t at = first + c;
    if (raw[c] > smallest[at] && raw[c] < largest[at]) continue;    // nearly always
    take(raw[c], id, raw[c] < smallest[at], smallest[at], smallest_id[at]);
    take(raw[c], id, raw[c] > largest[at], largest[at], largest_id[at]);
  }
}

void FrameExtents::merge(const FrameExtents &other)
{
  for (std::size_t at = 0; at < size(); ++at) {
    take(other.smallest[at], other.smallest_id[at], other.smallest[at] < smallest[at], smallest[at],
         smallest_id[at]);
    take(other.largest[at], other.largest_id[at], other.largest[at] > largest[at], largest[at],
         largest_id[at]);
  }
}

std::vector<std::size_t> first_columns(const std::vector<int> &n_features)
{
  std::vector<std::size_t> first{0};
  for (const int n : n_features) first.push_back(first.back() + static_cast<std::size_t>(n));
  return first;
}

RangeExcess range_excess(const FingerprintRange &range, const Scaling &scaling, const FrameExtents &extents)
{
  RangeExcess excess;
  std::size_t at = 0;
  for (int element = 0; element < range.n_elements(); ++element) {
    const auto e = static_cast<std::size_t>(element);
    const std::size_t end = at + static_cast<std::size_t>(range.n_features(element));
    if (end > extents.size())
      throw InputError("extents of " + std::to_string(extents.size()) + " columns: expected at least " +
                       std::to_string(end));
    const bool is_there = at < end && extents.largest_id[at] > 0;
    if (is_there && range.is_empty(element)) {
      if (!std::isinf(excess.value))
        excess = {infinity, excess.cautious, extents.largest_id[at], element, -1, 0.0, 0.0};
    } else if (is_there) {
      if (!(excess.cautious >= 0.0)) excess.cautious = 0.0;
      for (int column = 0; at < end; ++at, ++column) {
        const auto c = static_cast<std::size_t>(column);
        const double factor = std::fabs(scaling.factor[e][c]);
        const double above = (extents.largest[at] - range.upper(element)[c]) * factor;
        const double below = (range.lower(element)[c] - extents.smallest[at]) * factor;
        excess.cautious = std::max({excess.cautious, above, below});
        if (above > excess.value)
          excess = {above,  excess.cautious,     extents.largest_id[at], element,
                    column, extents.largest[at], range.upper(element)[c]};
        if (below > excess.value)
          excess = {below,  excess.cautious,      extents.smallest_id[at], element,
                    column, extents.smallest[at], range.lower(element)[c]};
      }
    }
    at = end;
  }
  return excess;
}

}    // namespace mdsieve
