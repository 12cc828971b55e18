// SPDX-License-Identifier: GPL-2.0-or-later

#include "bpnnp_options.h"

#include "option_words.h"

namespace mdsieve {

BpnnpOptions parse_bpnnp_options(const std::vector<std::string> &given)
{
  BpnnpOptions options;
  Words words(given);
  while (!words.empty()) {
    const std::string keyword = words.take("", "a keyword");
    if (keyword == "length_unit")
      options.length_unit =
          words.choice<LengthUnit>(keyword, {{"angstrom", LengthUnit::angstrom}, {"bohr", LengthUnit::bohr}});
    else if (keyword == "energy_unit")
      options.energy_unit = words.choice<EnergyUnit>(
          keyword, {{"eV", EnergyUnit::electronvolt}, {"hartree", EnergyUnit::hartree}});
    else
      complain("unknown keyword \"" + keyword + "\": expected one of energy_unit length_unit");
  }
  return options;
}

}    // namespace mdsieve
