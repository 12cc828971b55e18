// SPDX-License-Identifier: GPL-2.0-or-later
/// The words of the command `fix momt`.
#include "fuzz.h"

#include "input_error.h"
#include "momt_options.h"

#include <cmath>
#include <sstream>

using namespace mdsieve;

std::vector<std::string> fuzz::corpus()
{
  return {"2000 1 fcc 2 2 2 enthalpy -4.4 -3.9 40 tails 1400 3000 learn 0.1 1 every 20 state s.txt",
          "2000 -1.5 bcc 3 3 3 weight w.txt walkers yes bounds -2 5 passages order 4 22",
          "300 0 sc 1 2 3 enthalpy 0 1 4 order -2 8 5 tails 1 2 cap 3 learn no passages enthalpy -1 1"};
}

std::vector<std::string> fuzz::words()
{
  return {" nan ",   " inf ", " 1e308 ", " -1 ",    " 1e19 ",     " fcc ",    " weight ", " enthalpy ",
          " tails ", " cap ", " learn ", " every ", " passages ", " bounds ", " walkers "};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
try {
  std::istringstream text(std::string(reinterpret_cast<const char *>(data), size));
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word.substr(0, word.find('\0')));
  const MomtOptions options = parse_momt_options(words);
  fuzz::require(options.temperature > 0.0 && std::isfinite(options.pressure), "an ensemble is one");
  fuzz::require(options.every > 0 && options.bounds[0] < 1.0 && options.bounds[1] > 1.0,
                "numbers make sense");
  fuzz::require(!options.weight_file.empty() || options.enthalpy, "there is a weight");
  if (options.learning)
    fuzz::require(options.learning->first > 0.0 && options.learning->kappa > 0.0, "hills are above 0");
  return 0;
} catch (const InputError &error) {
  fuzz::require_line(error.what());
  return -1;
}
