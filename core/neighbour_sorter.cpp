// SPDX-License-Identifier: GPL-2.0-or-later
#include "neighbour_sorter.h"

#include "input_error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mdsieve {

namespace {

constexpr std::size_t padding = 64;    // SortedNeighbours are readable that far beyond their end

}    // namespace

inline bool NeighbourSorter::comes_before(const Neighbour &a, const Neighbour &b)
{
  if (a.r2 != b.r2) return a.r2 < b.r2;
  if (a.x != b.x) return a.x < b.x;
  if (a.y != b.y) return a.y < b.y;
  return a.z < b.z;
}

/// Insertion sort: for lists that are nearly in order.
void NeighbourSorter::sort_nearly_sorted(Neighbour *begin, Neighbour *end)
{
  for (Neighbour *i = begin + 1; i < end; i++) {
    if (i->r2 > i[-1].r2 || !comes_before(*i, i[-1])) continue;
    const Neighbour moved = *i;
    Neighbour *j = i;
    do {
      *j = j[-1];
      j--;
    } while (j > begin && comes_before(moved, j[-1]));
    *j = moved;
  }
}

void NeighbourSorter::refuse(const Neighbour &n)
{
  if (!std::isfinite(n.x) || !std::isfinite(n.y) || !std::isfinite(n.z) || n.r2 > 1.0)
    throw InputError("a neighbour's coordinates are not finite");
  throw InputError("two atoms lie at the same place (distance below 1e-6 Angstrom)");
}

/// Keep the neighbours that matter: their element has a slot and they lie inside the largest cutoff. Put them
/// into buckets by slot and r^2.
void NeighbourSorter::collect(const Neighbours &in, const std::vector<int> &slot_of_element, int n_slots,
                              double r2_cutoff)
{
  if (found_.size() < in.size) {
    found_.resize(in.size);
    sorted_.resize(std::max(sorted_.size(), in.size));
    bucket_of_.resize(in.size);
  }
  buckets_a_slot_ = std::max<std::size_t>(8, in.size / std::size_t(n_slots)) + 1;    // the last for roundoff
  bucket_end_.assign(buckets_a_slot_ * std::size_t(n_slots), 0);
  const double to_bucket = double(buckets_a_slot_ - 1) / r2_cutoff;
  const auto n_elements = unsigned(slot_of_element.size()), buckets = unsigned(buckets_a_slot_);
  const int *const slots = slot_of_element.data();
  const double *const dx = in.dx, *const dy = in.dy, *const dz = in.dz;
  const int *const elements = in.element;
  const std::size_t size = in.size;
  Neighbour *const out = found_.data();
  std::uint32_t *const bucket = bucket_of_.data(), *const count = bucket_end_.data();
  std::size_t n = 0;
  for (std::size_t k = 0; k < size; k++) {
    const auto element = unsigned(elements[k]);    // negative ones become large
    if (element >= n_elements) continue;
    const double x = dx[k], y = dy[k], z = dz[k];
    const double r2 = x * x + y * y + z * z;
    out[n] = {r2, x, y, z};
    if (!(r2 > 1e-12 && r2 <= std::numeric_limits<double>::max())) refuse(out[n]);
    // no branch: half of a list with a skin lies outside, in no order
    const int slot = slots[element];
    const bool keep = (r2 < r2_cutoff) & (slot >= 0);
    const double scaled = keep ? r2 * to_bucket : 0.0;
    const std::uint32_t b = std::uint32_t(int(scaled)) + (keep ? std::uint32_t(slot) * buckets : 0u);
    bucket[n] = b;
    count[b] += std::uint32_t(keep);
    n += std::size_t(keep);
  }
  found_count_ = n;
}

/// Bring them into the order of the buckets.
void NeighbourSorter::scatter(int n_slots)
{
  slot_begin_.resize(std::size_t(n_slots) + 1);
  std::uint32_t sum = 0;
  std::uint32_t *at = bucket_end_.data();
  for (int slot = 0; slot < n_slots; slot++) {
    slot_begin_[std::size_t(slot)] = int(sum);
    for (std::size_t b = 0; b < buckets_a_slot_; b++, at++) {    // counts become begins
      const std::uint32_t count = *at;
      *at = sum;
      sum += count;
    }
  }
  slot_begin_[std::size_t(n_slots)] = int(sum);
  for (std::size_t k = 0; k < found_count_; k++)
    sorted_[bucket_end_[bucket_of_[k]]++] = found_[k];    // and ends
}

/// Structure of arrays, padded.
SortedNeighbours NeighbourSorter::unpack()
{
  const std::size_t n = found_count_, stride = n + padding;
  if (coordinates_.size() < 4 * stride) coordinates_.resize(4 * stride);
  double *x = coordinates_.data(), *y = x + stride, *z = y + stride, *r2 = z + stride;
  for (std::size_t k = 0; k < n; k++) {
    x[k] = sorted_[k].x;
    y[k] = sorted_[k].y;
    z[k] = sorted_[k].z;
    r2[k] = sorted_[k].r2;
  }
  for (std::size_t k = n; k < stride; k++) {
    x[k] = r2[k] = 1.0;
    y[k] = z[k] = 0.0;
  }
  return {int(n), x, y, z, r2, slot_begin_.data()};
}

SortedNeighbours NeighbourSorter::sort(const Neighbours &in, const std::vector<int> &slot_of_element,
                                       int n_slots, double r2_cutoff)
{
  collect(in, slot_of_element, n_slots, r2_cutoff);
  scatter(n_slots);
  std::uint32_t begin = 0;
  for (std::uint32_t end : bucket_end_) {    // a crowded bucket: a perfect lattice, or someone's joke
    if (end - begin > 48) std::sort(sorted_.data() + begin, sorted_.data() + end, comes_before);
    begin = end;
  }
  for (int slot = 0; slot < n_slots; slot++)
    sort_nearly_sorted(sorted_.data() + slot_begin_[std::size_t(slot)],
                       sorted_.data() + slot_begin_[std::size_t(slot) + 1]);
  return unpack();
}

SortedNeighbours NeighbourSorter::sort_with_origin(const Neighbours &in,
                                                   const std::vector<int> &slot_of_element, int n_slots,
                                                   double r2_cutoff, std::vector<std::size_t> &origin)
{
  struct Item {
    int slot;
    Neighbour neighbour;
    std::size_t index;
  };
  std::vector<Item> items;
  for (std::size_t k = 0; k < in.size; k++) {
    if (in.element[k] < 0 || std::size_t(in.element[k]) >= slot_of_element.size()) continue;
    const double x = in.dx[k], y = in.dy[k], z = in.dz[k];
    const Neighbour n{x * x + y * y + z * z, x, y, z};
    if (!(n.r2 > 1e-12 && n.r2 <= std::numeric_limits<double>::max())) refuse(n);
    const int slot = slot_of_element[std::size_t(in.element[k])];
    if (slot >= 0 && n.r2 < r2_cutoff) items.push_back({slot, n, k});
  }
  std::sort(items.begin(), items.end(), [](const Item &a, const Item &b) {
    if (a.slot != b.slot) return a.slot < b.slot;
    if (comes_before(a.neighbour, b.neighbour)) return true;
    if (comes_before(b.neighbour, a.neighbour)) return false;
    return a.index < b.index;
  });
  found_count_ = items.size();
  sorted_.resize(std::max(sorted_.size(), found_count_));
  slot_begin_.assign(std::size_t(n_slots) + 1, 0);
  origin.clear();
  for (std::size_t k = 0; k < found_count_; k++) {
    sorted_[k] = items[k].neighbour;
    slot_begin_[std::size_t(items[k].slot) + 1]++;
    origin.push_back(items[k].index);
  }
  for (std::size_t slot = 0; slot < std::size_t(n_slots); slot++) slot_begin_[slot + 1] += slot_begin_[slot];
  return unpack();
}

}    // namespace mdsieve
