// SPDX-License-Identifier: GPL-2.0-or-later
/// Neighbours anywhere, also where no atom can be: refused, or fingerprints that are finite and do not depend
/// on the order of the neighbours.
#include "fuzz.h"

#include "input_error.h"
#include "symmetry_functions.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mdsieve;

namespace {

constexpr std::size_t record = 3 * sizeof(double) + 1;

const char *const narrow =
    "elements Al Ni\ncutoff_type 1\nsymfunction_short Ni 2 Ni 0.5 0 4\n"
    "symfunction_short Ni 2 Al 4 2 6\nsymfunction_short Ni 3 Ni Al 0.05 -1 4 5\n"
    "symfunction_short Ni 3 Ni Ni 1e8 1 1 6\nsymfunction_short Ni 3 Al Al 0.3 1 3.5 6 1.0\n";
const char *const wide =
    "elements Al Ni\ncutoff_type 2 0.5\nsymfunction_short Ni 9 Ni Al 0.01 1 4 6\n"
    "symfunction_short Ni 9 Ni Ni 0.01 -1 16 6 0.5\nsymfunction_short Ni 12 0.1 1.0 8\n"
    "symfunction_short Ni 13 0.1 0.0 1 2 8.0\nsymfunction_short Ni 9 Al Al 0 1 10000 1000\n";
const char *const aev =
    "elements Al Ni\ncutoff_type 1\nsymfunction_short Ni aev_radial Ni 19.7 2.3 6.9\n"
    "symfunction_short Ni aev_radial Al 1e8 0 1000\nsymfunction_short Ni aev_angular Ni Ni 12.5 14.1 0.4 2.1 3.5\n"
    "symfunction_short Ni aev_angular Al Ni 0 0.5 3.1 2.1 1000\n";

const std::vector<SymmetryFunctions> &all_functions()
{
  static std::vector<SymmetryFunctions> functions;
  if (functions.empty())
    for (const char *text : {narrow, wide, aev})
      for (const auto precision : {Precision::double_, Precision::mixed})
        functions.emplace_back(parse_input_nn(text, "input.nn"), precision);
  return functions;
}

std::string cluster(int n, double size)
{
  std::string bytes;
  for (int i = 0; i < n; ++i) {
    const double position[3] = {size * std::sin(3.0 * i + 1.0), size * std::cos(7.0 * i),
                                size * std::sin(0.7 * i)};
    bytes.append(reinterpret_cast<const char *>(position), sizeof position);
    bytes += static_cast<char>(i % 2);
  }
  return bytes;
}

struct Environment {
  std::vector<double> x, y, z;
  std::vector<int> element;
  Neighbours neighbours() const { return {x.data(), y.data(), z.data(), element.data(), x.size()}; }
};

Environment environment_of(const std::uint8_t *data, std::size_t size)
{
  Environment environment;
  for (; size >= record; data += record, size -= record) {
    double position[3];
    std::memcpy(position, data, sizeof position);
    environment.x.push_back(position[0]);
    environment.y.push_back(position[1]);
    environment.z.push_back(position[2]);
    environment.element.push_back(static_cast<std::int8_t>(data[record - 1]));
  }
  return environment;
}

}    // namespace

std::vector<std::string> fuzz::corpus()
{ return {"", cluster(1, 2.0), cluster(13, 3.0), cluster(40, 5.9), cluster(3, 700.0)}; }

std::vector<std::string> fuzz::words()
{
  std::vector<std::string> words;
  for (const double value :
       {0.0, -0.0, 1.0, 1e-320, 1e-7, 1e-160, 6.0, std::nextafter(6.0, 0.0), 1e154, 1e308, 4.0})
    words.emplace_back(reinterpret_cast<const char *>(&value), sizeof value);
  return words;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  static SymmetryFunctions::Workspace workspace;
  const Environment environment = environment_of(data, size);
  Environment reversed = environment;
  std::reverse(reversed.x.begin(), reversed.x.end());
  std::reverse(reversed.y.begin(), reversed.y.end());
  std::reverse(reversed.z.begin(), reversed.z.end());
  std::reverse(reversed.element.begin(), reversed.element.end());
  int answer = 0;
  for (const SymmetryFunctions &functions : all_functions()) {
    std::vector<double> values(static_cast<std::size_t>(functions.n_features(1))), again(values.size());
    try {
      functions.compute(1, environment.neighbours(), values.data(), workspace);
      functions.compute(1, reversed.neighbours(), again.data(), workspace);
    } catch (const InputError &error) {
      fuzz::require_message(error.what());
      answer = -1;
      continue;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      fuzz::require(std::isfinite(values[i]), "a fingerprint is finite");
      fuzz::require(values[i] == again[i], "the order of neighbours does not matter");
    }
  }
  return answer;
}
