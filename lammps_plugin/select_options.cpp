// SPDX-License-Identifier: GPL-2.0-or-later

#include "select_options.h"

#include "option_words.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace mdsieve {

namespace {

void read_threshold(Words &words, SelectOptions &options)
{
  if (words.empty()) complain("threshold: expected a number > 0, or pairs of an element and a number");
  if (!std::isnan(Words::as_number(words.peek()))) {
    options.threshold = positive(words, "threshold");
    return;
  }
  const auto &elements = options.type_elements;
  const auto is_element = [&](const std::string &word) {
    return std::find(elements.begin(), elements.end(), word) != elements.end() || atomic_number(word) > 0;
  };
  if (!is_element(words.peek()))
    complain("threshold " + words.peek() + ": expected a number > 0, or pairs of an element and a number");
  while (!words.empty() && is_element(words.peek())) {
    const std::string element = words.take("threshold", "an element");
    if (std::find(elements.begin(), elements.end(), element) == elements.end())
      complain("threshold " + element + ": no atom type of this fix is " + element);
    options.element_thresholds.emplace_back(element, positive(words, "threshold " + element));
  }
}

void read_scaling(Words &words, SelectOptions &options)
{
  const std::map<std::string, SelectOptions::ScalingSource> sources{
      {"none", SelectOptions::ScalingSource::none},
      {"file", SelectOptions::ScalingSource::file},
      {"pilot", SelectOptions::ScalingSource::pilot}};
  options.scaling_source = words.choice("scaling", sources);
  if (options.scaling_source == SelectOptions::ScalingSource::none) {
    options.scaling_kind = ScalingKind::none;
    return;
  }
  if (options.scaling_source == SelectOptions::ScalingSource::file)
    options.scaling_file = words.take("scaling file", "the name of a scaling.data file");
  else
    options.pilot = words.integer("scaling pilot", "the number of evaluations, an integer > 0", 1);
  words.optional_choice<ScalingKind>({{"minmax", ScalingKind::minmax}, {"std", ScalingKind::std}},
                                     options.scaling_kind);
}

Condition read_condition(Words &words, const std::string &keyword)
{
  const std::string score = words.take(keyword, "a score, an operator and a number");
  const std::string op = words.take(keyword + " " + score, "one of > >= < <= == !=");
  const std::string value = words.take(keyword + " " + score + " " + op, "a number");
  try {
    return parse_condition(score, op, value, known_scores());
  } catch (const InputError &error) {
    complain(keyword + ": " + error.what());
  }
}

void read_stop(Words &words, SelectOptions &options)
{
  options.rule.stop.push_back(read_condition(words, "stop"));
  options.rule.stop_mode = words.choice<StopMode>(
      "stop " + options.rule.stop.back().text(),
      {{"soft", StopMode::soft}, {"hard", StopMode::hard}, {"continue", StopMode::continue_}});
}

void read_mode(Words &words, SelectOptions &options)
{
  options.mode = words.choice<SelectOptions::Mode>(
      "mode", {{"wait", SelectOptions::Mode::wait}, {"stream", SelectOptions::Mode::stream}});
  if (options.mode == SelectOptions::Mode::stream)
    options.depth = static_cast<int>(std::min<std::int64_t>(
        words.integer("mode stream", "the number of evaluations that MD may run ahead, an integer > 0", 1),
        1000000));
}

void read_fields(Words &words, SelectOptions &options)
{
  auto &fields = options.fields;
  const std::map<std::string, bool *> names{
      {"v", &fields.velocities}, {"f", &fields.forces}, {"pe", &fields.energy}, {"stress", &fields.stress}};
  *words.choice("fields", names) = true;
  bool *next = nullptr;
  while (words.optional_choice(names, next)) *next = true;
}

void read_lost(Words &words, SelectOptions &options)
{
  options.on_lost = words.choice<SelectOptions::OnLost>("lost", {{"error", SelectOptions::OnLost::error},
                                                                 {"warn", SelectOptions::OnLost::warn},
                                                                 {"ignore", SelectOptions::OnLost::ignore}});
  options.lost_after = positive(words, "lost");
}

void read_difference(Words &words, SelectOptions &options)
{
  auto &difference = options.difference;
  const std::map<std::string, int> modes{{"no", -1}, {"presence", 0}, {"count", 1}, {"fraction", 2}};
  const int mode = words.choice("difference", modes);
  difference.wanted = mode >= 0;
  if (!difference.wanted) return;
  difference.mode_given = true;
  difference.mode = static_cast<DifferenceMode>(mode);
  if (difference.mode != DifferenceMode::fraction) return;
  difference.step = words.number("difference fraction", "a number from 0 to below 1");
  if (!(difference.step >= 0.0 && difference.step < 1.0))
    complain("difference fraction: expected a number from 0 to below 1, found " +
             std::to_string(difference.step));
}

void read_bins(Words &words, SelectOptions &options)
{
  const std::string expected = "a number of bins, an integer from 1 to 10000";
  const std::int64_t n = words.integer("bins", expected, 1);
  if (n > 10000) complain("bins " + std::to_string(n) + ": expected " + expected);
  options.difference.n_bins = static_cast<int>(n);
  options.difference.bins_given = true;
}

/// A score that is never computed could make no condition hold.
void require_difference(const SelectOptions &options)
{
  const auto scores = options.rule.scores();
  if (!options.difference.wanted && std::find(scores.begin(), scores.end(), "frame") != scores.end())
    complain("score frame: `difference no` turns it off");
}

using Reader = std::function<void(Words &, SelectOptions &)>;

const std::map<std::string, Reader> &keywords()
{
  static const std::map<std::string, bool> yes_no{{"yes", true}, {"no", false}};
  static const std::map<std::string, Reader> readers{
      {"threshold", read_threshold},
      {"scaling", read_scaling},
      {"keep", [](Words &w, SelectOptions &o) { o.rule.keep.push_back(read_condition(w, "keep")); }},
      {"junk", [](Words &w, SelectOptions &o) { o.rule.junk.push_back(read_condition(w, "junk")); }},
      {"stop", read_stop},
      {"gap",
       [](Words &w, SelectOptions &o) {
         o.rule.gap = w.integer("gap", "a number of steps, an integer >= 0", 0);
       }},
      {"max",
       [](Words &w, SelectOptions &o) {
         o.rule.max = w.integer("max", "a number of frames, an integer > 0", 1);
       }},
      {"mode", read_mode},
      {"driver",
       [](Words &w, SelectOptions &o) {
         o.use_driver =
             w.choice<SelectOptions::UseDriver>("driver", {{"yes", SelectOptions::UseDriver::yes},
                                                           {"no", SelectOptions::UseDriver::no},
                                                           {"auto", SelectOptions::UseDriver::automatic}});
       }},
      {"bank", [](Words &w, SelectOptions &o) { o.bank_file = w.take("bank", "the name of a bank file"); }},
      {"difference", read_difference},
      {"bins", read_bins},
      {"frames",
       [](Words &w, SelectOptions &o) {
         o.frames_file = w.take("frames", "the name of a file of seen frames");
       }},
      {"fields", read_fields},
      {"peratom", [](Words &w, SelectOptions &o) { o.peratom = w.choice("peratom", yes_no); }},
      {"precision",
       [](Words &w, SelectOptions &o) {
         o.precision =
             w.choice<Precision>("precision", {{"double", Precision::double_}, {"mixed", Precision::mixed}});
       }},
      {"length_unit",
       [](Words &w, SelectOptions &o) {
         o.length_unit = w.choice<LengthUnit>(
             "length_unit", {{"angstrom", LengthUnit::angstrom}, {"bohr", LengthUnit::bohr}});
       }},
      {"lost", read_lost},
  };
  return readers;
}

std::string keyword_list()
{
  std::string list;
  for (const auto &[name, reader] : keywords()) list += (list.empty() ? "" : " ") + name;
  return list;
}

void read_leading_words(const std::vector<std::string> &words, int ntypes, SelectOptions &options)
{
  const std::string form = "N sf.nn and one element (or NULL) for each atom type, then keywords";
  if (words.size() < 2) complain("expected " + form);
  const double nevery = Words::as_number(words[0]);
  if (!(nevery >= 1.0 && nevery <= 2147483647.0) || nevery != std::floor(nevery))
    complain("N = " + words[0] + ": expected an integer > 0, the steps between two evaluations");
  options.nevery = static_cast<int>(nevery);
  options.descriptor_file = words[1];

  std::size_t n = 2;
  while (n < words.size() && (words[n] == "NULL" || atomic_number(words[n]) > 0)) n++;
  options.type_elements.assign(words.begin() + 2, words.begin() + static_cast<std::ptrdiff_t>(n));
  if (static_cast<int>(options.type_elements.size()) != ntypes) {
    if (n < words.size() && keywords().count(words[n]) == 0)
      complain("\"" + words[n] + "\": expected an element, NULL, or one of the keywords " + keyword_list());
    complain("found " + std::to_string(options.type_elements.size()) + " elements after " +
             options.descriptor_file + ", expected " + std::to_string(ntypes) +
             ", one (or NULL) for each atom type");
  }
}

void check_combination(const SelectOptions &options)
{
  if (options.threshold == 0.0 && options.element_thresholds.empty())
    complain("threshold missing: expected `threshold d` or `threshold E1 d1 E2 d2 ...`");
  for (const auto &element : options.type_elements) {
    if (element == "NULL" || options.threshold > 0.0) continue;
    const auto &given = options.element_thresholds;
    if (std::none_of(given.begin(), given.end(), [&](const auto &pair) { return pair.first == element; }))
      complain("threshold missing for element " + element);
  }
  require_difference(options);
  if (options.mode == SelectOptions::Mode::stream && options.use_driver == SelectOptions::UseDriver::no)
    complain("mode stream needs a driver: leave out `driver no`, or use `mode wait`");
}

}    // namespace

SelectOptions parse_select_options(const std::vector<std::string> &words, int ntypes)
{
  SelectOptions options;
  read_leading_words(words, ntypes, options);
  const std::vector<std::string> rest(words.begin() + 2 + ntypes, words.end());
  Words remaining(rest);
  while (!remaining.empty()) {
    const std::string keyword = remaining.take("", "a keyword");
    const auto reader = keywords().find(keyword);
    if (reader == keywords().end())
      complain("unknown keyword \"" + keyword + "\": expected one of " + keyword_list());
    reader->second(remaining, options);
  }
  check_combination(options);
  return options;
}

}    // namespace mdsieve
