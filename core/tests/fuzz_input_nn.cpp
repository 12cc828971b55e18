// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include "input_error.h"
#include "input_nn.h"

#include <algorithm>

using namespace mdsieve;

std::vector<std::string> fuzz::corpus()
{
  return {
      "number_of_elements 1\nelements Ni\ncutoff_type 1\nsymfunction_short Ni 2 Ni 0.5 0.0 6.0\n",
      "elements Al Ni # two\ncutoff_type 2 0.5\nlength_unit bohr\nscale_symmetry_functions\n"
      "symfunction_short Ni 3 Al Ni 0.01 -1.0 4.0 12.0\nsymfunction_short Al 9 Ni Ni 0.01 1 4 12 0.5 theta_s 0.3\n"
      "symfunction Al 12 0.1 1.0 8\nsymfunction_short Ni 13 0.1 0.0 1 2 8.0\n",
      "elements Ni\ncutoff_type 1\nsymfunction_short Ni aev_radial Ni 19.7 1.06875 6.9\n"
      "symfunction_short Ni aev_angular Ni Ni 12.5 14.1 0.39269908169872414 0.8 3.5\n",
      "elements H O\ncutoff_type 6\neta_unit inverse_cutoff_squared\nsymfunction_short H 2 O 4 0 5\n"};
}

std::vector<std::string> fuzz::words()
{
  return {"elements ",
          "number_of_elements ",
          "cutoff_type ",
          "symfunction_short Ni ",
          "length_unit bohr\n",
          " theta_s ",
          " aev_radial ",
          " aev_angular ",
          "eta_unit ",
          "Ni ",
          " 13 ",
          "1e308 ",
          "-1 ",
          "nan ",
          "1e-320 ",
          "\n",
          "#",
          "99999999999999999999 "};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
try {
  const Descriptor descriptor = parse_input_nn({reinterpret_cast<const char *>(data), size}, "input.nn");
  fuzz::require(descriptor.hash().size() == 32, "a hash has 32 digits");
  std::size_t n = 0;
  for (std::size_t e = 0; e < descriptor.elements.size(); ++e) {
    const auto columns = descriptor.columns(static_cast<int>(e));
    auto order = descriptor.n2p2_order(static_cast<int>(e));
    n += columns.size();
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < order.size(); ++i)
      fuzz::require(order[i] == static_cast<int>(i), "n2p2's order is a permutation");
  }
  fuzz::require(n == descriptor.functions.size(), "every function is a column of one element");
  return 0;
} catch (const InputError &error) {
  fuzz::require_message(error.what());
  return -1;
}
