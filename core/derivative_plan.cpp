// SPDX-License-Identifier: GPL-2.0-or-later
#include "derivative_plan.h"

#include "evaluation_plan.h"
#include "input_error.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace mdsieve {

namespace {

/// Position of the first item that a test accepts; a new item is appended if there is none.
template <class T, class Test> int find_or_add(std::vector<T> &list, const T &item, const Test &same)
{
  const auto at = std::find_if(list.begin(), list.end(), same);
  if (at != list.end()) return int(at - list.begin());
  list.push_back(item);
  return int(list.size()) - 1;
}

class DerivativePlanBuilder {
 public:
  DerivativePlanBuilder(const Descriptor &descriptor, int element, OwnedDerivativePlan &owned)
      : descriptor_(descriptor), owned_(owned)
  {
    const std::vector<int> columns = descriptor.columns(element);
    for (int e = 0; e < n_slots(); e++) owned_.slot_of_element.push_back(e);
    for (std::size_t column = 0; column < columns.size(); column++)
      add_function(descriptor.functions[std::size_t(columns[column])], int(column));
    finish(int(columns.size()));
  }

 private:
  int n_slots() const { return int(descriptor_.elements.size()); }
  double charge(int slot) const { return double(descriptor_.atomic_numbers[std::size_t(slot)]); }

  int cutoff_index(double r_cutoff)
  {
    owned_.r2_cutoff = std::max(owned_.r2_cutoff, r_cutoff * r_cutoff);
    const auto term = cutoff_term<double>(descriptor_, r_cutoff);
    return find_or_add(owned_.cutoffs, term,
                       [&](const CutoffTerm<double> &t) { return t.r2_cutoff == term.r2_cutoff; });
  }

  int factor_index(int slot, int cutoff, double eta, double shift)
  {
    return find_or_add(owned_.factors, {slot, cutoff, eta, shift}, [&](const DerivativeFactor &f) {
      return f.slot == slot && f.cutoff == cutoff && f.eta == eta && f.shift == shift;
    });
  }

  void add_function(const SymmetryFunction &f, int column)
  {
    const int cutoff = cutoff_index(f.r_cutoff);
    switch (f.type) {
    case 2: add_radial(f, f.first, cutoff, 1.0, column); break;
    case 12:
      for (int s = 0; s < n_slots(); s++) add_radial(f, s, cutoff, charge(s), column);
      break;
    case aev_radial_type: add_radial(f, f.first, cutoff, aev_radial_weight, column); break;
    case 3:
    case 9:
    case aev_angular_type: add_angular(f, f.first, f.second, cutoff, 1.0, column); break;
    case 13:
      for (int s = 0; s < n_slots(); s++)
        for (int t = s; t < n_slots(); t++) add_angular(f, s, t, cutoff, charge(s) * charge(t), column);
      break;
    default:
      throw InputError("symmetry function type " + std::to_string(f.type) + ", known: 2 3 9 12 13 102 103");
    }
  }

  void add_radial(const SymmetryFunction &f, int slot, int cutoff, double weight, int column)
  { owned_.radials.push_back({factor_index(slot, cutoff, f.eta, f.r_shift), weight, column}); }

  void add_angular(const SymmetryFunction &f, int first, int second, int cutoff, double weight, int column)
  {
    const PairKind kind = pair_kind(f);
    auto &data = group(first, second, cutoff, kind);
    const bool of_mean = kind == PairKind::mean_distance;    // the neighbours have the cutoff function alone
    const double eta = of_mean ? 0.0 : f.eta, shift = of_mean ? 0.0 : f.r_shift;
    const DerivativeExponent exponent{f.eta, f.r_shift, factor_index(first, cutoff, eta, shift),
                                      factor_index(second, cutoff, eta, shift)};
    const int e = find_or_add(data.exponents, exponent, [&](const DerivativeExponent &other) {
      return other.eta == f.eta && other.shift == f.r_shift;
    });
    const double lambda = of_mean ? 1.0 : f.lambda, scale = of_mean ? aev_cosine_scale : 1.0;
    const bool is_integer = f.zeta == std::floor(f.zeta);
    const DerivativePower power{f.zeta, is_integer ? int(f.zeta) : 0,
                                0.5 * lambda * scale * std::cos(f.theta_shift),
                                0.5 * lambda * std::sin(f.theta_shift)};
    const int p = find_or_add(data.powers, power, [&](const DerivativePower &other) {
      return other.zeta == power.zeta && other.cosine == power.cosine && other.sine == power.sine;
    });
    data.functions.push_back({e, p, weight, column});
  }

  OwnedDerivativePlan::GroupData &group(int first, int second, int cutoff, PairKind kind)
  {
    for (const auto &data : owned_.group_data) {
      const DerivativeGroup &g = data->group;
      if (g.slot_first == first && g.slot_second == second && g.cutoff == cutoff && g.kind == kind)
        return *data;
    }
    owned_.group_data.push_back(std::make_unique<OwnedDerivativePlan::GroupData>());
    DerivativeGroup &g = owned_.group_data.back()->group;
    g.slot_first = first;
    g.slot_second = second;
    g.cutoff = cutoff;
    g.kind = kind;
    return *owned_.group_data.back();
  }

  /// By exponent, and tell each exponent which are its.
  static void sort_functions(OwnedDerivativePlan::GroupData &data)
  {
    auto &functions = data.functions;
    std::stable_sort(functions.begin(), functions.end(),
                     [](const auto &a, const auto &b) { return a.exponent < b.exponent; });
    int at = 0;
    for (int e = 0; e < int(data.exponents.size()); e++) {
      auto &exponent = data.exponents[std::size_t(e)];
      exponent.function_begin = at;
      while (at < int(functions.size()) && functions[std::size_t(at)].exponent == e) at++;
      exponent.function_end = at;
    }
  }

  void finish(int n_features)
  {
    DerivativePlan &plan = owned_.plan;
    for (const auto &data : owned_.group_data) {
      sort_functions(*data);
      DerivativeGroup &g = data->group;
      g.n_exponents = int(data->exponents.size());
      g.n_powers = int(data->powers.size());
      g.n_functions = int(data->functions.size());
      g.exponents = data->exponents.data();
      g.powers = data->powers.data();
      g.functions = data->functions.data();
      plan.most_exponents = std::max(plan.most_exponents, g.n_exponents);
      plan.most_powers = std::max(plan.most_powers, g.n_powers);
      owned_.groups.push_back(g);
    }
    plan.n_features = n_features;
    plan.n_slots = n_slots();
    plan.n_cutoffs = int(owned_.cutoffs.size());
    plan.n_factors = int(owned_.factors.size());
    plan.n_radials = int(owned_.radials.size());
    plan.n_groups = int(owned_.groups.size());
    plan.cutoffs = owned_.cutoffs.data();
    plan.factors = owned_.factors.data();
    plan.radials = owned_.radials.data();
    plan.groups = owned_.groups.data();
  }

  const Descriptor &descriptor_;
  OwnedDerivativePlan &owned_;
};

}    // namespace

std::unique_ptr<OwnedDerivativePlan> compile_derivative_plan(const Descriptor &descriptor, int element)
{
  auto owned = std::make_unique<OwnedDerivativePlan>();
  DerivativePlanBuilder(descriptor, element, *owned);
  return owned;
}

}    // namespace mdsieve
