// SPDX-License-Identifier: GPL-2.0-or-later
#include "environment_bank.h"

#include "bank_file.h"
#include "environment_set.h"
#include "input_error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace mdsieve {

namespace {

/// Names come from files and stand in messages.
void require_printable(const std::string &name, const char *what)
{
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) { return c >= 32 && c < 127; });
  if (!printable || name.size() > 64)
    throw InputError(std::string(what) + " " + shown(name) + ": expected at most 64 printable characters");
}

void require_sound(const BankHeader &header)
{
  const std::size_t n = header.elements.size();
  if (n == 0) throw InputError("a bank needs at least one element");
  require_printable(header.descriptor_hash, "descriptor hash");
  if (header.n_features.size() != n || header.cutoffs.size() != n || header.thresholds.size() != n ||
      header.scaling.shift.size() != n || header.scaling.factor.size() != n)
    throw InputError("a bank for " + std::to_string(n) + " elements needs as many numbers of functions (" +
                     std::to_string(header.n_features.size()) + " given), cutoffs (" +
                     std::to_string(header.cutoffs.size()) + "), thresholds (" +
                     std::to_string(header.thresholds.size()) + ") and column scalings (" +
                     std::to_string(header.scaling.shift.size()) + ")");
  for (std::size_t e = 0; e < n; ++e) {
    const std::string &element = header.elements[e];
    require_printable(element, "element name");
    if (!(header.thresholds[e] > 0.0) || !std::isfinite(header.thresholds[e]))
      throw InputError("threshold of " + element + ": expected a finite number above 0");
    const auto d = static_cast<std::size_t>(header.n_features[e]);
    if (header.n_features[e] < 0 || header.scaling.shift[e].size() != d ||
        header.scaling.factor[e].size() != d)
      throw InputError("scaling of " + element + ": expected " + std::to_string(header.n_features[e]) +
                       " columns");
    for (std::size_t c = 0; c < d; ++c)
      if (!std::isfinite(header.scaling.shift[e][c]) || !std::isfinite(header.scaling.factor[e][c]) ||
          header.scaling.factor[e][c] == 0.0)
        throw InputError("scaling of " + element + ": column " + std::to_string(c + 1) +
                         ": expected a finite shift and a finite factor that is not 0");
  }
}

std::string list_of(const std::vector<std::string> &words)
{
  std::string text;
  for (const std::string &word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

BankHeader sound(BankHeader header)
{
  require_sound(header);
  return header;
}

}    // namespace

struct EnvironmentBank::Data {
  explicit Data(BankHeader h) : header(sound(std::move(h))), range(header.n_features)
  {
    for (std::size_t e = 0; e < header.elements.size(); ++e)
      sets.emplace_back(header.elements[e], header.scaling.shift[e], header.scaling.factor[e],
                        header.thresholds[e]);
  }

  const EnvironmentSet &set_of(int element) const
  {
    if (element < 0 || static_cast<std::size_t>(element) >= sets.size())
      throw InputError("element number " + std::to_string(element) + ": the bank has elements 0 to " +
                       std::to_string(sets.size() - 1));
    return sets[static_cast<std::size_t>(element)];
  }
  EnvironmentSet &set_of(int element)
  { return const_cast<EnvironmentSet &>(std::as_const(*this).set_of(element)); }

  double threshold(int element) const { return header.thresholds[static_cast<std::size_t>(element)]; }

  void note(int element, const double *raw, const Origin &origin)
  {
    range.extend(element, raw);
    entry_elements.push_back(element);
    entry_indices.push_back(set_of(element).size() - 1);
    origins.push_back(origin);
  }

  BankHeader header;
  FingerprintRange range;
  std::vector<EnvironmentSet> sets;
  std::vector<int> entry_elements;            ///< by position in the history
  std::vector<std::int64_t> entry_indices;    ///< index in the element's set
  std::vector<Origin> origins;
};

EnvironmentBank::EnvironmentBank(BankHeader header) : data_(std::make_unique<Data>(std::move(header))) {}
EnvironmentBank::~EnvironmentBank() = default;
EnvironmentBank::EnvironmentBank(EnvironmentBank &&) noexcept = default;
EnvironmentBank &EnvironmentBank::operator=(EnvironmentBank &&) noexcept = default;

const BankHeader &EnvironmentBank::header() const { return data_->header; }

std::int64_t EnvironmentBank::size() const { return static_cast<std::int64_t>(data_->origins.size()); }

std::int64_t EnvironmentBank::size(int element) const { return data_->set_of(element).size(); }

const FingerprintRange &EnvironmentBank::range() const { return data_->range; }

bool EnvironmentBank::is_new(int element, const double *raw, std::int64_t *hint) const
{
  const EnvironmentSet &set = data_->set_of(element);
  if (set.n_features() == 0) return false;
  const std::int64_t covering = set.covering(raw, data_->threshold(element), hint ? *hint : -1);
  if (hint && covering >= 0) *hint = covering;
  return covering < 0;
}

double EnvironmentBank::distance(int element, const double *raw, double enough, std::int64_t *hint) const
{
  const EnvironmentSet &set = data_->set_of(element);
  if (set.n_features() == 0) return 0.0;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const EnvironmentSet::Nearest nearest = set.nearest(raw, infinity, enough, hint ? *hint : -1);
  if (hint && nearest.entry >= 0 && nearest.distance <= data_->threshold(element)) *hint = nearest.entry;
  return nearest.distance;
}

std::vector<std::int64_t> EnvironmentBank::select_new(std::size_t n, const int *element,
                                                      const double *const *raw, std::int64_t *hints) const
{
  std::vector<std::optional<EnvironmentSet>> picked_sets(data_->sets.size());
  std::vector<std::int64_t> picked;
  for (std::size_t i = 0; i < n; ++i) {
    if (!is_new(element[i], raw[i], hints ? &hints[i] : nullptr)) continue;
    std::optional<EnvironmentSet> &set = picked_sets[static_cast<std::size_t>(element[i])];
    if (!set) set = data_->set_of(element[i]).empty_copy();
    if (set->covering(raw[i], data_->threshold(element[i]), -1) >= 0) continue;
    set->add(raw[i]);
    picked.push_back(static_cast<std::int64_t>(i));
  }
  return picked;
}

FrameNovelties EnvironmentBank::largest_novelty(std::size_t n, const int *element,
                                                const double *const *raw) const
{
  FrameNovelties found;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < n; ++i) {
    const EnvironmentSet &set = data_->set_of(element[i]);
    if (set.n_features() > 0 && set.size() == 0) {
      set.nearest(raw[i], infinity, infinity, -1);    // refuses what is not finite
      if (found.unseen < 0) found.unseen = static_cast<std::int64_t>(i);
      continue;
    }
    if (set.n_features() == 0) {
      if (found.index < 0) found = {0.0, static_cast<std::int64_t>(i), found.unseen};
      continue;
    }
    const double threshold = data_->threshold(element[i]);
    if (found.index >= 0) {    // most are nearer than that, which is cheaper to find than how near they are
      double enough = found.novelty * threshold;
      while (enough / threshold > found.novelty) enough = std::nextafter(enough, 0.0);
      if (set.covering(raw[i], enough, -1) >= 0) continue;
    }
    const double novelty = set.nearest(raw[i], infinity, 0.0, -1).distance / threshold;
    if (found.index < 0 || novelty > found.novelty)
      found = {novelty, static_cast<std::int64_t>(i), found.unseen};
  }
  return found;
}

void EnvironmentBank::add(int element, const double *raw, const Origin &origin)
{
  data_->set_of(element).add(raw);
  data_->note(element, raw, origin);
}

int EnvironmentBank::entry_element(std::int64_t position) const
{ return data_->entry_elements[static_cast<std::size_t>(position)]; }

const double *EnvironmentBank::entry_raw(std::int64_t position) const
{
  return data_->set_of(entry_element(position)).raw(data_->entry_indices[static_cast<std::size_t>(position)]);
}

Origin EnvironmentBank::entry_origin(std::int64_t position) const
{ return data_->origins[static_cast<std::size_t>(position)]; }

std::string EnvironmentBank::serialise() const { return write_bank(*this); }

EnvironmentBank EnvironmentBank::deserialise(std::string_view bytes, const std::string &name)
{
  const BankContent content = read_bank(bytes, name);
  try {
    EnvironmentBank bank(content.header);
    const double *raw = content.fingerprints.data();
    for (std::size_t i = 0; i < content.elements.size(); ++i) {
      const int element = content.elements[i];
      bank.data_->set_of(element).add_unsearched(raw);
      bank.data_->note(element, raw, content.origins[i]);
      raw += content.header.n_features[static_cast<std::size_t>(element)];
    }
    for (EnvironmentSet &set : bank.data_->sets) set.finish_loading();
    return bank;
  } catch (const InputError &error) {
    throw InputError(name + ": " + error.what());
  }
}

void EnvironmentBank::require_compatible(const BankHeader &other, const std::string &other_name) const
{
  const BankHeader &own = data_->header;
  if (other.elements != own.elements)
    throw InputError(other_name + ": its elements are " + list_of(other.elements) + ", expected " +
                     list_of(own.elements));
  if (other.descriptor_hash != own.descriptor_hash || other.n_features != own.n_features)
    throw InputError(other_name + ": made with other symmetry functions (descriptor " +
                     other.descriptor_hash + ", expected " + own.descriptor_hash + ")");
  if (other.scaling == own.scaling) return;
  const auto name_of = [](ScalingKind kind) {
    return kind == ScalingKind::none ? "none" : kind == ScalingKind::minmax ? "minmax" : "std";
  };
  if (other.scaling.kind != own.scaling.kind)
    throw InputError(other_name + ": its scaling is '" + name_of(other.scaling.kind) + "', expected '" +
                     name_of(own.scaling.kind) + "'");
  for (std::size_t e = 0; e < own.elements.size(); ++e)
    for (std::size_t c = 0; c < own.scaling.shift[e].size(); ++c)
      if (other.scaling.shift[e][c] != own.scaling.shift[e][c] ||
          other.scaling.factor[e][c] != own.scaling.factor[e][c])
        throw InputError(other_name + ": its scaling differs, first in column " + std::to_string(c + 1) +
                         " of " + own.elements[e]);
}

std::size_t EnvironmentBank::memory_bytes() const
{
  std::size_t bytes = data_->entry_elements.capacity() * sizeof(int) +
                      data_->entry_indices.capacity() * sizeof(std::int64_t) +
                      data_->origins.capacity() * sizeof(Origin);
  for (const EnvironmentSet &set : data_->sets) bytes += set.memory_bytes();
  return bytes;
}

}    // namespace mdsieve
