// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "input_nn.h"
#include "network_settings.h"

#include <string>
#include <vector>

namespace mdsieve {

/// The words of `pair_style bpnnp ...`: what the folders are in unless they say so themselves.
struct BpnnpOptions {
  LengthUnit length_unit = LengthUnit::angstrom;
  EnergyUnit energy_unit = EnergyUnit::electronvolt;
};

/// \throws InputError with one line that names the word and says what was expected
BpnnpOptions parse_bpnnp_options(const std::vector<std::string> &given);

}    // namespace mdsieve
