// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "fingerprint_range.h"
#include "scaling.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

/// Where a bank entry came from.
struct Origin {
  std::int64_t run = 0;        ///< number of the run in the store (0: embedded or offline)
  std::int64_t step = 0;       ///< MD step or frame index
  std::int64_t atom_id = 0;    ///< LAMMPS tag or 1-based index
};

/// What a bank is for: fixed when it is created and stored with it.
struct BankHeader {
  std::string descriptor_text;    ///< the input.nn it was made with
  std::string descriptor_hash;    ///< Descriptor::hash()
  std::vector<std::string> elements;
  std::vector<int> n_features;       ///< per element
  std::vector<double> cutoffs;       ///< largest cutoff per element [A]
  std::vector<double> thresholds;    ///< per element, in scaled units
  Scaling scaling;
};

/// How new a frame is: the largest novelty of its environments.
struct FrameNovelties {
  double novelty = 0.0;        ///< the largest among environments whose element has an entry
  std::int64_t index = -1;     ///< the first that has it, -1: there is none
  std::int64_t unseen = -1;    ///< the first whose element has no entry, -1: there is none
};

/// The local-environment bank of Li et al., J. Chem. Phys. 160, 074109: stored fingerprints, one set an
/// element. An environment is new if its Euclidean distance (scaled columns) to *every* entry of its element
/// exceeds the element's threshold (strict >). All answers are exact: shortcuts only skip work. An element
/// without columns has nothing to compare: its environments are never new, at distance 0. Queries may run in
/// several threads at once.
/// \throws InputError from every function that takes a fingerprint, naming the column that is not finite
class EnvironmentBank {
 public:
  explicit EnvironmentBank(BankHeader header);
  ~EnvironmentBank();
  EnvironmentBank(EnvironmentBank &&) noexcept;
  EnvironmentBank &operator=(EnvironmentBank &&) noexcept;

  const BankHeader &header() const;
  std::int64_t size() const;
  std::int64_t size(int element) const;
  /// Smallest and largest value of every column among the entries.
  const FingerprintRange &range() const;

  /// True if the distance to every entry of the element exceeds its threshold.
  /// \param raw   unscaled fingerprint, n_features[element] values
  /// \param hint  in: an entry of the element to try first, or -1; out: the entry that covers it, else
  /// unchanged
  bool is_new(int element, const double *raw, std::int64_t *hint = nullptr) const;
  /// Distance to the nearest entry in scaled units (infinity if the element has none). Once a distance not
  /// above `enough` is found the search may stop and return any value <= enough.
  double distance(int element, const double *raw, double enough = 0.0, std::int64_t *hint = nullptr) const;

  /// The environments that the greedy rule adds when it sees these in this order, as indices into the list,
  /// each compared with the bank and with those added before it. The bank is not changed.
  std::vector<std::int64_t> select_new(std::size_t n, const int *element, const double *const *raw,
                                       std::int64_t *hints = nullptr) const;

  /// The largest of `distance` / threshold among these.
  FrameNovelties largest_novelty(std::size_t n, const int *element, const double *const *raw) const;

  /// Store an entry (unconditionally).
  void add(int element, const double *raw, const Origin &origin);

  /// Entries in the order in which they were added, over all elements: the bank's history.
  int entry_element(std::int64_t position) const;
  const double *entry_raw(std::int64_t position) const;
  Origin entry_origin(std::int64_t position) const;

  /// One self-contained byte string (magic, version, header, entries, checksum); the `bank` file format.
  std::string serialise() const;
  /// \throws InputError if the bytes are not a whole, sound bank ("name: ...")
  static EnvironmentBank deserialise(std::string_view bytes, const std::string &name);

  /// \throws InputError saying what differs if entries of the other header may not be mixed with these
  void require_compatible(const BankHeader &other, const std::string &other_name) const;

  std::size_t memory_bytes() const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}    // namespace mdsieve
