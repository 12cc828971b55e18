// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <stdexcept>
#include <string>

namespace mdsieve {

/// Something the user wrote or handed over is wrong. what() is one line that names the file, line or
/// word and says what was expected.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}    // namespace mdsieve
