// SPDX-License-Identifier: GPL-2.0-or-later

#include "small_file.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace mdsieve {

std::string read_small_file(const std::string &name, const std::string &what, std::string &content)
{
  std::ifstream file(name, std::ios::binary);
  std::error_code ignored;    // what is not there is not read either
  if (std::filesystem::is_directory(name, ignored)) file.setstate(std::ios::failbit);
  if (file) {
    std::ostringstream whole;
    whole << file.rdbuf();
    content = whole.str();
  }
  return file ? std::string() : "cannot read " + what + " file " + name;
}

std::string replace_small_file(const std::string &name, const std::string &what, const std::string &content)
{
  const std::string temporary = name + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file || std::rename(temporary.c_str(), name.c_str()) != 0)
    return "cannot write " + what + " file " + name;
  return "";
}

}    // namespace mdsieve
