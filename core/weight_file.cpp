// SPDX-License-Identifier: GPL-2.0-or-later
/// The text of a weight: read and written.
#include "ensemble_weight.h"

#include "input_error.h"

#include <charconv>
#include <cmath>
#include <sstream>
#include <system_error>

namespace mdsieve {

namespace {

constexpr const char *first_line = "mdsieve momt weight 1";

/// Lines of words, and what is wrong with them.
class Lines {
 public:
  Lines(const std::string &text, std::string name) : text_(text), name_(std::move(name)) {}

  [[noreturn]] void complain(const std::string &what) const
  { throw InputError(shown_line(name_ + ":" + std::to_string(number_) + ": " + what)); }

  /// The words of the next line that is not empty or a comment.
  const std::vector<std::string> &next(const std::string &expected)
  {
    std::string line;
    while (++number_, std::getline(text_, line)) {
      std::istringstream stream(line.substr(0, line.find('#')));
      words_.clear();
      for (std::string word; stream >> word;) words_.push_back(word);
      if (!words_.empty()) return words_;
    }
    complain("expected " + expected + ", found the end of the file");
  }

  /// A line that begins with a keyword; its words follow.
  std::vector<std::string> line_of(const std::string &keyword, std::size_t n_values)
  {
    const auto &words = next("`" + keyword + "`");
    if (words.front() != keyword) complain("expected `" + keyword + "`, found " + shown(words.front()));
    if (words.size() != n_values + 1)
      complain(keyword + ": expected " + std::to_string(n_values) + " words after it, found " +
               std::to_string(words.size() - 1));
    return {words.begin() + 1, words.end()};
  }

  template <typename T> T number(const std::string &word, const char *expected) const
  {
    T value{};
    const char *const end = word.data() + word.size();
    const auto [last, error] = std::from_chars(word.data(), end, value);
    if (error != std::errc() || last != end) complain(shown(word) + ": expected " + expected);
    return value;
  }
  double real(const std::string &word) const
  {
    const double value = number<double>(word, "a finite number");
    if (!std::isfinite(value)) complain(shown(word) + ": expected a finite number");
    return value;
  }
  std::int64_t count(const std::string &word) const
  {
    const auto value = number<std::int64_t>(word, "an integer >= 0");
    if (value < 0) complain(shown(word) + ": expected an integer >= 0");
    return value;
  }

  double real_of(const std::string &keyword) { return real(line_of(keyword, 1)[0]); }
  std::int64_t count_of(const std::string &keyword) { return count(line_of(keyword, 1)[0]); }
  BiasAxis axis_of(const std::string &keyword)
  {
    const auto words = line_of(keyword, 3);
    return {real(words[0]), real(words[1]), number<int>(words[2], "a number of intervals")};
  }

  void end()
  {
    std::string rest;
    while (++number_, std::getline(text_, rest))
      if (rest.find_first_not_of(" \t\r") != std::string::npos) complain("expected the end of the file");
  }

 private:
  std::istringstream text_;
  std::string name_;
  std::size_t number_ = 0;
  std::vector<std::string> words_;
};

WeightHeader read_header(Lines &lines)
{
  WeightHeader header;
  std::string first;
  for (const auto &word : lines.next(std::string("`") + first_line + "`"))
    first += (first.empty() ? "" : " ") + word;
  if (first != first_line) lines.complain(std::string("not a weight: expected `") + first_line + "`");
  header.units = lines.line_of("units", 1)[0];
  header.temperature = lines.real_of("temperature");
  header.pressure = lines.real_of("pressure");
  header.n_atoms = lines.count_of("atoms");
  const auto lattice = lines.line_of("lattice", 4);
  try {
    header.lattice = lattice_of(lattice[0]);
  } catch (const InputError &error) {
    lines.complain(error.what());
  }
  for (std::size_t k = 0; k < 3; ++k) header.repeats[k] = lines.number<int>(lattice[k + 1], "an integer > 0");
  header.enthalpy = lines.axis_of("enthalpy");
  header.order = lines.axis_of("order");
  const auto tails = lines.line_of("tails", 2);
  header.coldest = lines.real(tails[0]);
  header.hottest = lines.real(tails[1]);
  header.cap = lines.real_of("cap");
  return header;
}

/// Rows of numbers after a line with a keyword and their numbers of rows and columns.
template <typename Read>
auto read_rows(Lines &lines, const std::string &keyword, std::size_t rows, std::size_t columns, Read read)
{
  const auto size = lines.line_of(keyword, 2);
  const auto matches = [&](const std::string &word, std::size_t n) {
    return static_cast<std::size_t>(lines.count(word)) == n;
  };
  if (!matches(size[0], rows) || !matches(size[1], columns))
    lines.complain(keyword + ": expected " + std::to_string(rows) + " rows of " + std::to_string(columns) +
                   " numbers");
  std::vector<decltype(read(std::string()))> values;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto &words = lines.next("a row of " + keyword);
    if (words.size() != columns)
      lines.complain(keyword + ": expected " + std::to_string(columns) + " numbers, found " +
                     std::to_string(words.size()));
    for (const auto &word : words) values.push_back(read(word));
  }
  return values;
}

void write_number(std::string &text, double value)
{
  char digits[40];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  if (error == std::errc()) text.append(digits, end);
}
void write_number(std::string &text, std::int64_t value) { text += std::to_string(value); }
void write_number(std::string &text, int value) { text += std::to_string(value); }

template <typename... Values>
void write_line(std::string &text, const std::string &keyword, const Values &...values)
{
  text += keyword;
  ((text += ' ', write_number(text, values)), ...);
  text += '\n';
}

template <typename T>
void write_rows(std::string &text, const std::string &keyword, const std::vector<T> &values, int columns)
{
  const auto n = static_cast<std::size_t>(columns);
  write_line(text, keyword, static_cast<std::int64_t>(values.size() / n), columns);
  for (std::size_t i = 0; i < values.size(); ++i) {
    write_number(text, values[i]);
    text += (i + 1) % n ? ' ' : '\n';
  }
}

}    // namespace

std::string EnsembleWeight::text() const
{
  std::string text = std::string(first_line) + "\nunits " + header.units + "\n";
  write_line(text, "temperature", header.temperature);
  write_line(text, "pressure", header.pressure);
  write_line(text, "atoms", header.n_atoms);
  write_line(text, "lattice " + name_of(header.lattice), header.repeats[0], header.repeats[1],
             header.repeats[2]);
  write_line(text, "enthalpy", header.enthalpy.lower, header.enthalpy.upper, header.enthalpy.n);
  write_line(text, "order", header.order.lower, header.order.upper, header.order.n);
  write_line(text, "tails", header.coldest, header.hottest);
  write_line(text, "cap", header.cap);
  write_line(text, "samples", samples);
  write_line(text, "deposits", deposits);
  write_line(text, "passages", passages);
  write_line(text, "side", side);
  write_rows(text, "coefficients", grid.coefficients(), grid.n_columns());
  write_rows(text, "visits", visits, grid.order().n);
  return text;
}

EnsembleWeight parse_weight(const std::string &text, const std::string &name)
{
  Lines lines(text, name);
  const WeightHeader header = read_header(lines);
  // believed before memory is taken for it: a number and a blank for each coefficient
  const double needed = (header.enthalpy.n + 3.0) * (header.order.n + 3.0) * 2.0;
  if (needed > static_cast<double>(text.size()))
    throw InputError(shown_line(name + ": too short for its intervals of enthalpy and order"));
  try {
    EnsembleWeight weight(header);
    weight.samples = lines.count_of("samples");
    weight.deposits = lines.count_of("deposits");
    weight.passages = lines.count_of("passages");
    weight.side = lines.number<int>(lines.line_of("side", 1)[0], "-1, 0 or 1");
    if (weight.side < -1 || weight.side > 1) lines.complain("side: expected -1, 0 or 1");
    auto &grid = weight.grid;
    grid.set_coefficients(read_rows(lines, "coefficients", static_cast<std::size_t>(grid.n_rows()),
                                    static_cast<std::size_t>(grid.n_columns()),
                                    [&](const std::string &word) { return lines.real(word); }));
    weight.visits = read_rows(lines, "visits", static_cast<std::size_t>(grid.enthalpy().n),
                              static_cast<std::size_t>(grid.order().n),
                              [&](const std::string &word) { return lines.count(word); });
    lines.end();
    weight.recount();
    return weight;
  } catch (const InputError &error) {
    const std::string what = error.what();
    if (what.rfind(name + ":", 0) == 0) throw;
    throw InputError(shown_line(name + ": " + what));
  }
}

}    // namespace mdsieve
