// SPDX-License-Identifier: GPL-2.0-or-later
#include "evaluation_plan.h"

#include "input_error.h"
#include "pair_fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>

namespace mdsieve {

namespace {

constexpr double log2_of_e = 1.44269504088896340736;

/// Position of a value in a list, appended if it is not there yet.
template <class T> int index_of(std::vector<T> &list, const T &value)
{
  const auto at = std::find(list.begin(), list.end(), value);
  if (at != list.end()) return int(at - list.begin());
  list.push_back(value);
  return int(list.size()) - 1;
}

/// Multinomial coefficients of the components of the moment tensors, in the order of the kernels.
std::vector<double> multinomial_coefficients()
{
  struct Powers {
    int x, y, z;
  };
  const auto factorial = [](int n) { return std::tgamma(double(n) + 1.0); };
  std::vector<Powers> rank_below = {{0, 0, 0}};
  std::vector<double> weights = {1.0};
  for (int rank = 1; rank <= max_moment_rank; rank++) {
    std::vector<Powers> here;
    for (auto p : rank_below) here.push_back({p.x + 1, p.y, p.z});
    for (auto p : rank_below)
      if (p.x == 0) here.push_back({0, p.y + 1, p.z});
    here.push_back({0, 0, rank});
    for (auto p : here)
      weights.push_back(std::round(factorial(rank) / (factorial(p.x) * factorial(p.y) * factorial(p.z))));
    rank_below = here;
  }
  return weights;
}

/// Compiles the functions of one central element: every sum, Gaussian and power is computed once, whoever
/// uses it.
template <class Real> class PlanBuilder {
 public:
  PlanBuilder(const Descriptor &descriptor, int element, OwnedPlan<Real> &owned)
      : descriptor_(descriptor), owned_(owned)
  {
    const std::vector<int> columns = descriptor.columns(element);
    assign_slots(columns);
    for (std::size_t column = 0; column < columns.size(); column++)
      add_function(descriptor.functions[std::size_t(columns[column])], int(column));
    compile_radial();
    compile_pairs();
    compile_wide();
    finish(int(columns.size()));
  }

 private:
  /// Radial factor: cutoff index, eta, r_s; and the slot it is evaluated for.
  using Radial = std::tuple<int, double, double>;
  struct RadialUse {
    int total = -1, store = -1;
  };
  /// Angular functions that share slots, cutoff and kind are swept together.
  using GroupKey = std::tuple<int, int, int, PairKind>;    // first slot, second slot, cutoff
  struct PairFunction {
    double eta, shift, lambda, theta, zeta;
    int total;

    /// zeta = 2^b for this b, if it is one of the powers that kernels keep in registers; else -1.
    int register_power() const
    {
      for (int b = 0; b < n_register_powers; b++)
        if (theta == 0.0 && zeta == double(1 << b)) return b;
      return -1;
    }
  };
  using WideKey = std::tuple<double, int, int, int>;    // -zeta, first slot, second slot, cutoff

  void assign_slots(const std::vector<int> &columns)
  {
    std::vector<bool> used(descriptor_.elements.size(), false);
    for (int index : columns) {
      const SymmetryFunction &f = descriptor_.functions[std::size_t(index)];
      if (f.first < 0)
        used.assign(used.size(), true);
      else
        used[std::size_t(f.first)] = true;
      if (f.second >= 0) used[std::size_t(f.second)] = true;
    }
    for (bool u : used) owned_.slot_of_element.push_back(u ? n_slots_++ : -1);
    for (std::size_t e = 0; e < used.size(); e++)
      if (used[e]) element_of_slot_.push_back(int(e));
  }

  int cutoff_index(double r_cutoff)
  {
    const int index = index_of(cutoff_radii_, r_cutoff);
    if (std::size_t(index) < owned_.cutoffs.size()) return index;
    const auto term = cutoff_term<Real>(descriptor_, r_cutoff);
    owned_.cutoffs.push_back(term);
    owned_.r2_cutoff = std::max(owned_.r2_cutoff, term.r2_cutoff);
    return index;
  }

  /// A Gaussian of exponent 0 has no centre.
  static double effective_shift(const SymmetryFunction &f) { return f.eta == 0.0 ? 0.0 : f.r_shift; }

  RadialUse &radial_use(int slot, int cutoff, double eta, double shift)
  { return radial_uses_[{slot, Radial{cutoff, eta, shift}}]; }

  int new_total() { return owned_.plan.n_totals++; }

  /// Where a neighbour's factor of an angular function is kept.
  int stored_factor(int slot, int cutoff, double eta, double shift, PairKind kind)
  {
    if (kind == PairKind::mean_distance) return stored_factor(slot, cutoff, 0.0, 0.0);    // f_c alone
    return stored_factor(slot, cutoff, eta, shift);
  }

  int stored_factor(int slot, int cutoff, double eta, double shift)
  {
    RadialUse &use = radial_use(slot, cutoff, eta, shift);
    if (use.store < 0) {
      const auto [at, is_new] = store_of_.try_emplace(Radial{cutoff, eta, shift}, owned_.plan.n_stores);
      if (is_new) owned_.plan.n_stores++;
      use.store = at->second;
    }
    return use.store;
  }

  void add_function(const SymmetryFunction &f, int column)
  {
    const int cutoff = cutoff_index(f.r_cutoff);
    const auto slot_of = [&](int element) { return owned_.slot_of_element[std::size_t(element)]; };
    const auto charge = [&](int slot) {
      return double(descriptor_.atomic_numbers[std::size_t(element_of_slot_[std::size_t(slot)])]);
    };
    switch (f.type) {
    case 2: add_radial(f, slot_of(f.first), cutoff, 1.0, column); break;
    case 12:
      for (int s = 0; s < n_slots_; s++) add_radial(f, s, cutoff, charge(s), column);
      break;
    case aev_radial_type: add_radial(f, slot_of(f.first), cutoff, aev_radial_weight, column); break;
    case 3:
    case 9:
    case aev_angular_type: add_angular(f, slot_of(f.first), slot_of(f.second), cutoff, 1.0, column); break;
    case 13:
      for (int s = 0; s < n_slots_; s++)
        for (int t = s; t < n_slots_; t++) add_angular(f, s, t, cutoff, charge(s) * charge(t), column);
      break;
    default:
      throw InputError("symmetry function type " + std::to_string(f.type) + ", known: 2 3 9 12 13 102 103");
    }
  }

  void add_radial(const SymmetryFunction &f, int slot, int cutoff, double weight, int column)
  {
    RadialUse &use = radial_use(slot, cutoff, f.eta, effective_shift(f));
    if (use.total < 0) use.total = new_total();
    owned_.outputs.push_back({use.total, weight, column});
  }

  void add_angular(const SymmetryFunction &f, int first, int second, int cutoff, double weight, int column)
  {
    const PairKind kind = pair_kind(f);
    const double shift = effective_shift(f);
    const bool wide_integer = kind == PairKind::wide && f.zeta == std::floor(f.zeta) && f.theta_shift == 0.0;
    int total;
    if (wide_integer) {
      total = add_wide(f, first, second, cutoff, shift);
    } else {
      stored_factor(first, cutoff, f.eta, shift, kind);
      stored_factor(second, cutoff, f.eta, shift, kind);
      const double lambda = kind == PairKind::mean_distance ? 1.0 : f.lambda;
      auto &functions = pair_functions_[{first, second, cutoff, kind}];
      const auto same = std::find_if(functions.begin(), functions.end(), [&](const PairFunction &p) {
        return p.eta == f.eta && p.shift == shift && p.lambda == lambda && p.theta == f.theta_shift &&
               p.zeta == f.zeta;
      });
      if (same != functions.end()) {
        total = same->total;
      } else {
        total = new_total();
        functions.push_back({f.eta, shift, lambda, f.theta_shift, f.zeta, total});
      }
    }
    owned_.outputs.push_back({total, weight, column});
  }

  /// A wide function of integer zeta: to be had from pairs and, if zeta is small, from moments. Its total.
  int add_wide(const SymmetryFunction &f, int first, int second, int cutoff, double shift)
  {
    auto &functions = wide_functions_[{-f.zeta, first, second, cutoff}];
    const auto same = std::find_if(functions.begin(), functions.end(), [&](const PairFunction &p) {
      return p.eta == f.eta && p.shift == shift && p.lambda == f.lambda;
    });
    if (same != functions.end()) return same->total;    // functions of eta 0 that differ in r_s
    const int total = new_total();
    const int stored_first = stored_factor(first, cutoff, f.eta, shift);
    const int stored_second = stored_factor(second, cutoff, f.eta, shift);
    functions.push_back({f.eta, shift, f.lambda, f.theta_shift, f.zeta, total});
    if (f.zeta > double(max_moment_rank)) return total;
    MomentUse use;
    use.zeta = int(f.zeta);
    use.lambda = f.lambda;
    use.same_slot = first == second;
    use.first = moment_task(first, cutoff, stored_first, use.zeta);
    use.second = moment_task(second, cutoff, stored_second, use.zeta);
    use.total = total;
    owned_.moment_uses.push_back(use);
    return total;
  }

  int moment_task(int slot, int cutoff, int store, int zeta)
  {
    auto &tasks = owned_.moment_tasks;
    auto task = std::find_if(tasks.begin(), tasks.end(),
                             [&](const MomentTask &t) { return t.slot == slot && t.store == store; });
    if (task == tasks.end()) task = tasks.insert(tasks.end(), MomentTask{slot, cutoff, store, {}});
    for (int limit = zeta; limit <= max_moment_rank; limit++)
      task->rank[limit] = std::max(task->rank[limit], zeta);
    return int(task - tasks.begin());
  }

  void compile_radial()
  {
    int slot = -1, cutoff = -1;
    for (const auto &[key, use] : radial_uses_) {    // sorted by slot, then cutoff
      const auto &[c, eta, shift] = key.second;
      if (key.first != slot || c != cutoff) {
        slot = key.first;
        cutoff = c;
        const int at = int(owned_.radial_tasks.size());
        owned_.radial_groups.push_back({slot, cutoff, at, at});
      }
      RadialTask<Real> task{};
      task.exponent = Real(-eta * log2_of_e);
      task.shift = Real(shift);
      task.shifted = shift != 0.0;
      task.total = use.total;
      task.store = use.store;
      owned_.radial_tasks.push_back(task);
      owned_.radial_groups.back().task_end++;
    }
  }

  void compile_pairs()
  {
    for (const auto &[key, functions] : pair_functions_) {
      const auto &[first, second, cutoff, kind] = key;
      PairGroup<Real> group{};
      group.slot_first = first;
      group.slot_second = second;
      group.cutoff = cutoff;
      group.kind = kind;
      owned_.group_data.push_back(std::make_unique<typename OwnedPlan<Real>::GroupData>());
      auto &data = *owned_.group_data.back();
      for (const auto &f : functions) data.totals.push_back(f.total);
      compile_exponents(functions, group, data);
      if (kind != PairKind::mean_distance) compile_register_bases(functions, data);

      group.n_exponents = int(data.exponents.size());
      group.n_register_bases = int(data.register_bases.size());
      group.n_bases = int(data.bases.size());
      group.n_steps = int(data.steps.size());
      group.n_totals = int(data.totals.size());
      group.exponents = data.exponents.data();
      group.register_bases = data.register_bases.data();
      group.bases = data.bases.data();
      group.steps = data.steps.data();
      group.uses = data.uses.data();
      group.totals = data.totals.data();
      auto &plan = owned_.plan;
      plan.most_exponents = std::max(plan.most_exponents, group.n_exponents);
      plan.most_powers = std::max(plan.most_powers, group.n_powers);
      owned_.pair_groups.push_back(group);
    }
  }

  /// The power buffer of every function, and the steps that fill the buffers.
  std::vector<int> compile_powers(const std::vector<PairFunction> &functions, PairGroup<Real> &group,
                                  typename OwnedPlan<Real>::GroupData &data)
  {
    std::map<std::pair<double, double>, std::map<double, int>>
        zetas_of_base;    // (theta, lambda) -> zeta -> buffer
    for (const auto &f : functions) {
      zetas_of_base[{f.theta, f.lambda}][f.zeta] = -1;
      group.needs_sine = group.needs_sine || f.theta != 0.0;
    }
    const double scale = group.kind == PairKind::mean_distance ? aev_cosine_scale : 1.0;
    for (auto &[base, zetas] : zetas_of_base) {
      const auto &[theta, lambda] = base;
      const int x = group.n_powers++;
      data.bases.push_back(
          {Real(0.5 * lambda * scale * std::cos(theta)), Real(0.5 * lambda * std::sin(theta)), x});
      std::map<long, int> buffer_of = {{1, x}};    // integer powers so far
      for (auto &[zeta, buffer] : zetas)
        buffer = zeta == std::floor(zeta) ? integer_power(long(zeta), buffer_of, group, data)
                                          : real_power(zeta, x, group, data);
    }
    std::vector<int> power_of;
    for (const auto &f : functions) power_of.push_back(zetas_of_base[{f.theta, f.lambda}][f.zeta]);
    return power_of;
  }

  int real_power(double zeta, int x, PairGroup<Real> &group, typename OwnedPlan<Real>::GroupData &data)
  {
    const int target = group.n_powers++;
    data.steps.push_back({PowerStep<Real>::real, target, x, 0, Real(zeta)});
    return target;
  }

  int integer_power(long n, std::map<long, int> &buffer_of, PairGroup<Real> &group,
                    typename OwnedPlan<Real>::GroupData &data)
  {
    const auto known = buffer_of.find(n);
    if (known != buffer_of.end()) return known->second;
    int target;
    if ((n & (n - 1)) == 0) {    // square the largest power of two that is there
      long from = 1;
      for (const auto &[m, buffer] : buffer_of)
        if ((m & (m - 1)) == 0 && m < n) from = m;
      int squarings = 0;
      for (long m = from; m < n; m *= 2) squarings++;
      target = group.n_powers++;
      data.steps.push_back({PowerStep<Real>::square, target, buffer_of[from], squarings, Real(0)});
    } else {
      long top = 1;
      while (top * 2 <= n) top *= 2;
      const int high = integer_power(top, buffer_of, group, data);
      const int low = integer_power(n - top, buffer_of, group, data);
      target = group.n_powers++;
      data.steps.push_back({PowerStep<Real>::multiply, target, high, low, Real(0)});
    }
    buffer_of[n] = target;
    return target;
  }

  /// The Gaussians, and the functions whose powers go through buffers.
  void compile_exponents(const std::vector<PairFunction> &functions, PairGroup<Real> &group,
                         typename OwnedPlan<Real>::GroupData &data)
  {
    std::vector<PairFunction> buffered;
    for (const auto &f : functions)
      if (group.kind == PairKind::mean_distance || f.register_power() < 0) buffered.push_back(f);
    const std::vector<int> power_of = compile_powers(buffered, group, data);

    std::map<std::pair<double, double>, std::vector<PairUse>> uses_of;
    for (const auto &f : functions) uses_of[{f.eta, f.shift}];
    for (std::size_t i = 0; i < buffered.size(); i++)
      uses_of[{buffered[i].eta, buffered[i].shift}].push_back({power_of[i], buffered[i].total});
    const double r_cutoff = cutoff_radii_[std::size_t(group.cutoff)];
    const CutoffTerm<Real> &cutoff = owned_.cutoffs[std::size_t(group.cutoff)];
    for (const auto &[key, uses] : uses_of) {
      const auto &[eta, shift] = key;
      PairExponent<Real> e{};
      e.exponent = Real(-eta * log2_of_e);
      e.shift = Real(shift);
      e.shifted = shift != 0.0;
      if (group.kind == PairKind::narrow && descriptor_.cutoff_type == CutoffType::cosine &&
          !cutoff.needs_r && !e.shifted)
        fit_exponent(e, eta, r_cutoff);
      if (group.kind == PairKind::narrow && e.fit_degree == 0) {
        group.needs_cutoff = true;
        group.needs_r = group.needs_r || e.shifted || cutoff.needs_r;
      }
      e.store_first = stored_factor(group.slot_first, group.cutoff, eta, shift, group.kind);
      e.store_second = stored_factor(group.slot_second, group.cutoff, eta, shift, group.kind);
      e.use_begin = int(data.uses.size());
      data.uses.insert(data.uses.end(), uses.begin(), uses.end());
      e.use_end = int(data.uses.size());
      exponent_of_[key] = int(data.exponents.size());
      data.exponents.push_back(e);
    }
  }

  void compile_register_bases(const std::vector<PairFunction> &functions,
                              typename OwnedPlan<Real>::GroupData &data)
  {
    for (double lambda : {1.0, -1.0}) {
      RegisterBase<Real> base{Real(0.5 * lambda), 0, nullptr};
      std::vector<int> totals(data.exponents.size() * n_register_powers, -1);
      for (const auto &f : functions) {
        const int b = f.register_power();
        if (f.lambda != lambda || b < 0) continue;
        base.powers |= 1 << b;
        totals[std::size_t(exponent_of_[{f.eta, f.shift}]) * n_register_powers + std::size_t(b)] = f.total;
      }
      if (base.powers == 0) continue;
      data.register_totals.push_back(totals);
      base.totals = data.register_totals.back().data();    // the inner vector's memory stays where it is
      data.register_bases.push_back(base);
    }
  }

  void compile_wide()
  {
    for (const auto &[key, functions] : wide_functions_) {
      std::map<std::pair<double, double>, std::vector<PairFunction>> by_exponent;
      std::vector<double> lambdas;
      for (const auto &f : functions) {
        by_exponent[{f.eta, f.shift}].push_back(f);
        index_of(lambdas, f.lambda);
      }
      WideGroup<Real> group{};
      double minus_zeta;
      std::tie(minus_zeta, group.slot_first, group.slot_second, group.cutoff) = key;
      group.zeta = int(-minus_zeta);
      group.n_bases = int(lambdas.size());
      for (std::size_t b = 0; b < lambdas.size(); b++) group.cosine[b] = Real(0.5 * lambdas[b]);
      for (const auto &[exponent, members] : by_exponent) {
        const int e = group.n_exponents++;
        group.store_first[e] = stored_factor(group.slot_first, group.cutoff, exponent.first, exponent.second);
        group.store_second[e] =
            stored_factor(group.slot_second, group.cutoff, exponent.first, exponent.second);
        group.totals[e][0] = group.totals[e][1] = -1;
        for (const auto &f : members) group.totals[e][index_of(lambdas, f.lambda)] = f.total;
        if (group.n_exponents == max_wide_exponents) {
          owned_.wide_groups.push_back(group);
          group.n_exponents = 0;
        }
      }
      if (group.n_exponents > 0) owned_.wide_groups.push_back(group);
    }
  }

  void finish(int n_features)
  {
    auto &plan = owned_.plan;
    plan.n_features = n_features;
    plan.n_slots = n_slots_;
    plan.n_cutoffs = int(owned_.cutoffs.size());
    plan.has_pairs = !owned_.pair_groups.empty();
    plan.cutoffs = owned_.cutoffs.data();
    plan.n_radial_groups = int(owned_.radial_groups.size());
    plan.radial_groups = owned_.radial_groups.data();
    plan.radial_tasks = owned_.radial_tasks.data();
    plan.n_pair_groups = int(owned_.pair_groups.size());
    plan.pair_groups = owned_.pair_groups.data();
    for (auto &data : owned_.group_data)
      for (auto &totals : data->register_totals)
        for (int &total : totals)
          if (total < 0) total = plan.n_totals;
    plan.n_wide_groups = int(owned_.wide_groups.size());
    plan.wide_groups = owned_.wide_groups.data();
    plan.n_moment_tasks = int(owned_.moment_tasks.size());
    plan.moment_tasks = owned_.moment_tasks.data();
    plan.n_moment_uses = int(owned_.moment_uses.size());
    plan.moment_uses = owned_.moment_uses.data();
    plan.fixed_moment_limit = fixed_moment_limit();
    plan.moment_weights = owned_.moment_weights.data();
    plan.n_outputs = int(owned_.outputs.size());
    plan.outputs = owned_.outputs.data();
  }

  const Descriptor &descriptor_;
  OwnedPlan<Real> &owned_;
  int n_slots_ = 0;
  std::vector<int> element_of_slot_;
  std::vector<double> cutoff_radii_;
  std::map<std::pair<int, Radial>, RadialUse> radial_uses_;
  std::map<Radial, int> store_of_;
  std::map<GroupKey, std::vector<PairFunction>> pair_functions_;
  std::map<WideKey, std::vector<PairFunction>> wide_functions_;
  std::map<std::pair<double, double>, int> exponent_of_;    // of the group at hand
};

}    // namespace

PairKind pair_kind(const SymmetryFunction &f)
{
  switch (f.type) {
  case aev_angular_type: return PairKind::mean_distance;
  case 9: return PairKind::wide;
  default: return PairKind::narrow;
  }
}

template <class Real> CutoffTerm<Real> cutoff_term(const Descriptor &descriptor, double r_cutoff)
{
  const CutoffType type = descriptor.cutoff_type;
  const bool no_inner_radius =
      type == CutoffType::hard || type == CutoffType::tanh_unit || type == CutoffType::tanh_norm;
  const double r_inner = no_inner_radius ? 0.0 : descriptor.cutoff_alpha * r_cutoff;
  CutoffTerm<Real> term{};
  term.type = int(type);
  term.needs_r = !(type == CutoffType::hard || (type == CutoffType::cosine && r_inner == 0.0));
  term.r2_cutoff = r_cutoff * r_cutoff;
  term.inverse_cutoff = Real(1.0 / r_cutoff);
  term.r_inner = Real(r_inner);
  term.inverse_width = Real(1.0 / (r_cutoff - r_inner));
  term.scale = Real(type == CutoffType::tanh_norm ? 1.0 / std::pow(std::tanh(1.0), 3) : 1.0);
  return term;
}

template CutoffTerm<double> cutoff_term(const Descriptor &, double);
template CutoffTerm<float> cutoff_term(const Descriptor &, double);

template <class Real> std::unique_ptr<OwnedPlan<Real>> compile_plan(const Descriptor &descriptor, int element)
{
  auto owned = std::make_unique<OwnedPlan<Real>>();
  owned->moment_weights = multinomial_coefficients();
  const PlanBuilder<Real> builder(descriptor, element, *owned);    // it builds as it is constructed
  return owned;
}

template std::unique_ptr<OwnedPlan<double>> compile_plan(const Descriptor &, int);
template std::unique_ptr<OwnedPlan<float>> compile_plan(const Descriptor &, int);

}    // namespace mdsieve
