// SPDX-License-Identifier: GPL-2.0-or-later
// The bank against a search that looks at everything, on easy and on hostile points.
#include "check_throws.h"

#include "environment_bank.h"
#include "input_error.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <thread>

using namespace mdsieve;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using Points = std::vector<std::vector<double>>;

BankHeader header_of(int n_features, double threshold, Scaling scaling)
{
  BankHeader header;
  header.descriptor_text = "elements Ni\n";
  header.descriptor_hash = "0123";
  header.elements = {"Ni"};
  header.n_features = {n_features};
  header.cutoffs = {6.0};
  header.thresholds = {threshold};
  header.scaling = std::move(scaling);
  return header;
}

BankHeader plain(int n_features, double threshold)
{ return header_of(n_features, threshold, Scaling::identity({n_features})); }

double plain_distance(const std::vector<double> &a, const std::vector<double> &b, const Scaling &scaling)
{
  double sum = 0.0;
  for (std::size_t c = 0; c < a.size(); ++c) {
    const double d = (a[c] - scaling.shift[0][c]) * scaling.factor[0][c] -
                     (b[c] - scaling.shift[0][c]) * scaling.factor[0][c];
    sum += d * d;
  }
  return std::sqrt(sum);
}

/// Feed the points one by one and compare every answer with the plain search.
void compare_with_plain_search(const Points &points, const BankHeader &header, const char *what)
{
  EnvironmentBank bank(header);
  std::vector<std::size_t> stored;
  std::vector<std::int64_t> hints(7, -1);
  for (std::size_t i = 0; i < points.size(); ++i) {
    double nearest = infinity;
    for (const std::size_t s : stored)
      nearest = std::min(nearest, plain_distance(points[i], points[s], header.scaling));
    const bool is_new = nearest > header.thresholds[0];
    std::int64_t &hint = hints[i % hints.size()];
    CHECK_MESSAGE(bank.is_new(0, points[i].data(), &hint) == is_new, what);
    if (!is_new)
      CHECK_MESSAGE(plain_distance(points[i], points[stored[static_cast<std::size_t>(hint)]],
                                   header.scaling) <= header.thresholds[0] * (1 + 1e-14),
                    what);
    const double distance = bank.distance(0, points[i].data());
    CHECK_MESSAGE(distance == nearest || std::fabs(distance - nearest) <= 1e-14 * nearest, what);
    const double early = bank.distance(0, points[i].data(), 2.0 * header.thresholds[0]);
    if (nearest <= 2.0 * header.thresholds[0])
      CHECK_MESSAGE(early <= 2.0 * header.thresholds[0], what);
    else
      CHECK_MESSAGE(early == distance, what);
    if (is_new) {
      bank.add(0, points[i].data(), {1, static_cast<std::int64_t>(i), 0});
      stored.push_back(i);
    }
  }
  CHECK_MESSAGE(bank.size() == static_cast<std::int64_t>(stored.size()), what);

  // all at once: the same picks from an empty bank
  const EnvironmentBank empty(header);
  std::vector<const double *> rows;
  for (const auto &point : points) rows.push_back(point.data());
  const std::vector<int> elements(points.size(), 0);
  const auto picked = empty.select_new(points.size(), elements.data(), rows.data());
  CHECK_MESSAGE(picked.size() == stored.size() && std::equal(picked.begin(), picked.end(), stored.begin(),
                                                             [](std::int64_t a, std::size_t b) {
                                                               return a == static_cast<std::int64_t>(b);
                                                             }),
                what);
}

Points curve(std::size_t n, int d, double noise, unsigned seed)
{
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Points points(n, std::vector<double>(static_cast<std::size_t>(d)));
  for (auto &point : points) {
    const double u = normal(random), v = 0.4 * normal(random);
    for (int c = 0; c < d; ++c)
      point[c] = std::sin(0.3 * c + u) + v * std::cos(0.7 * c) + noise * normal(random);
  }
  return points;
}

Points uniform(std::size_t n, int d, unsigned seed)
{
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> unit;
  Points points(n, std::vector<double>(static_cast<std::size_t>(d)));
  for (auto &point : points)
    for (double &x : point) x = unit(random);
  return points;
}

/// Every distance that matters is the threshold itself or nothing at all.
Points lattice(int edge, int d, double spacing)
{
  Points points;
  for (int i = 0; i < edge; ++i)
    for (int j = 0; j < edge; ++j)
      for (int k = 0; k < edge; ++k) {
        std::vector<double> point(static_cast<std::size_t>(d), 0.0);
        point[0] = i * spacing;
        point[1] = j * spacing;
        point[static_cast<std::size_t>(d) - 1] = k * spacing;
        points.push_back(point);
      }
  return points;
}

}    // namespace

TEST(smooth_points_of_any_length)
{
  for (const int d : {1, 2, 3, 7, 8, 40, 61, 130})
    for (const double threshold : {0.05, 0.3, 1.5})
      compare_with_plain_search(curve(700, d, 0.01, 3), plain(d, threshold), "curve");
}

TEST(points_without_structure)
{
  compare_with_plain_search(uniform(1500, 12, 5), plain(12, 0.6), "uniform");
  compare_with_plain_search(uniform(1500, 3, 6), plain(3, 0.05), "uniform, dense");
}

TEST(points_in_ascending_order)    // the tree grows at one end only
{
  Points points = uniform(3000, 5, 7);
  std::sort(points.begin(), points.end());
  compare_with_plain_search(points, plain(5, 0.02), "sorted");
}

TEST(every_distance_a_tie)
{
  compare_with_plain_search(lattice(9, 6, 0.25), plain(6, 0.25), "lattice at the threshold");
  compare_with_plain_search(lattice(9, 6, 0.25), plain(6, std::nextafter(0.25, 0.0)), "lattice just above");
  compare_with_plain_search(lattice(9, 6, 0.25), plain(6, 0.5), "lattice at twice the spacing");
}

TEST(exactly_at_the_threshold_is_known)
{
  // 3-4-5: the distance is 0.5 without any rounding
  const double a[2] = {0.0, 0.0}, b[2] = {0.3125, 0.390625};
  const double exact = std::sqrt(0.3125 * 0.3125 + 0.390625 * 0.390625);
  for (const double threshold : {exact, std::nextafter(exact, 1.0), std::nextafter(exact, 0.0)}) {
    EnvironmentBank bank(plain(2, threshold));
    bank.add(0, a, {});
    CHECK(bank.is_new(0, b) == (exact > threshold));
    CHECK(bank.distance(0, b) == exact);
    CHECK((bank.distance(0, b) / threshold > 1.0) == bank.is_new(0, b));
  }
}

TEST(within_one_rounding_of_the_threshold)    // the float search must leave the decision to doubles
{
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  const int d = 40;
  const Points entries = curve(400, d, 0.01, 8);
  for (const double threshold : {1e-6, 0.1}) {
    const BankHeader header = plain(d, threshold);
    EnvironmentBank bank(header);
    for (const auto &entry : entries) bank.add(0, entry.data(), {});
    int n_new = 0;
    for (int i = 0; i < 4000; ++i) {
      const auto &entry = entries[static_cast<std::size_t>(i) % entries.size()];
      std::vector<double> step(static_cast<std::size_t>(d)), point = entry;
      double length = 0.0;
      for (double &s : step) {
        s = normal(random);
        length += s * s;
      }
      const double scale = threshold * (1.0 + 1e-12 * normal(random)) / std::sqrt(length);
      for (int c = 0; c < d; ++c) point[c] += scale * step[c];
      double nearest = infinity;
      for (const auto &other : entries)
        nearest = std::min(nearest, plain_distance(point, other, header.scaling));
      if (std::fabs(nearest - threshold) < 1e-14 * threshold) continue;    // summation order decides
      n_new += nearest > threshold ? 1 : 0;
      CHECK(bank.is_new(0, point.data()) == (nearest > threshold));
    }
    CHECK(n_new > 500 && n_new < 3500);
  }
}

TEST(duplicates_and_constant_columns)
{
  Points points = curve(200, 10, 0.02, 9);
  for (auto &point : points) point[4] = 7.25;
  Points twice = points;
  twice.insert(twice.end(), points.begin(), points.end());
  compare_with_plain_search(twice, plain(10, 0.01), "duplicates");

  EnvironmentBank bank(plain(10, 0.1));    // entries are stored unconditionally
  for (int i = 0; i < 5000; ++i) bank.add(0, points[0].data(), {0, i, 1});
  CHECK(bank.size() == 5000);
  CHECK(!bank.is_new(0, points[0].data()));
  CHECK(bank.distance(0, points[0].data()) == 0.0);
  for (const auto &point : points) {
    const double distance = bank.distance(0, point.data());
    CHECK(std::fabs(distance - plain_distance(point, points[0], bank.header().scaling)) < 1e-14);
  }
}

TEST(outliers_and_offsets)
{
  Points points = curve(500, 8, 0.01, 10);
  for (std::size_t i = 0; i < points.size(); i += 50)
    points[i][i % 8] *= std::pow(10.0, static_cast<double>(i) / 25.0);
  compare_with_plain_search(points, plain(8, 0.1), "outliers up to 1e40");
  for (auto &point : points)
    for (double &x : point) x = std::clamp(x, -10.0, 10.0) + 1e6;
  compare_with_plain_search(points, plain(8, 0.1), "a large offset");
  for (auto &point : points)
    for (double &x : point) x = (x - 1e6) * 1e-42;
  compare_with_plain_search(points, plain(8, 1e-43), "below single precision");
}

TEST(scaling_is_applied)
{
  const Points points = curve(600, 9, 0.02, 12);
  ColumnStatistics statistics({9});
  for (const auto &point : points) statistics.add(0, point.data());
  for (const ScalingKind kind : {ScalingKind::minmax, ScalingKind::std, ScalingKind::none})
    compare_with_plain_search(points, header_of(9, 0.2, statistics.scaling(kind, {"Ni"})), "scaled");
}

TEST(elements_do_not_mix)
{
  BankHeader header = plain(3, 0.5);
  header.elements = {"Ni", "Al", "H"};
  header.n_features = {3, 2, 0};
  header.cutoffs = {6.0, 6.0, 0.0};
  header.thresholds = {0.5, 0.1, 1.0};
  header.scaling = Scaling::identity({3, 2, 0});
  EnvironmentBank bank(header);
  const double ni[3] = {0, 0, 0}, al[2] = {0, 0}, al_far[2] = {0, 0.2}, ni_far[3] = {0, 0, 0.2};
  bank.add(0, ni, {1, 2, 3});
  CHECK(bank.is_new(1, al));
  CHECK(bank.distance(1, al) == infinity);
  bank.add(1, al, {4, 5, 6});
  CHECK(bank.is_new(1, al_far));
  CHECK(!bank.is_new(0, ni_far));
  CHECK(bank.size(0) == 1 && bank.size(1) == 1 && bank.size(2) == 0 && bank.size() == 2);
  CHECK(!bank.is_new(2, nullptr));    // no columns: nothing to compare
  CHECK(bank.distance(2, nullptr) == 0.0);
  CHECK(bank.entry_element(1) == 1 && bank.entry_origin(1).run == 4 && bank.entry_origin(1).step == 5 &&
        bank.entry_origin(1).atom_id == 6);
  CHECK(bank.entry_raw(0)[2] == 0.0);
  CHECK_THROWS(bank.is_new(3, ni), "element number 3");
  CHECK_THROWS(bank.is_new(-1, ni), "element number -1");

  const double *rows[4] = {ni_far, al_far, al_far, ni};
  const int elements[4] = {0, 1, 1, 0};
  const auto picked = bank.select_new(4, elements, rows);    // the second al_far is covered by the first
  CHECK(picked == std::vector<std::int64_t>{1});
}

TEST(largest_novelty_is_that_of_the_distances)
{
  BankHeader header = plain(6, 0.2);
  header.elements = {"Ni", "Al", "H", "He"};
  header.n_features = {6, 6, 6, 0};
  header.cutoffs = {6.0, 6.0, 6.0, 0.0};
  header.thresholds = {0.2, 0.3, 0.1, 1.0};
  header.scaling = Scaling::identity({6, 6, 6, 0});
  EnvironmentBank bank(header);
  const Points entries = curve(400, 6, 0.05, 21), points = curve(300, 6, 0.05, 22);
  for (std::size_t i = 0; i < entries.size(); ++i) bank.add(static_cast<int>(i % 2), entries[i].data(), {});
  std::mt19937 random(4);
  std::vector<const double *> rows;
  for (const auto &point : points) rows.push_back(point.data());
  for (const int n_elements : {1, 2, 3, 4})
    for (int repeat = 0; repeat < 40; ++repeat) {
      std::shuffle(rows.begin(), rows.end(), random);
      if (repeat % 4 == 0) rows[1] = rows[0];    // the first of two equal ones
      std::vector<int> elements;
      FrameNovelties expected;
      for (std::size_t i = 0; i < 30; ++i) {
        elements.push_back(static_cast<int>(random() % static_cast<unsigned>(n_elements)));
        const double novelty =
            bank.distance(elements[i], rows[i]) / header.thresholds[static_cast<std::size_t>(elements[i])];
        if (novelty == infinity) {
          if (expected.unseen < 0) expected.unseen = static_cast<std::int64_t>(i);
        } else if (expected.index < 0 || novelty > expected.novelty) {
          expected.novelty = novelty;
          expected.index = static_cast<std::int64_t>(i);
        }
      }
      const FrameNovelties found = bank.largest_novelty(30, elements.data(), rows.data());
      CHECK(found.novelty == expected.novelty && found.index == expected.index &&
            found.unseen == expected.unseen);
    }
  CHECK(bank.largest_novelty(0, nullptr, nullptr).index == -1);
}

TEST(what_is_not_finite_is_refused)
{
  EnvironmentBank bank(plain(5, 0.1));
  std::vector<double> point(5, 0.0);
  bank.add(0, point.data(), {});
  for (const double bad : {std::nan(""), infinity, -infinity})
    for (std::size_t c = 0; c < 5; ++c) {
      auto query = point;
      query[c] = bad;
      const std::string column = "fingerprint of Ni: column " + std::to_string(c + 1) + " of 5";
      CHECK_THROWS(bank.is_new(0, query.data()), column);
      CHECK_THROWS(bank.distance(0, query.data()), column);
      const int element = 0;
      const double *row = query.data();
      CHECK_THROWS(bank.largest_novelty(1, &element, &row), column);
      CHECK_THROWS(bank.add(0, query.data(), {}), column);
    }
  CHECK(bank.size() == 1);
  BankHeader large = plain(1, 0.1);
  large.scaling.factor[0][0] = 1e10;
  const double huge = 1e300;
  CHECK_THROWS(EnvironmentBank(large).is_new(0, &huge), "too large");
}

TEST(hints_are_only_hints)
{
  const Points points = curve(300, 6, 0.01, 13);
  EnvironmentBank bank(plain(6, 0.2)), without(plain(6, 0.2));
  std::mt19937 random(1);
  for (const auto &point : points) {
    std::int64_t hint = static_cast<std::int64_t>(random() % 400) - 50;    // often no entry at all
    const bool is_new = bank.is_new(0, point.data(), &hint);
    CHECK(is_new == without.is_new(0, point.data()));
    if (is_new) {
      bank.add(0, point.data(), {});
      without.add(0, point.data(), {});
    }
  }
}

TEST(bad_headers)
{
  for (const double threshold : {0.0, -1.0, std::nan(""), infinity})
    CHECK_THROWS(EnvironmentBank(plain(2, threshold)), "threshold of Ni");
  BankHeader header = plain(2, 0.1);
  header.thresholds.push_back(0.2);
  CHECK_THROWS(EnvironmentBank{header}, "thresholds (2)");
  header = plain(2, 0.1);
  header.scaling.factor[0][1] = 0.0;
  CHECK_THROWS(EnvironmentBank{header}, "column 2");
  header.scaling.factor[0].pop_back();
  CHECK_THROWS(EnvironmentBank{header}, "expected 2 columns");
  CHECK_THROWS(EnvironmentBank{BankHeader{}}, "at least one element");
}

TEST(compatible_banks)
{
  const EnvironmentBank bank(plain(2, 0.1));
  BankHeader other = plain(2, 0.7);    // another threshold may be mixed in
  bank.require_compatible(other, "b");
  other.descriptor_hash = "4567";
  CHECK_THROWS(bank.require_compatible(other, "b.bank"), "b.bank: made with other symmetry functions");
  other = plain(2, 0.1);
  other.elements = {"Al"};
  CHECK_THROWS(bank.require_compatible(other, "b"), "elements are Al, expected Ni");
  other = plain(2, 0.1);
  other.scaling.kind = ScalingKind::std;
  CHECK_THROWS(bank.require_compatible(other, "b"), "'std', expected 'none'");
  other = plain(2, 0.1);
  other.scaling.shift[0][1] = 1e-9;
  CHECK_THROWS(bank.require_compatible(other, "b"), "column 2 of Ni");
}

TEST(bytes_and_back)
{
  const Points points = curve(500, 7, 0.02, 14);
  ColumnStatistics statistics({7});
  for (const auto &point : points) statistics.add(0, point.data());
  EnvironmentBank bank(header_of(7, 0.2, statistics.scaling(ScalingKind::minmax, {"Ni"})));
  for (std::size_t i = 0; i < points.size(); ++i)
    if (bank.is_new(0, points[i].data()))
      bank.add(0, points[i].data(), {3, static_cast<std::int64_t>(i), -7});
  const std::string bytes = bank.serialise();
  CHECK(bytes.size() % 8 == 0);
  const EnvironmentBank back = EnvironmentBank::deserialise(bytes, "it");
  CHECK(back.serialise() == bytes);
  CHECK(back.size() == bank.size() && back.header().scaling == bank.header().scaling);
  CHECK(back.header().descriptor_text == bank.header().descriptor_text);
  for (std::int64_t i = 0; i < bank.size(); ++i)
    CHECK(back.entry_origin(i).step == bank.entry_origin(i).step && back.entry_origin(i).atom_id == -7);
  for (const auto &point : curve(500, 7, 0.05, 15)) {
    CHECK(back.is_new(0, point.data()) == bank.is_new(0, point.data()));
    CHECK(back.distance(0, point.data()) == bank.distance(0, point.data()));
  }
}

TEST(damaged_bytes_are_refused)
{
  EnvironmentBank bank(plain(3, 0.2));
  const double point[3] = {1, 2, 3};
  bank.add(0, point, {1, 2, 3});
  const std::string bytes = bank.serialise();
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK_THROWS(EnvironmentBank::deserialise(bytes.substr(0, n), "short.bank"), "short.bank: ");
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      CHECK_THROWS(EnvironmentBank::deserialise(damaged, "x"), "x: ");
    }
  CHECK_THROWS(EnvironmentBank::deserialise(bytes + std::string(8, '\0'), "x"), "x: ");
  CHECK_THROWS(EnvironmentBank::deserialise("elements Ni\nand so on", "ni.nn"), "ni.nn: not a bank");
}

/// The file's own checksum, to forge files that get past it.
std::string with_checksum(std::string bytes)
{
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i + 8 < bytes.size(); ++i)
    hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 0x100000001b3u;
  for (std::size_t i = 0; i < 8; ++i) bytes[bytes.size() - 8 + i] = static_cast<char>(hash >> (8 * i));
  return bytes;
}

TEST(forged_lengths_are_refused)    // every word in turn becomes a wild number, checksum made good
{
  EnvironmentBank bank(plain(3, 0.2));
  const double point[3] = {1, 2, 3};
  bank.add(0, point, {1, 2, 3});
  const std::string bytes = bank.serialise();
  CHECK(with_checksum(bytes) == bytes);
  int refused = 0;
  for (std::size_t i = 16; i + 16 <= bytes.size(); i += 8)
    for (const std::uint64_t wild :
         {std::uint64_t{1} << 62, ~std::uint64_t{0}, std::uint64_t{1} << 33, std::uint64_t{5}}) {
      std::string forged = bytes;
      for (std::size_t k = 0; k < 8; ++k) forged[i + k] = static_cast<char>(wild >> (8 * k));
      try {
        EnvironmentBank::deserialise(with_checksum(forged), "x");    // origins and numbers may be anything
      } catch (const InputError &) {
        ++refused;
      }
    }
  CHECK(refused > 20);
}

TEST(many_threads_ask_one_bank)
{
  const Points points = curve(4000, 12, 0.03, 16);
  EnvironmentBank bank(plain(12, 0.15));
  for (std::size_t i = 0; i < 2000; ++i)
    if (bank.is_new(0, points[i].data())) bank.add(0, points[i].data(), {});
  std::vector<double> alone;
  for (const auto &point : points) alone.push_back(bank.distance(0, point.data()));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < points.size(); ++i)
        wrong[t] += bank.distance(0, points[i].data()) != alone[i];
    });
  for (std::thread &thread : threads) thread.join();
  CHECK(std::count(wrong.begin(), wrong.end(), 0) == 4);
}

TEST(a_large_bank)
{
  const int d = 6;
  const Points points = uniform(200000, d, 17);
  EnvironmentBank bank(plain(d, 0.05));
  for (const auto &point : points) bank.add(0, point.data(), {});
  std::mt19937 random(2);
  for (int i = 0; i < 50; ++i) {
    std::vector<double> query = points[random() % points.size()];
    query[0] += 0.04;
    double nearest = infinity;
    for (const auto &point : points)
      nearest = std::min(nearest, plain_distance(query, point, bank.header().scaling));
    CHECK(std::fabs(bank.distance(0, query.data()) - nearest) < 1e-14);
    CHECK(!bank.is_new(0, query.data()));
  }
}

TEST_MAIN
