// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "environment_bank.h"
#include "select_options.h"

#include <string>

namespace mdsieve {

/// Who greets.
struct GreetingOrigin {
  std::string lammps_version;
  std::string fix_id;
  std::string units;
  int world_ranks;
  int partition;
};

/// The JSON of a HELLO: all that a driver must know of a fix (docs/link.md).
/// \param header        what the fix wants its bank to be
/// \param scaling_text  content of the scaling file, or empty
std::string greeting(const SelectOptions &options, const BankHeader &header, const std::string &scaling_text,
                     const GreetingOrigin &origin);

}    // namespace mdsieve
