// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include "input_error.h"
#include "scaling.h"

#include <cmath>

using namespace mdsieve;

std::vector<std::string> fuzz::corpus()
{
  return {"# comment\n1 1 0.0 1.0 0.5 0.1\n1 2 0.1 0.2 0.15 0.01\n2 1 -1 1D0 0 3e-1\n",
          "1 1 0 0 0 0\n1 2 5 5 5 0\n2 1 0 1 .5 .1\n-1.5 2.5\n"};
}

std::vector<std::string> fuzz::words()
{
  return {"1 ",   "2 1 ", "\n",    "1e308 ", "-1e308 ",     "1e-320 ",
          "nan ", "inf ", "0x10 ", "1e999 ", "4294967297 ", "#"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  static const Descriptor descriptor = parse_input_nn(
      "elements Al Ni\ncutoff_type 1\nsymfunction_short Al 2 Al 1 0 6\nsymfunction_short Al 2 Ni 2 0 6\n"
      "symfunction_short Ni 2 Ni 1 0 6\n",
      "input.nn");
  int answer = 0;
  for (const auto kind : {ScalingKind::none, ScalingKind::minmax, ScalingKind::std}) {
    try {
      const Scaling scaling =
          parse_scaling_data({reinterpret_cast<const char *>(data), size}, "scaling.data", descriptor, kind);
      for (std::size_t e = 0; e < 2; ++e) {
        fuzz::require(scaling.shift[e].size() == 2 - e && scaling.factor[e].size() == 2 - e,
                      "a scaling is whole");
        for (const double shift : scaling.shift[e]) fuzz::require(std::isfinite(shift), "a shift is finite");
        for (const double factor : scaling.factor[e])
          fuzz::require(std::isfinite(factor) && factor > 0.0, "a factor is finite and above 0");
      }
    } catch (const InputError &error) {
      fuzz::require_message(error.what());
      answer = -1;
    }
  }
  return answer;
}
