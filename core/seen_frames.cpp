// SPDX-License-Identifier: GPL-2.0-or-later
#include "seen_frames.h"

#include "byte_record.h"
#include "input_error.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mdsieve {

namespace {

constexpr char magic[] = "MDSVSEEN";    // 8 bytes without the final zero
constexpr std::uint64_t version = 1;
constexpr std::size_t word = 8;

void write_layout(RecordWriter &writer, const HistogramLayout &layout)
{
  writer.put(layout.descriptor_hash);
  writer.put_signed(layout.n_bins);
  writer.put_signed(static_cast<std::int64_t>(layout.mode));
  writer.put(layout.step);
  writer.put(static_cast<std::uint64_t>(layout.elements.size()));
  for (std::size_t e = 0; e < layout.elements.size(); ++e) {
    writer.put(layout.elements[e]);
    writer.put(static_cast<std::uint64_t>(layout.lower[e].size()));
    writer.put(layout.lower[e]);
    writer.put(layout.upper[e]);
  }
}

HistogramLayout read_layout(RecordReader &reader)
{
  HistogramLayout layout;
  layout.descriptor_hash = reader.get_text();
  if (layout.descriptor_hash.size() > 64) reader.fail_damaged("its descriptor hash is too long");
  const std::int64_t n_bins = reader.get_signed(), mode = reader.get_signed();
  if (n_bins < 1 || n_bins > 10000) reader.fail_damaged("its number of bins is impossible");
  if (mode < 0 || mode > 2) reader.fail_damaged("unknown mode");
  layout.n_bins = static_cast<int>(n_bins);
  layout.mode = static_cast<DifferenceMode>(mode);
  layout.step = reader.get_double();
  const std::size_t n_elements = reader.get_count("elements", 2 * word);
  for (std::size_t e = 0; e < n_elements; ++e) {
    layout.elements.push_back(reader.get_text());
    const std::size_t n = reader.get_count("functions", 2 * word);
    layout.lower.push_back(reader.get_doubles(n));
    layout.upper.push_back(reader.get_doubles(n));
  }
  return layout;
}

}    // namespace

SeenFrames::SeenFrames(HistogramLayout layout) : histogram_(std::move(layout)) {}

void SeenFrames::set_reference(std::string_view signature)
{
  if (!reference_.empty()) throw InputError("the reference structure is fixed already");
  if (signature.size() != histogram_.signature_bytes())
    throw InputError("the reference's histogram has " + std::to_string(signature.size()) +
                     " bytes: expected " + std::to_string(histogram_.signature_bytes()));
  reference_ = signature;
}

Bits SeenFrames::vector_of(std::string_view signature) const
{
  if (reference_.empty()) throw InputError("difference vectors need a reference structure");
  return histogram_.difference(signature, reference_);
}

double SeenFrames::distance(const Bits &vector) const
{
  const std::size_t n = histogram_.n_words();
  if (vector.size() != n)
    throw InputError("a difference vector of " + std::to_string(vector.size()) + " words: expected " +
                     std::to_string(n));
  if (size_ == 0) return std::numeric_limits<double>::infinity();
  if (histogram_.n_bits() == 0) return 0.0;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = size_; i-- > 0 && least > 0;)    // the latest is often the nearest
    least = std::min(least, hamming_distance(vector.data(), this->vector(i), n));
  return static_cast<double>(least) / static_cast<double>(histogram_.n_bits());
}

void SeenFrames::add(const Bits &vector)
{
  const std::size_t n = histogram_.n_words();
  const std::size_t rest = histogram_.n_bits() % 64;
  if (vector.size() != n || (rest != 0 && vector.back() >> rest != 0))
    throw InputError("a difference vector of " + std::to_string(vector.size()) + " words: expected " +
                     std::to_string(histogram_.n_bits()) + " bits");
  words_.insert(words_.end(), vector.begin(), vector.end());
  ++size_;
}

std::string SeenFrames::serialise() const { return write(size_); }

std::string SeenFrames::serialise_header() const { return write(0); }

std::string SeenFrames::write(std::size_t n_vectors) const
{
  RecordWriter writer;
  write_layout(writer, layout());
  writer.put(reference_);
  writer.put(static_cast<std::uint64_t>(n_vectors));
  for (std::size_t i = 0; i < n_vectors * histogram_.n_words(); ++i) writer.put(words_[i]);
  return std::move(writer).finish(magic, version);
}

SeenFrames SeenFrames::deserialise(std::string_view bytes, const std::string &name)
{
  RecordReader reader(bytes, name, "file of seen frames", magic, version);
  try {
    SeenFrames seen(read_layout(reader));
    const std::string reference = reader.get_text();
    if (!reference.empty()) seen.set_reference(reference);
    const std::size_t n = seen.histogram_.n_words();
    const std::size_t n_vectors = reader.get_count("vectors", word * std::max<std::size_t>(n, 1));
    Bits vector(n);
    for (std::size_t i = 0; i < n_vectors; ++i) {
      for (std::uint64_t &bits : vector) bits = reader.get();
      seen.add(vector);
    }
    reader.finish();
    return seen;
  } catch (const InputError &error) {
    const std::string text = error.what();
    throw InputError(text.rfind(name + ": ", 0) == 0 ? text : name + ": " + text);
  }
}

}    // namespace mdsieve
