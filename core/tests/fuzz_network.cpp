// SPDX-License-Identifier: GPL-2.0-or-later
/// An n2p2 folder: up to a line of `---` input.nn, then the weights of its element.
#include "fuzz.h"

#include "input_error.h"
#include "network_potential.h"

#include <cmath>

using namespace mdsieve;

namespace {

const std::string functions = "elements Ni\ncutoff_type 1\nsymfunction_short Ni 2 Ni 1 0 6\n"
                              "symfunction_short Ni 2 Ni 2 0 6\n";

}    // namespace

std::vector<std::string> fuzz::corpus()
{
  return {
      "global_hidden_layers_short 1\nglobal_nodes_short 2\nglobal_activation_short t l\n---\n"
      "0.1 a 1 0 1 1 1\n.2 a 2 0 1 1 2\n-1 a 3 0 2 1 1\n2e-3 a 4 0 2 1 2\n1D0 b 5 1 1\n0 b 6 1 2\n"
      "1 a 7 1 1 2 1\n1 a 8 1 2 2 1\n0 b 9 2 1\n",
      "element_hidden_layers_short Ni 0\nelement_nodes_short Ni\nelement_activation_short Ni u\n"
      "scale_symmetry_functions_sigma\nscale_min_short -1\nnormalize_nodes\nmean_energy 1\nconv_energy 2\n"
      "conv_length 3\natom_energy Ni -4\nenergy_unit hartree\nnnp_type 2\n---\n# only values\n1\n2\n3\n"};
}

std::vector<std::string> fuzz::words()
{
  return {"scale_symmetry_functions\n",
          "center_symmetry_functions\n",
          "element_nodes_short Ni ",
          "---\n",
          "global_nodes_short ",
          "1e308 ",
          "-1e308 ",
          "1e-320 ",
          "4294967297 ",
          "100000 ",
          "p ",
          "nan "};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const std::string_view all(reinterpret_cast<const char *>(data), size);
  const std::size_t cut = std::min(all.find("---\n"), all.size());
  const std::string settings = functions + std::string(all.substr(0, cut));
  const std::string weights(all.substr(std::min(cut + 4, all.size())));
  try {
    const Descriptor descriptor = parse_input_nn(settings, "input.nn");
    const NetworkPotential potential(descriptor, {"input.nn", settings},
                                     {"scaling.data", "1 1 0 1 0.5 0.1\n1 2 -1 1 0 0\n"},
                                     {{"weights.028.data", weights}}, EnergyUnit::electronvolt);
    fuzz::require(potential.has_network(0), "what was read is there");
    const double fingerprint[2] = {0.3, 0.4};
    double gradient[2] = {0.0, 0.0};
    std::vector<double> scratch(potential.scratch_size());
    const double once = potential.evaluate(0, fingerprint, gradient, scratch.data());
    const double again = potential.evaluate(0, fingerprint, gradient, scratch.data());
    fuzz::require(once == again || (std::isnan(once) && std::isnan(again)), "scratch memory has no memory");
  } catch (const InputError &error) {
    fuzz::require_message(error.what());
    return -1;
  }
  return 0;
}
