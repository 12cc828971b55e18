// SPDX-License-Identifier: GPL-2.0-or-later
#include "difference_histogram.h"

#include "input_error.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace mdsieve {

namespace {

constexpr std::size_t most_bits = std::size_t{1} << 26;
constexpr double sigmas = 3.0;

void require_sound(const HistogramLayout &layout)
{
  const std::size_t n = layout.elements.size();
  if (n == 0 || layout.lower.size() != n || layout.upper.size() != n)
    throw InputError("a histogram of " + std::to_string(n) + " elements needs as many lower (" +
                     std::to_string(layout.lower.size()) + " given) and upper (" +
                     std::to_string(layout.upper.size()) + ") bounds");
  for (const std::string &name : layout.elements)
    if (name.empty() || shown(name) != "'" + name + "'")
      throw InputError("element name " + shown(name) + ": expected 1 to 40 printable characters");
  if (layout.n_bins < 1 || layout.n_bins > 10000)
    throw InputError(std::to_string(layout.n_bins) + " bins: expected 1 to 10000");
  if (layout.mode != DifferenceMode::presence && layout.mode != DifferenceMode::count &&
      layout.mode != DifferenceMode::fraction)
    throw InputError("unknown mode of difference vectors");
  if (!(layout.step >= 0.0 && layout.step < 1.0))
    throw InputError("step of fractions: expected a number from 0 to below 1");
  std::size_t n_columns = 0;
  for (std::size_t e = 0; e < n; ++e) {
    if (layout.lower[e].size() != layout.upper[e].size())
      throw InputError("range of " + layout.elements[e] + ": " + std::to_string(layout.lower[e].size()) +
                       " lower and " + std::to_string(layout.upper[e].size()) + " upper bounds");
    for (std::size_t c = 0; c < layout.lower[e].size(); ++c)
      if (!std::isfinite(layout.lower[e][c]) || !std::isfinite(layout.upper[e][c]) ||
          !std::isfinite(layout.upper[e][c] - layout.lower[e][c]) || layout.lower[e][c] > layout.upper[e][c])
        throw InputError("range of " + layout.elements[e] + ", column " + std::to_string(c + 1) +
                         ": expected a finite lower bound and an upper one that is not below it");
    n_columns += layout.lower[e].size();
  }
  if (n_columns > most_bits / (static_cast<std::size_t>(layout.n_bins) + 2))
    throw InputError("histograms of " + std::to_string(n_columns) + " symmetry functions with " +
                     std::to_string(layout.n_bins) + " bins each: take fewer bins");
}

bool bit_at(std::string_view words, std::size_t i)
{ return (static_cast<unsigned char>(words[i / 8]) >> (i % 8) & 1u) != 0; }

std::int32_t count_at(std::string_view counts, std::size_t i)
{
  std::int32_t count;
  std::memcpy(&count, counts.substr(4 * i, 4).data(), 4);
  return count;
}

}    // namespace

void HistogramLayout::take_ranges(const Scaling &scaling)
{
  if (scaling.kind == ScalingKind::none)
    throw InputError("histograms need ranges, and `scaling none` has none: scale by a file or a pilot");
  lower = upper = scaling.shift;
  for (std::size_t e = 0; e < lower.size(); ++e)
    for (std::size_t c = 0; c < lower[e].size(); ++c) {
      const double unit = std::fabs(1.0 / scaling.factor[e][c]);
      upper[e][c] += scaling.kind == ScalingKind::std ? sigmas * unit : unit;
      if (scaling.kind == ScalingKind::std) lower[e][c] -= sigmas * unit;
    }
}

std::vector<int> HistogramLayout::n_features() const
{
  std::vector<int> n;
  for (const auto &bounds : lower) n.push_back(static_cast<int>(bounds.size()));
  return n;
}

bool HistogramLayout::operator==(const HistogramLayout &other) const
{
  return descriptor_hash == other.descriptor_hash && elements == other.elements && lower == other.lower &&
         upper == other.upper && n_bins == other.n_bins && mode == other.mode && step == other.step;
}

std::int64_t hamming_distance(const std::uint64_t *a, const std::uint64_t *b, std::size_t n_words)
{
  std::int64_t n = 0;
  for (std::size_t i = 0; i < n_words; ++i) n += __builtin_popcountll(a[i] ^ b[i]);
  return n;
}

DifferenceHistogram::DifferenceHistogram(HistogramLayout layout) : layout_(std::move(layout))
{
  require_sound(layout_);
  const auto bins = static_cast<std::size_t>(layout_.n_bins) + 2;
  for (std::size_t e = 0; e < layout_.elements.size(); ++e) {
    first_bin_.push_back(n_bits_);
    columns_.emplace_back();
    for (std::size_t c = 0; c < layout_.lower[e].size(); ++c) {
      const double lower = layout_.lower[e][c], upper = layout_.upper[e][c];
      const double magnitude = std::max({1.0, std::fabs(lower), std::fabs(upper)});
      // structures come to lie on the bounds, which are those of other structures, with the last digits
      // astray
      const double rounding =
          std::max(1.0e-9 * (upper - lower), 10.0 * std::numeric_limits<double>::epsilon() * magnitude);
      const bool is_constant = !(upper - lower > rounding);
      columns_.back().push_back(
          {lower, is_constant ? 0.0 : layout_.n_bins / (upper - lower), lower - rounding, upper + rounding});
    }
    n_bits_ += columns_.back().size() * bins;
  }
  first_bin_.push_back(n_bits_);
}

void DifferenceHistogram::add(int element, const double *raw, std::int32_t *counts) const
{
  const auto e = static_cast<std::size_t>(element);
  if (element < 0 || e >= columns_.size())
    throw InputError("element number " + std::to_string(element) + ": expected 0 to " +
                     std::to_string(columns_.size() - 1));
  // 0 below the range, 1 ... n within, n + 1 above; no branch
  const int n = layout_.n_bins;
  std::int32_t *bins = counts + first_bin_[e];
  const Column *const columns = columns_[e].data();
  const std::size_t size = columns_[e].size();
  for (std::size_t c = 0; c < size; ++c, bins += n + 2) {
    const Column &column = columns[c];
    const double value = raw[c];
    if (!std::isfinite(value))
      throw InputError("fingerprint of " + layout_.elements[e] + ": column " + std::to_string(c + 1) +
                       " is not finite");
    const double place = (value - column.lower) * column.width_inverse;
    int bin = 1 + static_cast<int>(std::min(std::max(place, 0.0), n - 0.5));
    bin = value < column.below ? 0 : bin;
    bin = value > column.above ? n + 1 : bin;
    ++bins[bin];
  }
}

std::size_t DifferenceHistogram::signature_bytes() const
{ return layout_.mode == DifferenceMode::presence ? 8 * n_words() : (4 * n_bits_ + 7) / 8 * 8; }

std::string DifferenceHistogram::signature(const std::int32_t *counts) const
{
  std::string bytes(signature_bytes(), '\0');
  if (layout_.mode != DifferenceMode::presence) {
    std::memcpy(bytes.data(), counts, 4 * n_bits_);
    return bytes;
  }
  for (std::size_t i = 0; i < n_bits_; ++i)
    if (counts[i] > 0)
      bytes[i / 8] = static_cast<char>(static_cast<unsigned char>(bytes[i / 8]) | 1u << (i % 8));
  return bytes;
}

bool DifferenceHistogram::differs(std::int64_t count, std::int64_t reference, std::int64_t total,
                                  std::int64_t reference_total) const
{
  if (layout_.mode == DifferenceMode::count) return count != reference;
  // a share of nothing is 0
  const double share = total > 0 ? static_cast<double>(count) / static_cast<double>(total) : 0.0;
  const double other =
      reference_total > 0 ? static_cast<double>(reference) / static_cast<double>(reference_total) : 0.0;
  return std::fabs(share - other) > layout_.step;
}

Bits DifferenceHistogram::difference(std::string_view frame, std::string_view reference) const
{
  for (const auto bytes : {frame, reference})
    if (bytes.size() != signature_bytes())
      throw InputError("a histogram of " + std::to_string(bytes.size()) + " bytes: expected " +
                       std::to_string(signature_bytes()));
  Bits bits(n_words(), 0);
  if (layout_.mode == DifferenceMode::presence) {
    for (std::size_t i = 0; i < n_bits_; ++i)
      if (bit_at(frame, i) != bit_at(reference, i)) bits[i / 64] |= std::uint64_t{1} << (i % 64);
    return bits;
  }
  const auto bins = static_cast<std::size_t>(layout_.n_bins) + 2;
  for (std::size_t begin = 0; begin < n_bits_; begin += bins) {
    std::int64_t total = 0, reference_total = 0;    // every environment is in one bin of each column
    for (std::size_t i = begin; i < begin + bins; ++i) {
      total += count_at(frame, i);
      reference_total += count_at(reference, i);
    }
    for (std::size_t i = begin; i < begin + bins; ++i)
      if (differs(count_at(frame, i), count_at(reference, i), total, reference_total))
        bits[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return bits;
}

}    // namespace mdsieve
