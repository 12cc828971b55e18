// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "network.h"
#include "network_settings.h"
#include "scaling.h"

#include <string>
#include <vector>

namespace mdsieve {

/// A file as it was read.
struct NamedText {
  std::string name, text;
};

/// Name of the file of an element's weights in an n2p2 folder, e.g. weights.028.data.
std::string weight_file_name(int atomic_number);

/// Read the weights of a network: one value a line, first all those that leave the first input; what else
/// stands in the line, n2p2's numbers of layers and neurons, must agree with the order.
/// \param n_inputs  of the network
/// \param normalise_nodes  sums are divided by the number of what is summed
/// \throws InputError "name:line: ..."
Network parse_weights(const NamedText &file, const NetworkShape &shape, int n_inputs, bool normalise_nodes);

/// A Behler-Parrinello potential as n2p2 stores it: for each element a network that makes an atom's energy of
/// its fingerprint.
class NetworkPotential {
 public:
  /// \param input    `input.nn`
  /// \param scaling  `scaling.data`
  /// \param weights  of each element of the descriptor; without a name: the element has no network
  /// \throws InputError "name:line: ..."
  NetworkPotential(const Descriptor &descriptor, const NamedText &input, const NamedText &scaling,
                   const std::vector<NamedText> &weights, EnergyUnit unit);

  bool has_network(int element) const { return networks_[static_cast<std::size_t>(element)].is_there; }
  /// Numbers of scratch memory that evaluate() needs.
  std::size_t scratch_size() const { return scratch_size_; }

  /// Energy of an atom [eV]. Allocates nothing.
  /// \param fingerprint  unscaled, as SymmetryFunctions gives it
  /// \param gradient     dE/dG [eV], the same size
  double evaluate(int element, const double *fingerprint, double *gradient, double *scratch) const;

  /// Whether some value is outside the range that `scaling.data` tells.
  bool is_outside(int element, const double *fingerprint) const;

 private:
  struct ElementNetwork {
    bool is_there = false;
    Network network;
    std::vector<int> rank;                ///< of each column among the network's inputs, n2p2's order
    std::vector<double> shift, factor;    ///< input = offset + (G - shift) factor
    std::vector<double> least, most;
    double energy = 0.0;    ///< of output 0 [eV]
  };

  std::vector<ElementNetwork> networks_;
  double input_offset_ = 0.0;
  double energy_of_output_ = 1.0;    ///< [eV]
  std::size_t scratch_size_ = 0;
};

}    // namespace mdsieve
