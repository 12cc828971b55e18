// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "input_nn.h"
#include "network.h"

#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

enum class EnergyUnit { electronvolt, hartree };

/// How the networks of an element are built.
struct NetworkShape {
  std::vector<int> hidden;                ///< neurons of each hidden layer
  std::vector<Activation> activations;    ///< of each hidden layer and of the output
};

/// Which of n2p2's scalings of the inputs.
enum class InputScaling {
  none,
  range,            ///< scale_symmetry_functions: lower + (upper - lower) (G - min) / (max - min)
  centre,           ///< center_symmetry_functions: G - mean
  centred_range,    ///< both: lower + (upper - lower) (G - mean) / (max - min)
  sigma             ///< scale_symmetry_functions_sigma: lower + (upper - lower) (G - mean) / sigma
};

/// What an `input.nn` file says about networks. Energies and lengths in the file's own units.
struct NetworkSettings {
  std::vector<NetworkShape> shapes;    ///< of each element of the descriptor
  bool normalise_nodes = false;
  InputScaling scaling = InputScaling::none;
  double scaling_lower = 0.0, scaling_upper = 1.0;
  double mean_energy = 0.0, conv_energy = 1.0;    ///< E = output / conv_energy + mean_energy
  std::vector<double> atom_energy;                ///< of each element, added to its atoms' energy
  EnergyUnit energy_unit = EnergyUnit::electronvolt;
};

/// Read what n2p2 needs for a network of the short range.
/// \param descriptor  what parse_input_nn made of the same text
/// \param unit        unit of energies; an `energy_unit` line in the file (extension) overrides it
/// \throws InputError "name:line: ..."
NetworkSettings parse_network_settings(std::string_view text, const std::string &name,
                                       const Descriptor &descriptor,
                                       EnergyUnit unit = EnergyUnit::electronvolt);

}    // namespace mdsieve
