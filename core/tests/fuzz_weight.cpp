// SPDX-License-Identifier: GPL-2.0-or-later
/// The weight of a multiorder-multithermal ensemble.
#include "fuzz.h"

#include "ensemble_weight.h"
#include "input_error.h"

#include <cmath>

using namespace mdsieve;

std::vector<std::string> fuzz::corpus()
{
  EnsembleWeight weight({"metal",
                         2000.0,
                         1.0,
                         4,
                         Lattice::fcc,
                         {1, 1, 1},
                         {-4.7, -4.0, 4},
                         {-1.0, 5.0, 4},
                         1400.0,
                         3000.0,
                         12.0});
  weight.visit(-4.5 * 4, 1.0);
  weight.grid.deposit(-4.5 * 4, 1.0, 0.1);
  return {weight.text()};
}

std::vector<std::string> fuzz::words()
{
  return {" nan ", " inf ",   " 1e308 ", " -1 ", " 10000 ",  " 4294967297 ", "\n",
          " bcc ", " tails ", " order ", "#",    " 1e-320 ", "coefficients"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
try {
  const EnsembleWeight weight = parse_weight({reinterpret_cast<const char *>(data), size}, "w.txt");
  fuzz::require(parse_weight(weight.text(), "w.txt").text() == weight.text(), "a weight reads back");
  for (const double c : weight.grid.coefficients())
    fuzz::require(std::isfinite(c) || std::isinf(c), "no coefficient is undefined");
  return 0;
} catch (const InputError &error) {
  fuzz::require_line(error.what());
  return -1;
}
