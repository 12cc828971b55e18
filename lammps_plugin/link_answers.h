// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "link_message.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mdsieve {

/// A message of the driver, ready to be read.
/// \throws LinkError with the driver's own words if it is FATAL, or if it is no message
MessageReader open_answer(std::vector<std::int64_t> message);

/// The driver's answer to HELLO.
struct Welcome {
  std::int64_t run = 0;     ///< number in the store
  std::int64_t kept = 0;    ///< frames in the campaign
  std::int64_t last_kept_step = -1;
  std::string bank;                   ///< empty: none yet
  bool needs_fingerprints = false;    ///< of all atoms, with every frame
  bool needs_atoms = false;           ///< with every frame
  std::string rule;                   ///< what decides: the fix's rule and the driver's
  std::string histogram;              ///< what histograms are to be; empty: none, or no bank yet

  /// \throws LinkError if it is not a WELCOME of this protocol version
  static Welcome unpack(std::vector<std::int64_t> message);
};

/// \throws LinkError unless DRIVER_HERE announces this protocol version
void require_same_protocol(std::vector<std::int64_t> announcement);

}    // namespace mdsieve
