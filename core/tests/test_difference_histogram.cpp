// SPDX-License-Identifier: GPL-2.0-or-later
#include "check_throws.h"

#include "environment_bank.h"
#include "seen_frames.h"

#include <cmath>
#include <limits>

using namespace mdsieve;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// One element with two columns, 0 to 1 and a constant one, and one element with one column.
HistogramLayout layout_of(DifferenceMode mode, int n_bins = 4, double step = 0.0)
{ return {"hash", {"Ni", "H"}, {{0.0, 5.0}, {-1.0}}, {{1.0, 5.0}, {1.0}}, n_bins, mode, step}; }

struct Environment {
  int element;
  std::vector<double> raw;
};

std::string signature(const DifferenceHistogram &histogram, const std::vector<Environment> &frame)
{
  std::vector<std::int32_t> counts(histogram.n_bits(), 0);
  for (const auto &environment : frame)
    histogram.add(environment.element, environment.raw.data(), counts.data());
  return histogram.signature(counts.data());
}

std::vector<std::size_t> ones(const Bits &bits, std::size_t n)
{
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < n; ++i)
    if (bits[i / 64] >> (i % 64) & 1u) found.push_back(i);
  return found;
}

using Places = std::vector<std::size_t>;

}    // namespace

TEST(bins_lie_where_they_should)
{
  const DifferenceHistogram histogram(layout_of(DifferenceMode::count));
  CHECK(histogram.n_bits() == std::size_t{18} && histogram.n_words() == 1);
  const auto bin = [&](double first, double second) {
    std::vector<std::int32_t> counts(histogram.n_bits(), 0);
    const double raw[] = {first, second};
    histogram.add(0, raw, counts.data());
    std::int32_t n = 0;
    Places places;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      n += counts[i];
      if (counts[i]) places.push_back(i);
    }
    CHECK(n == 2);
    return places;
  };
  CHECK((bin(-0.1, 5.0) == Places{0, 7}));
  CHECK((bin(0.0, 5.0) == Places{1, 7}));
  CHECK((bin(0.25, 5.0) == Places{2, 7}));
  CHECK((bin(1.0, 5.0) == Places{4, 7}));    // both bounds belong to the range
  CHECK((bin(1.0 + 1e-12, 5.0 + 1e-15) == Places{4, 7}));
  CHECK((bin(-1e-12, 5.0) == Places{1, 7}));
  CHECK((bin(1.1, 5.1) == Places{5, 11}));    // a constant column that moves leaves its range
  CHECK((bin(1e300, 4.9) == Places{5, 6}));
  const double bad[] = {0.0, std::nan("")};
  std::vector<std::int32_t> counts(histogram.n_bits(), 0);
  CHECK_THROWS(histogram.add(0, bad, counts.data()), "fingerprint of Ni: column 2 is not finite");
  CHECK_THROWS(histogram.add(2, bad, counts.data()), "element number 2: expected 0 to 1");
}

TEST(modes)
{
  const std::vector<Environment> reference{{0, {0.1, 5.0}}, {0, {0.6, 5.0}}, {1, {0.0}}};
  std::vector<Environment> twice = reference;
  twice.insert(twice.end(), reference.begin(), reference.end());
  const std::vector<Environment> other{{0, {0.1, 5.0}}, {0, {0.1, 5.0}}, {0, {0.1, 6.0}}, {1, {-2.0}}};
  const auto differing = [&](DifferenceMode mode, const std::vector<Environment> &frame, double step = 0.0) {
    const DifferenceHistogram histogram(layout_of(mode, 4, step));
    return ones(histogram.difference(signature(histogram, frame), signature(histogram, reference)),
                histogram.n_bits());
  };
  for (const auto mode : {DifferenceMode::presence, DifferenceMode::count, DifferenceMode::fraction})
    CHECK(differing(mode, reference).empty());
  CHECK(differing(DifferenceMode::presence, twice).empty());
  CHECK((differing(DifferenceMode::count, twice) == Places{1, 3, 7, 15}));
  CHECK(differing(DifferenceMode::fraction, twice).empty());    // the size of the cell does not matter
  CHECK((differing(DifferenceMode::presence, other) == Places{3, 11, 12, 15}));
  CHECK((differing(DifferenceMode::count, other) == Places{1, 3, 11, 12, 15}));
  CHECK((differing(DifferenceMode::fraction, other, 0.4) == Places{1, 3, 12, 15}));
  // an element that the frame has not
  CHECK((differing(DifferenceMode::fraction, {{0, {0.1, 5.0}}, {0, {0.6, 5.0}}}, 0.4) == Places{15}));
}

TEST(counts_of_parts_add_up)
{
  const DifferenceHistogram histogram(layout_of(DifferenceMode::count));
  std::vector<std::int32_t> one(histogram.n_bits(), 0), other = one, both = one;
  for (int i = 0; i < 40; ++i) {
    const double raw[] = {0.031 * i, 5.0 + 1e-3 * (i % 3)};
    histogram.add(0, raw, both.data());
    histogram.add(0, raw, i % 4 ? one.data() : other.data());
  }
  for (std::size_t i = 0; i < one.size(); ++i) one[i] += other[i];
  CHECK(histogram.signature(one.data()) == histogram.signature(both.data()));
}

TEST(distances_and_bytes)
{
  SeenFrames seen(layout_of(DifferenceMode::presence, 30));
  const auto &histogram = seen.histogram();
  CHECK(histogram.n_bits() == 96 && histogram.n_words() == 2);
  const std::string first = signature(histogram, {{0, {0.1, 5.0}}, {1, {0.0}}});
  CHECK_THROWS(seen.vector_of(first), "need a reference");
  seen.set_reference(first);
  CHECK_THROWS(seen.set_reference(first), "fixed already");
  CHECK(std::isinf(seen.distance(seen.vector_of(first))));
  seen.add(seen.vector_of(first));
  CHECK(seen.distance(seen.vector_of(first)) == 0.0);
  const Bits other = seen.vector_of(signature(histogram, {{0, {0.1, 5.0}}, {1, {0.9}}}));
  CHECK_CLOSE(seen.distance(other), 2.0 / 96.0, 1e-15, 0.0);
  seen.add(other);
  const SeenFrames back = SeenFrames::deserialise(seen.serialise(), "x");
  CHECK(back.size() == 2 && back.serialise() == seen.serialise() && back.layout() == seen.layout());
  CHECK(SeenFrames::deserialise(seen.serialise_header(), "x").size() == 0);
  CHECK(SeenFrames::deserialise(seen.serialise_header(), "x").reference() == first);
  CHECK_THROWS(seen.add({0, ~std::uint64_t{0}}), "expected 96 bits");
  CHECK_THROWS(seen.add({0}), "a difference vector of 1 words");
}

TEST(what_makes_no_sense_is_refused)
{
  const auto refuse = [](HistogramLayout layout, const char *part) {
    CHECK_THROWS(DifferenceHistogram(std::move(layout)), part);
  };
  HistogramLayout bad = layout_of(DifferenceMode::presence, 0);
  refuse(bad, "0 bins: expected 1 to 10000");
  bad.n_bins = 10001;
  refuse(bad, "10001 bins");
  bad = layout_of(DifferenceMode::fraction, 4, 1.0);
  refuse(bad, "step of fractions");
  bad = layout_of(DifferenceMode::presence);
  bad.lower[1][0] = 2.0;
  refuse(bad, "range of H, column 1");
  bad.lower[1][0] = std::nan("");
  refuse(bad, "range of H, column 1");
  bad = layout_of(DifferenceMode::presence, 10000);
  bad.lower[0].assign(100000, 0.0);
  bad.upper[0].assign(100000, 1.0);
  refuse(bad, "take fewer bins");
  CHECK_THROWS(bad.take_ranges(Scaling::identity({2, 1})), "scaling none");

  SeenFrames seen(layout_of(DifferenceMode::presence));
  const std::string bytes = seen.serialise();
  for (std::size_t n = 0; n < bytes.size(); n += 5)
    CHECK_THROWS(SeenFrames::deserialise(bytes.substr(0, n), "file"), "file: ");
  std::string damaged = bytes;
  damaged[40] = static_cast<char>(damaged[40] ^ 1);
  CHECK_THROWS(SeenFrames::deserialise(damaged, "file"), "checksum");
}

TEST(ranges_come_from_the_scaling)
{
  HistogramLayout layout = layout_of(DifferenceMode::presence);
  layout.take_ranges({ScalingKind::minmax, {{1.0, 2.0}, {3.0}}, {{0.5, 1.0}, {4.0}}});
  CHECK(layout.lower[0][0] == 1.0 && layout.upper[0][0] == 3.0 && layout.upper[1][0] == 3.25);
  layout.take_ranges({ScalingKind::std, {{1.0, 2.0}, {3.0}}, {{0.5, 1.0}, {4.0}}});
  CHECK(layout.lower[0][0] == -5.0 && layout.upper[0][0] == 7.0 && layout.upper[1][0] == 3.75);
}

TEST(range_of_a_bank)
{
  BankHeader header;
  header.descriptor_hash = "hash";
  header.elements = {"Ni", "H"};
  header.n_features = {2, 1};
  header.cutoffs = {6.0, 6.0};
  header.thresholds = {1.0, 1.0};
  header.scaling = {ScalingKind::minmax, {{0.0, 0.0}, {0.0}}, {{1.0, 10.0}, {2.0}}};
  EnvironmentBank bank(header);
  const auto first = first_columns(header.n_features);
  FrameExtents frame(first.back()), part = frame;
  const double a[] = {1.0, 2.0}, b[] = {4.0, 1.95}, hydrogen[] = {0.5};
  frame.add(first[0], 2, 7, a);
  part.add(first[0], 2, 3, b);
  part.add(first[0], 2, 2, b);
  frame.merge(part);
  CHECK((frame.largest_id == std::vector<std::int64_t>{2, 7, 0}));    // of equal values the smaller ID

  RangeExcess excess = range_excess(bank.range(), header.scaling, frame);
  CHECK(std::isinf(excess.value) && std::isnan(excess.cautious) && excess.element == 0);
  bank.add(0, a, {});
  excess = range_excess(bank.range(), header.scaling, frame);
  CHECK(excess.value == 3.0 && excess.cautious == 3.0 && excess.atom == 2 && excess.column == 0);
  CHECK(excess.raw == 4.0 && excess.bound == 1.0);
  const double c[] = {4.0, 3.0};
  bank.add(0, c, {});
  excess = range_excess(bank.range(), header.scaling, frame);
  CHECK_CLOSE(excess.value, 0.5, 1e-12, 0.0);    // 1.95 below 2, times 10
  CHECK(excess.column == 1 && excess.atom == 2);
  bank.add(0, b, {});
  CHECK(range_excess(bank.range(), header.scaling, frame).value == 0.0);
  frame.add(first[1], 1, 9, hydrogen);
  excess = range_excess(bank.range(), header.scaling, frame);
  CHECK(excess.value == infinity && excess.cautious == 0.0 && excess.atom == 9);
  const EnvironmentBank back = EnvironmentBank::deserialise(bank.serialise(), "x");
  CHECK(back.range().lower(0) == bank.range().lower(0) && back.range().is_empty(1));
}

TEST_MAIN
