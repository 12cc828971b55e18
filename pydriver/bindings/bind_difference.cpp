// SPDX-License-Identifier: GPL-2.0-or-later
#include "environment_bank.h"
#include "input_error.h"
#include "rows.h"
#include "seen_frames.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <limits>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

namespace {

using WordArray = nb::ndarray<const std::uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using WordMatrix = nb::ndarray<const std::uint64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using CountArray = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

constexpr const char *mode_names[] = {"presence", "count", "fraction"};

DifferenceMode mode_of(const std::string &name)
{
  for (int mode = 0; mode < 3; ++mode)
    if (name == mode_names[mode]) return static_cast<DifferenceMode>(mode);
  throw InputError("mode '" + name + "': expected presence, count or fraction");
}

std::string_view view(const nb::bytes &bytes) { return {bytes.c_str(), bytes.size()}; }
nb::bytes as_bytes(const std::string &bytes) { return nb::bytes(bytes.data(), bytes.size()); }

Bits bits_of(const WordArray &vector) { return {vector.data(), vector.data() + vector.shape(0)}; }

std::vector<std::int32_t> count(const DifferenceHistogram &histogram, const ElementArray &elements,
                                const ValueArray &fingerprints)
{
  const auto rows = rows_of(histogram.layout().n_features(), elements, fingerprints);
  std::vector<std::int32_t> counts(histogram.n_bits(), 0);
  for (std::size_t i = 0; i < rows.size(); ++i) histogram.add(elements(i), rows[i], counts.data());
  return counts;
}

Array<std::uint64_t> vectors(const SeenFrames &seen)
{
  const std::size_t n = seen.histogram().n_words();
  std::vector<std::uint64_t> words(seen.size() * n);
  if (!words.empty()) std::memcpy(words.data(), seen.vector(0), words.size() * 8);
  return owned_array(std::move(words), {seen.size(), n});
}

Array<double> distances(const SeenFrames &seen, const WordMatrix &vectors)
{
  std::vector<double> values;
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < vectors.shape(0); ++i)
      values.push_back(seen.distance(
          {vectors.data() + i * vectors.shape(1), vectors.data() + (i + 1) * vectors.shape(1)}));
  }
  return owned_array(std::move(values));
}

Array<std::int64_t> hamming_distances(const WordMatrix &a, const WordMatrix &b)
{
  const std::size_t n = a.shape(1);
  if (b.shape(1) != n) throw InputError("difference vectors of different lengths");
  std::vector<std::int64_t> values(a.shape(0) * b.shape(0));
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < a.shape(0); ++i)
      for (std::size_t k = 0; k < b.shape(0); ++k)
        values[i * b.shape(0) + k] = hamming_distance(a.data() + i * n, b.data() + k * n, n);
  }
  return owned_array(std::move(values), {a.shape(0), b.shape(0)});
}

FrameExtents extents_of(const std::vector<int> &n_features, const ElementArray &elements, const IdArray &ids,
                        const ValueArray &fingerprints)
{
  const auto rows = rows_of(n_features, elements, fingerprints);
  if (ids.shape(0) != rows.size())
    throw InputError("atom IDs: expected " + std::to_string(rows.size()) + ", got " +
                     std::to_string(ids.shape(0)));
  const auto first = first_columns(n_features);
  FrameExtents extents(first.back());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto e = static_cast<std::size_t>(elements(i));
    extents.add(first[e], n_features[e], ids(i), rows[i]);
  }
  return extents;
}

FrameExtents extents_from(const std::vector<int> &n_features, const ValueArray &smallest,
                          const ValueArray &largest, const IdArray &smallest_ids, const IdArray &largest_ids)
{
  const std::size_t n = first_columns(n_features).back();
  for (const std::size_t size :
       {smallest.shape(0), largest.shape(0), smallest_ids.shape(0), largest_ids.shape(0)})
    if (size != n)
      throw InputError("extents of " + std::to_string(size) + " columns: expected " + std::to_string(n));
  FrameExtents extents;
  extents.smallest.assign(smallest.data(), smallest.data() + n);
  extents.largest.assign(largest.data(), largest.data() + n);
  extents.smallest_id.assign(smallest_ids.data(), smallest_ids.data() + n);
  extents.largest_id.assign(largest_ids.data(), largest_ids.data() + n);
  return extents;
}

void bind_layout(nb::module_ &m)
{
  nb::class_<HistogramLayout>(m, "HistogramLayout", "Frozen ranges, bins and mode of histograms.")
      .def(
          "__init__",
          [](HistogramLayout *self, std::string descriptor_hash, std::vector<std::string> elements,
             std::vector<std::vector<double>> lower, std::vector<std::vector<double>> upper, int n_bins,
             const std::string &mode, double step) {
            new (self) HistogramLayout{std::move(descriptor_hash),
                                       std::move(elements),
                                       std::move(lower),
                                       std::move(upper),
                                       n_bins,
                                       mode_of(mode),
                                       step};
          },
          "descriptor_hash"_a, "elements"_a, "lower"_a, "upper"_a, "n_bins"_a = 20, "mode"_a = "presence",
          "step"_a = 0.0)
      .def_static(
          "from_scaling",
          [](std::string descriptor_hash, std::vector<std::string> elements, const Scaling &scaling,
             int n_bins, const std::string &mode, double step) {
            HistogramLayout layout{
                std::move(descriptor_hash), std::move(elements), {}, {}, n_bins, mode_of(mode), step};
            layout.take_ranges(scaling);
            return layout;
          },
          "descriptor_hash"_a, "elements"_a, "scaling"_a, "n_bins"_a = 20, "mode"_a = "presence",
          "step"_a = 0.0, "Ranges of a frozen scaling: minimum to maximum, or mean +- 3 standard deviations.")
      .def_ro("descriptor_hash", &HistogramLayout::descriptor_hash)
      .def_ro("elements", &HistogramLayout::elements)
      .def_ro("lower", &HistogramLayout::lower, "[element][column]")
      .def_ro("upper", &HistogramLayout::upper, "[element][column]")
      .def_ro("n_bins", &HistogramLayout::n_bins)
      .def_prop_ro("mode", [](const HistogramLayout &l) { return mode_names[static_cast<int>(l.mode)]; })
      .def_ro("step", &HistogramLayout::step)
      .def_prop_ro("n_features", &HistogramLayout::n_features)
      .def(
          "__eq__", [](const HistogramLayout &a, const HistogramLayout &b) { return a == b; },
          nb::is_operator(), nb::sig("def __eq__(self, other: object, /) -> bool"));
}

void bind_seen_frames(nb::module_ &m)
{
  nb::class_<SeenFrames>(m, "SeenFrames",
                         "Difference vectors of kept frames, packed into uint64 words, and their reference.")
      .def(nb::init<HistogramLayout>(), "layout"_a)
      .def("__len__", &SeenFrames::size)
      .def_prop_ro("layout", &SeenFrames::layout)
      .def_prop_ro("n_bits", [](const SeenFrames &s) { return s.histogram().n_bits(); })
      .def_prop_ro("n_words", [](const SeenFrames &s) { return s.histogram().n_words(); })
      .def_prop_ro("signature_bytes", [](const SeenFrames &s) { return s.histogram().signature_bytes(); })
      .def_prop_ro(
          "reference", [](const SeenFrames &s) { return as_bytes(s.reference()); },
          "Signature of the reference structure; empty as long as there is none.")
      .def(
          "set_reference",
          [](SeenFrames &s, const nb::bytes &signature) { s.set_reference(view(signature)); }, "signature"_a)
      .def(
          "counts",
          [](const SeenFrames &s, const ElementArray &elements, const ValueArray &fingerprints) {
            return owned_array(count(s.histogram(), elements, fingerprints));
          },
          "elements"_a, "fingerprints"_a, "Environments in each bin, int32[n_bits].")
      .def(
          "signature",
          [](const SeenFrames &s, const ElementArray &elements, const ValueArray &fingerprints) {
            return as_bytes(s.histogram().signature(count(s.histogram(), elements, fingerprints).data()));
          },
          "elements"_a, "fingerprints"_a, "What a frame's difference vector depends on.")
      .def(
          "signature_of_counts",
          [](const SeenFrames &s, const CountArray &counts) {
            if (counts.shape(0) != s.histogram().n_bits())
              throw InputError("counts of " + std::to_string(counts.shape(0)) + " bins: expected " +
                               std::to_string(s.histogram().n_bits()));
            return as_bytes(s.histogram().signature(counts.data()));
          },
          "counts"_a)
      .def(
          "vector_of",
          [](const SeenFrames &s, const nb::bytes &signature) {
            return owned_array(s.vector_of(view(signature)));
          },
          "signature"_a, "Difference vector uint64[n_words] of a frame.")
      .def(
          "distance",
          [](const SeenFrames &s, const WordArray &vector) { return s.distance(bits_of(vector)); },
          "vector"_a,
          "Hamming distance to the nearest vector as a fraction of all bits; inf if there is none.")
      .def("distances", &distances, "vectors"_a)
      .def(
          "add", [](SeenFrames &s, const WordArray &vector) { s.add(bits_of(vector)); }, "vector"_a)
      .def_prop_ro("vectors", &vectors, nb::rv_policy::automatic, "uint64[n, n_words]")
      .def("serialise", [](const SeenFrames &s) { return as_bytes(s.serialise()); })
      .def(
          "serialise_header", [](const SeenFrames &s) { return as_bytes(s.serialise_header()); },
          "Layout and reference without vectors.")
      .def_static(
          "deserialise",
          [](const nb::bytes &bytes, const std::string &name) {
            return SeenFrames::deserialise(view(bytes), name);
          },
          "bytes"_a, "name"_a = "seen frames")
      .def_prop_ro("memory_bytes", &SeenFrames::memory_bytes);
  m.def("hamming_distances", &hamming_distances, "a"_a, "b"_a,
        "Bits that differ, int64[len(a), len(b)], of packed vectors.");
}

void bind_range(nb::module_ &m)
{
  nb::class_<RangeExcess>(m, "RangeExcess",
                          "What of a frame leaves the range of a bank's entries the farthest.")
      .def_ro("value", &RangeExcess::value, "In scaled units; inf for an element without entries.")
      .def_ro("cautious", &RangeExcess::cautious, "Among elements with entries; nan if there is none.")
      .def_ro("atom", &RangeExcess::atom)
      .def_ro("element", &RangeExcess::element)
      .def_ro("column", &RangeExcess::column)
      .def_ro("raw", &RangeExcess::raw)
      .def_ro("bound", &RangeExcess::bound);
  m.def(
      "frame_extents",
      [](const std::vector<int> &n_features, const ElementArray &elements, const IdArray &ids,
         const ValueArray &fingerprints) {
        FrameExtents x = extents_of(n_features, elements, ids, fingerprints);
        return std::tuple{owned_array(std::move(x.smallest)), owned_array(std::move(x.largest)),
                          owned_array(std::move(x.smallest_id)), owned_array(std::move(x.largest_id))};
      },
      "n_features"_a, "elements"_a, "atom_ids"_a, "fingerprints"_a,
      "Smallest and largest value of every column of every element, and the IDs of the atoms that have them.");
  m.def(
      "range_excess",
      [](const EnvironmentBank &bank, const ValueArray &smallest, const ValueArray &largest,
         const IdArray &smallest_ids, const IdArray &largest_ids) {
        const auto &header = bank.header();
        return range_excess(bank.range(), header.scaling,
                            extents_from(header.n_features, smallest, largest, smallest_ids, largest_ids));
      },
      "bank"_a, "smallest"_a, "largest"_a, "smallest_ids"_a, "largest_ids"_a);
  m.def(
      "bank_range",
      [](const EnvironmentBank &bank, int element) {
        if (element < 0 || element >= bank.range().n_elements())
          throw InputError("element number " + std::to_string(element) + ": expected 0 to " +
                           std::to_string(bank.range().n_elements() - 1));
        return std::tuple{owned_array(bank.range().lower(element)), owned_array(bank.range().upper(element))};
      },
      "bank"_a, "element"_a, "Smallest and largest value of every column among the entries of an element.");
}

}    // namespace

void bind_difference(nb::module_ &m)
{
  bind_layout(m);
  bind_seen_frames(m);
  bind_range(m);
}
