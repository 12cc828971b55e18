// SPDX-License-Identifier: GPL-2.0-or-later

#include "momt_options.h"

#include "option_words.h"

#include <functional>

namespace mdsieve {

namespace {

std::array<double, 2> rising_pair(Words &words, const std::string &keyword, const std::string &what)
{
  const double lower = words.number(keyword, what);
  const double upper = words.number(keyword, what);
  if (!(lower < upper)) complain(keyword + ": expected " + what + ", the lower one first");
  return {lower, upper};
}

BiasAxis axis(Words &words, const std::string &keyword)
{
  const double lower = words.number(keyword, "a lower bound, an upper bound and a number of intervals");
  const double upper = words.number(keyword, "an upper bound and a number of intervals");
  if (!(lower < upper))
    complain(keyword + ": the window is empty: expected a lower bound below the upper one");
  const std::string expected = "a number of intervals, an integer from 4 to 10000";
  const std::int64_t n = words.integer(keyword, expected, 4);
  if (n > 10000) complain(keyword + " " + std::to_string(n) + ": expected " + expected);
  return {lower, upper, static_cast<int>(n)};
}

int steps(Words &words, const std::string &keyword)
{
  const std::string expected = "a number of steps, an integer > 0";
  const std::int64_t n = words.integer(keyword, expected, 1);
  if (n > 2147483647) complain(keyword + " " + std::to_string(n) + ": expected " + expected);
  return static_cast<int>(n);
}

void read_learn(Words &words, MomtOptions &options)
{
  options.learning.reset();
  options.stretch = 0;
  bool from_histogram = false;
  if (words.optional_choice({{"no", false}, {"histogram", true}}, from_histogram)) {
    if (from_histogram) options.stretch = steps(words, "learn histogram");
    return;
  }
  LearningSchedule schedule;
  schedule.first = positive(words, "learn");
  schedule.kappa = positive(words, "learn");
  options.learning = schedule;
}

void read_bounds(Words &words, MomtOptions &options)
{
  options.bounds = rising_pair(words, "bounds", "two numbers, one below 1 and one above");
  if (!(options.bounds[0] < 1.0 && options.bounds[1] > 1.0))
    complain("bounds: expected one number below 1, the scale of unbiased forces, and one above");
}

void read_passages(Words &words, MomtOptions &options)
{
  using By = MomtOptions::PassageBy;
  options.passages_by = words.choice<By>("passages", {{"order", By::order}, {"enthalpy", By::enthalpy}});
  options.passages = rising_pair(words, "passages", "two numbers that part the phases");
}

using Reader = std::function<void(Words &, MomtOptions &)>;

const std::map<std::string, Reader> &keywords()
{
  static const std::map<std::string, bool> yes_no{{"yes", true}, {"no", false}};
  static const std::map<std::string, Reader> readers{
      {"weight",
       [](Words &w, MomtOptions &o) { o.weight_file = w.take("weight", "the name of a weight file"); }},
      {"enthalpy", [](Words &w, MomtOptions &o) { o.enthalpy = axis(w, "enthalpy"); }},
      {"order", [](Words &w, MomtOptions &o) { o.order = axis(w, "order"); }},
      {"tails",
       [](Words &w, MomtOptions &o) {
         const double coldest = positive(w, "tails"), hottest = positive(w, "tails");
         if (coldest > hottest) complain("tails: expected two temperatures > 0, the lower one first");
         o.tails = {{coldest, hottest}};
       }},
      {"cap", [](Words &w, MomtOptions &o) { o.cap = positive(w, "cap"); }},
      {"every", [](Words &w, MomtOptions &o) { o.every = steps(w, "every"); }},
      {"learn", read_learn},
      {"state",
       [](Words &w, MomtOptions &o) { o.state_file = w.take("state", "the name of a weight file"); }},
      {"walkers", [](Words &w, MomtOptions &o) { o.walkers = w.choice("walkers", yes_no); }},
      {"bounds", read_bounds},
      {"passages", read_passages},
  };
  return readers;
}

std::string keyword_list()
{
  std::string list;
  for (const auto &[name, reader] : keywords()) list += (list.empty() ? "" : " ") + name;
  return list;
}

void read_leading_words(Words &words, MomtOptions &options)
{
  const std::string form = "T0 P0, a lattice (fcc, bcc, sc) and its cells along each cell vector (m1 m2 m3)";
  options.temperature = words.number("T0", form);
  if (options.temperature <= 0.0) complain("T0: expected a temperature > 0");
  options.pressure = words.number("P0", "a pressure");
  options.lattice = lattice_of(words.take("lattice", "fcc, bcc or sc"));
  for (int &m : options.repeats) {
    const std::string expected = "three numbers of conventional cells, integers from 1 to 1000";
    const std::int64_t n = words.integer(name_of(options.lattice), expected, 1);
    if (n > 1000) complain(name_of(options.lattice) + ": expected " + expected);
    m = static_cast<int>(n);
  }
}

void check_combination(const MomtOptions &options)
{
  if (options.stretch % options.every != 0)
    complain("learn histogram " + std::to_string(options.stretch) + ": expected a multiple of the " +
             std::to_string(options.every) + " steps of `every`");
  if (options.weight_file.empty()) {
    if (!options.enthalpy || !options.tails)
      complain("no weight: add `weight FILE`, or a window to learn one in, `enthalpy lo hi n tails Tlo Thi`");
  } else if (options.enthalpy || options.order || options.tails || options.cap) {
    complain("enthalpy, order, tails and cap come from the file of `weight`: leave them out");
  }
}

}    // namespace

MomtOptions parse_momt_options(const std::vector<std::string> &given)
{
  MomtOptions options;
  Words words(given);
  read_leading_words(words, options);
  while (!words.empty()) {
    const std::string keyword = words.take("", "a keyword");
    const auto reader = keywords().find(keyword);
    if (reader == keywords().end())
      complain("unknown keyword \"" + keyword + "\": expected one of " + keyword_list());
    reader->second(words, options);
  }
  check_combination(options);
  return options;
}

WeightHeader weight_header(const MomtOptions &options, const std::string &units, std::int64_t n_atoms)
{
  constexpr int usual_intervals = 40;
  WeightHeader header;
  header.units = units;
  header.temperature = options.temperature;
  header.pressure = options.pressure;
  header.n_atoms = n_atoms;
  header.lattice = options.lattice;
  header.repeats = options.repeats;
  header.enthalpy = options.enthalpy.value_or(BiasAxis{});
  header.order = options.order.value_or(BiasAxis{-2.0, static_cast<double>(n_atoms) + 2.0, usual_intervals});
  if (options.tails) {
    header.coldest = (*options.tails)[0];
    header.hottest = (*options.tails)[1];
  }
  if (options.cap) header.cap = *options.cap;
  return header;
}

}    // namespace mdsieve
