// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "input_nn.h"
#include "kernels.h"

#include <memory>
#include <vector>

namespace mdsieve {

/// A DerivativePlan and what it points to. Never copied or moved: it lives behind a pointer. Slots are the
/// descriptor's elements.
struct OwnedDerivativePlan {
  DerivativePlan plan{};
  std::vector<int> slot_of_element;
  double r2_cutoff = 0.0;    ///< largest r_c^2
  std::vector<CutoffTerm<double>> cutoffs;
  std::vector<DerivativeFactor> factors;
  std::vector<DerivativeRadial> radials;
  struct GroupData {
    DerivativeGroup group{};
    std::vector<DerivativeExponent> exponents;
    std::vector<DerivativePower> powers;
    std::vector<DerivativeFunction> functions;
  };
  std::vector<std::unique_ptr<GroupData>> group_data;
  std::vector<DerivativeGroup> groups;
};

/// Compile the derivatives of the functions of one central element.
/// \throws InputError on a type of function that is not known
std::unique_ptr<OwnedDerivativePlan> compile_derivative_plan(const Descriptor &descriptor, int element);

}    // namespace mdsieve
