// SPDX-License-Identifier: GPL-2.0-or-later
#include "scaling.h"

#include "input_error.h"
#include "text_lines.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <locale>
#include <sstream>

namespace mdsieve {

namespace {

/// A spread this small against the numbers themselves is rounding, not information.
bool is_constant(double spread, double magnitude)
{
  constexpr double tolerance = 10.0 * std::numeric_limits<double>::epsilon();
  return !(spread > tolerance * std::max(1.0, magnitude));
}

double factor_of(double spread, double magnitude)
{ return is_constant(spread, magnitude) ? 1.0 : 1.0 / spread; }

void set_column(ScalingKind kind, const ColumnSummary &c, double &shift, double &factor)
{
  switch (kind) {
  case ScalingKind::none:
    shift = 0.0;
    factor = 1.0;
    break;
  case ScalingKind::minmax:
    shift = c.min;
    factor = factor_of(c.max - c.min, std::max(std::fabs(c.min), std::fabs(c.max)));
    break;
  case ScalingKind::std:
    shift = c.mean;
    factor = factor_of(c.sigma, std::fabs(c.mean));
    break;
  }
}

/// Sample standard deviation, as n2p2 writes it.
double sample_sigma(std::int64_t count, double m2)
{ return count > 1 ? std::sqrt(std::max(0.0, m2) / static_cast<double>(count - 1)) : 0.0; }

class ScalingDataReader {
 public:
  ScalingDataReader(std::string_view text, const std::string &name, const Descriptor &descriptor,
                    bool needs_sigma)
      : text_(text), name_(name), descriptor_(descriptor), needs_sigma_(needs_sigma)
  {
    const int n_elements = static_cast<int>(descriptor.elements.size());
    for (int element = 0; element < n_elements; ++element) {
      const std::vector<int> rank = descriptor.n2p2_order(element);
      column_of_rank_.emplace_back(rank.size());
      for (std::size_t column = 0; column < rank.size(); ++column)
        column_of_rank_.back()[static_cast<std::size_t>(rank[column])] = column;
      columns_.emplace_back(rank.size());
      seen_.emplace_back(rank.size(), false);
    }
  }

  std::vector<std::vector<ColumnSummary>> read()
  {
    for_each_line(text_, "#", [this](int line, const std::vector<std::string_view> &words) {
      line_ = line;
      read_line(words);
    });
    require_all();
    return std::move(columns_);
  }

 private:
  [[noreturn]] void fail(const std::string &what) const
  { throw InputError(name_ + ":" + std::to_string(line_) + ": " + what); }

  int read_index(std::string_view word, std::size_t count, const char *what) const
  {
    const double value = number_of(word);
    if (std::isnan(value) || value != std::floor(value) || value < 1.0 || value > static_cast<double>(count))
      fail(shown(word) + " is no " + what + ": expected a whole number from 1 to " + std::to_string(count));
    return static_cast<int>(value) - 1;
  }

  double read_value(std::string_view word) const
  {
    const double value = number_of(word);
    if (std::isnan(value)) fail(shown(word) + " is not a finite number");
    return value;
  }

  void read_line(const std::vector<std::string_view> &words)
  {
    if (words.size() == 2) {    // RuNNer's last line: limits of the energy
      read_value(words[0]);
      read_value(words[1]);
      return;
    }
    if (words.size() != 6 && words.size() != 5)
      fail("found " + std::to_string(words.size()) +
           " words: expected element index, function index, min, max, mean and sigma");
    if (words.size() == 5 && needs_sigma_) fail("no sigma: scaling 'std' needs the sixth column");
    const int element = read_index(words[0], columns_.size(), "element index");
    const auto e = static_cast<std::size_t>(element);
    if (column_of_rank_[e].empty())
      fail("the descriptor has no symmetry functions for element " + descriptor_.elements[e]);
    const int rank = read_index(words[1], column_of_rank_[e].size(), "function index");
    const std::size_t column = column_of_rank_[e][static_cast<std::size_t>(rank)];
    if (seen_[e][column])
      fail("function " + std::to_string(rank + 1) + " of element " + std::to_string(element + 1) + " (" +
           descriptor_.elements[e] + ") is given a second time");
    seen_[e][column] = true;
    const ColumnSummary c{read_value(words[2]), read_value(words[3]), read_value(words[4]),
                          words.size() > 5 ? read_value(words[5]) : 0.0};
    if (c.max < c.min) fail("the maximum is below the minimum");
    if (c.sigma < 0.0) fail("sigma is negative");
    columns_[e][column] = c;
  }

  void require_all() const
  {
    for (std::size_t e = 0; e < seen_.size(); ++e) {
      const auto n_seen = std::count(seen_[e].begin(), seen_[e].end(), true);
      if (static_cast<std::size_t>(n_seen) != seen_[e].size())
        throw InputError(name_ + ":" + std::to_string(line_) + ": " + std::to_string(n_seen) +
                         " functions for element " + descriptor_.elements[e] + ", but the descriptor has " +
                         std::to_string(seen_[e].size()));
    }
  }

  std::string_view text_;
  const std::string &name_;
  const Descriptor &descriptor_;
  bool needs_sigma_;
  std::vector<std::vector<ColumnSummary>> columns_;
  std::vector<std::vector<std::size_t>> column_of_rank_;
  std::vector<std::vector<bool>> seen_;
  int line_ = 0;
};

}    // namespace

bool Scaling::operator==(const Scaling &other) const
{ return kind == other.kind && shift == other.shift && factor == other.factor; }

Scaling Scaling::identity(const std::vector<int> &n_features)
{
  Scaling scaling;
  for (const int n : n_features) {
    scaling.shift.emplace_back(static_cast<std::size_t>(n), 0.0);
    scaling.factor.emplace_back(static_cast<std::size_t>(n), 1.0);
  }
  return scaling;
}

ColumnStatistics::ColumnStatistics(const std::vector<int> &n_features) : count_(n_features.size(), 0)
{
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const int n : n_features)
    columns_.emplace_back(static_cast<std::size_t>(n), Column{infinity, -infinity, 0.0, 0.0});
}

void ColumnStatistics::add(int element, const double *raw)
{
  const auto e = static_cast<std::size_t>(element);
  std::vector<Column> &columns = columns_[e];
  for (std::size_t c = 0; c < columns.size(); ++c)
    if (!std::isfinite(raw[c]))
      throw InputError("fingerprint of element number " + std::to_string(element + 1) + ": column " +
                       std::to_string(c + 1) + " of " + std::to_string(columns.size()) + " is not finite");
  const auto n = static_cast<double>(++count_[e]);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    Column &column = columns[c];
    column.min = std::min(column.min, raw[c]);
    column.max = std::max(column.max, raw[c]);
    const double delta = raw[c] - column.mean;
    column.mean += delta / n;
    column.m2 += delta * (raw[c] - column.mean);
  }
}

std::int64_t ColumnStatistics::count(int element) const { return count_[static_cast<std::size_t>(element)]; }

std::vector<int> ColumnStatistics::n_features() const
{
  std::vector<int> n;
  for (const std::vector<Column> &columns : columns_) n.push_back(static_cast<int>(columns.size()));
  return n;
}

Scaling ColumnStatistics::scaling(ScalingKind kind, const std::vector<std::string> &elements) const
{
  Scaling scaling;
  scaling.kind = kind;
  for (std::size_t e = 0; e < columns_.size(); ++e) {
    const std::vector<Column> &columns = columns_[e];
    if (kind != ScalingKind::none && !columns.empty() && count_[e] == 0)
      throw InputError("no environment of element " + elements[e] + " to fit the scaling on");
    scaling.shift.emplace_back(columns.size(), 0.0);
    scaling.factor.emplace_back(columns.size(), 1.0);
    for (std::size_t c = 0; c < columns.size(); ++c)
      set_column(kind,
                 {columns[c].min, columns[c].max, columns[c].mean, sample_sigma(count_[e], columns[c].m2)},
                 scaling.shift[e][c], scaling.factor[e][c]);
  }
  return scaling;
}

std::string ColumnStatistics::to_scaling_data(const Descriptor &descriptor) const
{
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << "# Symmetry function scaling data, one line per function in n2p2's order.\n"
       << "#  e_index  sf_index                   sf_min                   sf_max"
       << "                  sf_mean                 sf_sigma\n";
  text.setf(std::ios::scientific | std::ios::uppercase);
  text.precision(16);
  for (std::size_t e = 0; e < columns_.size(); ++e) {
    if (columns_[e].empty()) continue;
    if (count_[e] == 0)
      throw InputError("no environment of element " + descriptor.elements[e] + " to fit the scaling on");
    const std::vector<int> rank = descriptor.n2p2_order(static_cast<int>(e));
    std::vector<std::size_t> column_of_rank(rank.size());
    for (std::size_t c = 0; c < rank.size(); ++c) column_of_rank[static_cast<std::size_t>(rank[c])] = c;
    for (std::size_t r = 0; r < rank.size(); ++r) {
      const Column &column = columns_[e][column_of_rank[r]];
      text.width(10);
      text << e + 1;
      text.width(10);
      text << r + 1;
      for (const double value : {column.min, column.max, column.mean, sample_sigma(count_[e], column.m2)}) {
        text << ' ';
        text.width(24);
        text << value;
      }
      text << '\n';
    }
  }
  return text.str();
}

std::vector<std::vector<ColumnSummary>> parse_column_summaries(std::string_view text, const std::string &name,
                                                               const Descriptor &descriptor, bool needs_sigma)
{ return ScalingDataReader(text, name, descriptor, needs_sigma).read(); }

Scaling parse_scaling_data(std::string_view text, const std::string &name, const Descriptor &descriptor,
                           ScalingKind kind)
{
  const auto summaries = parse_column_summaries(text, name, descriptor, kind == ScalingKind::std);
  Scaling scaling;
  scaling.kind = kind;
  for (const auto &columns : summaries) {
    scaling.shift.emplace_back(columns.size(), 0.0);
    scaling.factor.emplace_back(columns.size(), 1.0);
    for (std::size_t c = 0; c < columns.size(); ++c)
      set_column(kind, columns[c], scaling.shift.back()[c], scaling.factor.back()[c]);
  }
  return scaling;
}

}    // namespace mdsieve
