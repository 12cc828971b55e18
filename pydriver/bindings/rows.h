// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "input_error.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

/// Environments as parallel arrays: elements int32[n], and their fingerprints one after the other.
using ElementArray =
    nanobind::ndarray<const std::int32_t, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
using ValueArray =
    nanobind::ndarray<const double, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
using IdArray =
    nanobind::ndarray<const std::int64_t, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
template <typename T> using Array = nanobind::ndarray<nanobind::numpy, T>;

template <typename T> Array<T> owned_array(std::vector<T> values, std::initializer_list<std::size_t> shape)
{
  auto *owned = new std::vector<T>(std::move(values));
  nanobind::capsule owner(owned, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
  return Array<T>(owned->data(), shape, owner);
}

template <typename T> Array<T> owned_array(std::vector<T> values)
{
  const std::size_t n = values.size();
  return owned_array(std::move(values), {n});
}

/// Pointers to fingerprints that stand one after the other.
inline std::vector<const double *> rows_of(const std::vector<int> &n_features, const ElementArray &elements,
                                           const ValueArray &fingerprints)
{
  const std::size_t n = elements.shape(0);
  std::vector<const double *> rows(n);
  std::size_t at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t element = elements(i);
    if (element < 0 || static_cast<std::size_t>(element) >= n_features.size())
      throw mdsieve::InputError("element number " + std::to_string(element) + ": expected 0 to " +
                                std::to_string(n_features.size() - 1));
    rows[i] = fingerprints.data() + at;
    at += static_cast<std::size_t>(n_features[static_cast<std::size_t>(element)]);
  }
  if (at != fingerprints.shape(0))
    throw mdsieve::InputError("fingerprints of " + std::to_string(n) + " environments: expected " +
                              std::to_string(at) + " numbers, got " + std::to_string(fingerprints.shape(0)));
  return rows;
}
