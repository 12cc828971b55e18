// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "difference_histogram.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

/// The difference vectors of the frames that were kept, and the reference structure they are counted from.
class SeenFrames {
 public:
  explicit SeenFrames(HistogramLayout layout);

  const DifferenceHistogram &histogram() const { return histogram_; }
  const HistogramLayout &layout() const { return histogram_.layout(); }

  /// Signature of the reference structure; empty as long as there is none.
  const std::string &reference() const { return reference_; }
  /// \throws InputError if there is one already, or the signature has another length
  void set_reference(std::string_view signature);

  /// Difference vector of a frame.
  /// \throws InputError without a reference, or if the signature has another length
  Bits vector_of(std::string_view signature) const;

  std::size_t size() const { return size_; }
  const std::uint64_t *vector(std::size_t i) const { return words_.data() + i * histogram_.n_words(); }
  /// Hamming distance to the nearest vector as a fraction of all bits, infinite if there is none.
  double distance(const Bits &vector) const;
  /// \throws InputError if the vector has another length or bits beyond the last
  void add(const Bits &vector);

  /// One self-contained byte string: the `frames` file format.
  std::string serialise() const;
  /// The same without vectors: layout and reference.
  std::string serialise_header() const;
  /// \throws InputError "name: ..." if the bytes are not whole and sound
  static SeenFrames deserialise(std::string_view bytes, const std::string &name);

  std::size_t memory_bytes() const { return words_.capacity() * 8 + reference_.capacity(); }

 private:
  std::string write(std::size_t n_vectors) const;

  DifferenceHistogram histogram_;
  std::string reference_;
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
};

}    // namespace mdsieve
