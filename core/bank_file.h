// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "environment_bank.h"

namespace mdsieve {

/// Everything that a bank's bytes say.
struct BankContent {
  BankHeader header;
  std::vector<int> elements;    ///< of the entries, in the order in which they were added
  std::vector<Origin> origins;
  std::vector<double> fingerprints;    ///< unscaled, one after the other
};

/// The `bank` file format, little-endian; docs/bank.md describes it.
std::string write_bank(const EnvironmentBank &bank);

/// \throws InputError "name: ..." if the bytes are not a whole, sound bank. Nothing is allocated on the word
/// of a length that the bytes present do not bear out.
BankContent read_bank(std::string_view bytes, const std::string &name);

}    // namespace mdsieve
