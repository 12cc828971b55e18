// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace mdsieve {

/// Read a whole file.
/// \return what went wrong, or nothing
std::string read_small_file(const std::string &name, const std::string &what, std::string &content);

/// Write the whole file, or leave what was there.
/// \return what went wrong, or nothing
std::string replace_small_file(const std::string &name, const std::string &what, const std::string &content);

}    // namespace mdsieve
