// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "input_nn.h"
#include "kernels.h"

#include <memory>
#include <vector>

namespace mdsieve {

/// An ElementPlan and what it points to. Never copied or moved: it lives behind a pointer.
template <class Real> struct OwnedPlan {
  ElementPlan<Real> plan{};
  std::vector<int> slot_of_element;    ///< -1: no function of this element looks at it
  double r2_cutoff = 0.0;              ///< largest r_c^2
  std::vector<CutoffTerm<Real>> cutoffs;
  std::vector<RadialGroup> radial_groups;
  std::vector<RadialTask<Real>> radial_tasks;
  std::vector<PairGroup<Real>> pair_groups;
  struct GroupData {
    std::vector<PairExponent<Real>> exponents;
    std::vector<RegisterBase<Real>> register_bases;
    std::vector<std::vector<int>> register_totals;    ///< -1: trash, until the plan is finished
    std::vector<int> totals;
    std::vector<AngularBase<Real>> bases;
    std::vector<PowerStep<Real>> steps;
    std::vector<PairUse> uses;
  };
  std::vector<std::unique_ptr<GroupData>> group_data;
  std::vector<WideGroup<Real>> wide_groups;
  std::vector<MomentTask> moment_tasks;
  std::vector<MomentUse> moment_uses;
  std::vector<double> moment_weights;
  std::vector<Output> outputs;
};

/// Kind of the pairs of an angular function.
PairKind pair_kind(const SymmetryFunction &function);

/// The descriptor's cutoff function for a cutoff radius.
template <class Real> CutoffTerm<Real> cutoff_term(const Descriptor &descriptor, double r_cutoff);

/// ANI's factor of the radial terms.
constexpr double aev_radial_weight = 0.25;

/// Compile the functions of one central element: every sum, Gaussian and power is computed once, whoever uses
/// it.
/// \throws InputError on a type of function that is not known
template <class Real>
std::unique_ptr<OwnedPlan<Real>> compile_plan(const Descriptor &descriptor, int element);

}    // namespace mdsieve
