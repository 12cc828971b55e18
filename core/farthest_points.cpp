// SPDX-License-Identifier: GPL-2.0-or-later
#include "farthest_points.h"

#include "vector_types.h"

#include <algorithm>
#include <limits>

namespace mdsieve {

namespace {

constexpr std::size_t lanes = 16;    // points of a pack: four registers hide each other's latency
constexpr std::size_t rows_of_block = 128;
constexpr std::size_t columns_at_a_time = 16;    // between looks at whether a point can still be near
constexpr double infinity = std::numeric_limits<double>::infinity();

}    // namespace

FarthestPoints::FarthestPoints(const double *rows, std::size_t n_rows, std::size_t n_columns)
    : rows_(rows), n_rows_(n_rows), n_columns_(n_columns), bounds_(n_rows, infinity), seen_(n_rows, 0),
      is_left_out_(n_rows, false)
{
  const std::size_t n_blocks = (n_rows + rows_of_block - 1) / rows_of_block;
  for (std::size_t block = 0; block < n_blocks; ++block)
    blocks_.push_back({infinity, static_cast<std::uint32_t>(block)});
}

std::size_t FarthestPoints::n_packs() const { return (n_points_ + lanes - 1) / lanes; }

void FarthestPoints::add(const double *point)
{
  const std::size_t lane = n_points_ % lanes;
  if (lane == 0) packs_.resize(packs_.size() + n_columns_ * lanes, infinity);
  double *const pack = packs_.data() + n_points_ / lanes * n_columns_ * lanes;
  for (std::size_t column = 0; column < n_columns_; ++column) pack[column * lanes + lane] = point[column];
  ++n_points_;
}

void FarthestPoints::leave_out(std::size_t row) { is_left_out_[row] = true; }

FarthestPoints::Farthest FarthestPoints::farthest()
{
  // the blocks with the largest bounds first: what they hold ends the search of the others early
  const auto comes_later = [](const Block &a, const Block &b) {
    return a.bound < b.bound || (a.bound == b.bound && a.number > b.number);
  };
  Farthest best{-1, -infinity};
  auto end = blocks_.end();
  while (end != blocks_.begin() && (best.row < 0 || !(blocks_.front().bound < best.squared))) {
    std::pop_heap(blocks_.begin(), end, comes_later);
    search(*--end, best);
  }
  while (end != blocks_.end()) std::push_heap(blocks_.begin(), ++end, comes_later);
  return best;
}

std::vector<double> FarthestPoints::squared_distances()
{
  for (std::size_t row = 0; row < n_rows_; ++row) approach(row, {-1, -infinity});
  return bounds_;
}

void FarthestPoints::search(Block &block, Farthest &best)
{
  const std::size_t begin = block.number * rows_of_block, end = std::min(begin + rows_of_block, n_rows_);
  block.bound = -infinity;
  for (std::size_t row = begin; row < end; ++row) {
    if (is_left_out_[row]) continue;
    if (may_be_best(row, best)) {
      approach(row, best);
      if (may_be_best(row, best)) best = {static_cast<std::int64_t>(row), bounds_[row]};
    }
    block.bound = std::max(block.bound, bounds_[row]);
  }
}

bool FarthestPoints::may_be_best(std::size_t row, const Farthest &best) const
{
  if (best.row < 0 || bounds_[row] > best.squared) return true;
  return bounds_[row] == best.squared && static_cast<std::int64_t>(row) < best.row;
}

/// Compare a row with the points it has not seen, as long as it may be the best.
void FarthestPoints::approach(std::size_t row, const Farthest &best)
{
  const std::size_t size = n_columns_ * lanes;
  const std::size_t n_full = n_points_ / lanes;
  const double *const values = rows_ + row * n_columns_;
  for (std::size_t pack = seen_[row]; pack < n_packs() && may_be_best(row, best); ++pack) {
    bounds_[row] = nearest_in(packs_.data() + pack * size, values, bounds_[row]);
    // a pack that will still be filled has to be looked at again
    seen_[row] = static_cast<std::uint32_t>(std::min(pack + 1, n_full));
  }
}

/// The smallest squared distance of a row to the points of a pack, or `bound` if none is below it.
MDSIEVE_CLONES double FarthestPoints::nearest_in(const double *pack, const double *row, double bound) const
{
  double4 sums[lanes / 4] = {};
  const auto *points = reinterpret_cast<const double4_anywhere *>(pack);
  for (std::size_t begin = 0; begin < n_columns_; begin += columns_at_a_time) {
    const std::size_t end = std::min(begin + columns_at_a_time, n_columns_);
    for (std::size_t column = begin; column < end; ++column, points += lanes / 4) {
      const double value = row[column];
      const double4 here = {value, value, value, value};
      for (std::size_t i = 0; i < lanes / 4; ++i) {
        const double4 difference = here - points[i];
        sums[i] += difference * difference;
      }
    }
    double least = infinity;
    for (const double4 &sum : sums)
      for (int lane = 0; lane < 4; ++lane) least = std::min(least, sum[lane]);
    if (!(least < bound)) return bound;
    if (end == n_columns_) return least;
  }
  return bound;
}

}    // namespace mdsieve
