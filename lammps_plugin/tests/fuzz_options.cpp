// SPDX-License-Identifier: GPL-2.0-or-later
/// The words of the fix command, for two atom types.
#include "fuzz.h"

#include "input_error.h"
#include "select_options.h"

#include <cmath>
#include <sstream>

using namespace mdsieve;

std::vector<std::string> fuzz::corpus()
{
  return {
      "10 sf.nn Ni NULL threshold 0.5 scaling none",
      "100 sf.nn Al Ni threshold Al 0.2 Ni 0.3 scaling file scaling.data std keep novelty > 1 gap 50 max 500",
      "1 sf.nn Ni Ni threshold 1e-3 scaling pilot 20 minmax junk novelty > 20 stop novelty > 30 hard mode stream 8",
      "5 sf.nn Ni H threshold 2 bank ni.bank fields v f pe stress peratom yes precision mixed length_unit bohr "
      "lost warn 30 driver yes mode wait"};
}

std::vector<std::string> fuzz::words()
{
  return {" threshold ", " scaling ",     " keep novelty > 1 ",
          " stop ",      " mode stream ", " gap ",
          " max ",       " nan ",         " inf ",
          " 1e308 ",     " -1 ",          " NULL ",
          " Ni ",        " lost ",        " 1e19 "};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
try {
  std::istringstream text(std::string(reinterpret_cast<const char *>(data), size));
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word.substr(0, word.find('\0')));
  const SelectOptions options = parse_select_options(words, 2);
  fuzz::require(options.nevery > 0 && options.depth > 0, "counts are above 0");
  fuzz::require(std::isfinite(options.threshold) && options.threshold >= 0.0, "a threshold is finite");
  for (const auto &[element, threshold] : options.element_thresholds)
    fuzz::require(std::isfinite(threshold) && threshold > 0.0, "a threshold is finite and above 0:", element);
  fuzz::require(std::isfinite(options.lost_after) && options.lost_after > 0.0, "a time limit is finite");
  fuzz::require(parse_rule(options.rule.text(), known_scores()).text() == options.rule.text(),
                "a rule reads back");
  return 0;
} catch (const InputError &error) {
  fuzz::require_line(error.what());
  return -1;
}
