// SPDX-License-Identifier: GPL-2.0-or-later
#include "symmetry_functions.h"

#include "input_error.h"
#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <tuple>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace mdsieve {

// --- which version of the kernels
// ------------------------------------------------------------------------------

const Kernels *find_kernels(const char *name)
{
  const std::string wanted = name;
#ifdef MDSIEVE_X86_KERNELS
  if (wanted == avx512_kernels.name && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return &avx512_kernels;
  if (wanted == avx2_kernels.name && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &avx2_kernels;
#endif
  if (wanted == portable_kernels.name) return &portable_kernels;
  return nullptr;
}

namespace {

const Kernels *chosen_kernels = nullptr;

const Kernels &choose_kernels()
{
  if (const char *wanted = std::getenv("MDSIEVE_INSTRUCTION_SET"))
    if (const Kernels *kernels = find_kernels(wanted)) return *kernels;
  for (const char *name : {"avx512", "avx2"})
    if (const Kernels *kernels = find_kernels(name)) return *kernels;
  return portable_kernels;
}

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

/// cos^2(pi sqrt(u) / 2) exp(-a u) / (1 - u)^2: cosine cutoff and Gaussian in u = (r / r_c)^2, the root at
/// the cutoff taken out.
long double cutoff_gaussian(long double u, long double a)
{
  const long double s = std::sqrt(u), pi_half = 1.57079632679489661923132169163975144L;
  const long double below = 1.0L - s;
  const long double root = below < 1e-12L ? 0.5L * pi_half : std::sin(pi_half * below) / (below * (1.0L + s));
  return root * root * std::exp(-a * u);
}

/// Coefficients in t = 2u - 1 of the Chebyshev interpolant of cutoff_gaussian on [0, 1].
std::vector<long double> chebyshev_fit(long double a, int degree)
{
  const int n = degree + 1;
  const long double pi = 3.14159265358979323846264338327950288L;
  std::vector<long double> values, coefficients(std::size_t(n), 0.0L);
  for (int i = 0; i < n; i++)
    values.push_back(cutoff_gaussian(0.5L + 0.5L * std::cos(pi * (i + 0.5L) / n), a));
  std::vector<long double> now(std::size_t(n), 0.0L), last = now;    // T_k(t) as a polynomial in t
  now[0] = 1.0L;
  for (int k = 0; k < n; k++) {
    long double weight = 0.0L;
    for (int i = 0; i < n; i++) weight += values[std::size_t(i)] * std::cos(pi * k * (i + 0.5L) / n);
    weight *= (k == 0 ? 1.0L : 2.0L) / n;
    for (int i = 0; i < n; i++) coefficients[std::size_t(i)] += weight * now[std::size_t(i)];
    std::vector<long double> next(std::size_t(n), 0.0L);    // T_k+1 = 2 t T_k - T_k-1, T_1 = t T_0
    for (int i = 0; i < n; i++) {
      next[std::size_t(i)] -= k == 0 ? 0.0L : last[std::size_t(i)];
      if (i + 1 < n) next[std::size_t(i) + 1] += (k == 0 ? 1.0L : 2.0L) * now[std::size_t(i)];
    }
    last = now;
    now = next;
  }
  return coefficients;
}

/// The polynomial of least degree that replaces Gaussian and cosine cutoff of r_jk in working precision.
template <class Real> void fit_exponent(PairExponent<Real> &e, double eta, double r_cutoff)
{
  const double tolerance = sizeof(Real) == 8 ? 1e-12 : 8e-7;
  const long double a = (long double)eta * r_cutoff * r_cutoff;
  for (int degree = 3; degree <= max_fit_degree<Real>; degree++) {
    const auto coefficients = chebyshev_fit(a, degree);
    double worst = 0.0;
    for (int i = 0; i <= 256; i++) {
      const Real t = Real(i / 128.0 - 1.0);    // exact
      Real value = Real(coefficients.back());
      for (int c = degree; c-- > 0;) value = value * t + Real(coefficients[std::size_t(c)]);
      const long double exact = cutoff_gaussian(0.5L * (1.0L + t), a);
      worst = std::max(worst, std::fabs(double((value - exact) / exact)));
    }
    if (worst > tolerance) continue;
    e.fit_degree = degree;
    for (int c = 0; c <= degree; c++)
      e.fit[c] = Real(0.25L * coefficients[std::size_t(c)]);    // (1 - t)^2 / 4
    return;
  }
}

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
  std::vector<double> moment_weights = multinomial_coefficients();
  std::vector<Output> outputs;
};

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
  using GroupKey = std::tuple<int, int, int, bool>;    // first slot, second slot, cutoff, narrow
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
  using WideKey = std::tuple<int, int, int, int>;    // first slot, second slot, cutoff, zeta

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
    const CutoffType type = descriptor_.cutoff_type;
    const bool no_inner_radius =
        type == CutoffType::hard || type == CutoffType::tanh_unit || type == CutoffType::tanh_norm;
    const double r_inner = no_inner_radius ? 0.0 : descriptor_.cutoff_alpha * r_cutoff;
    CutoffTerm<Real> term{};
    term.type = int(type);
    term.needs_r = !(type == CutoffType::hard || (type == CutoffType::cosine && r_inner == 0.0));
    term.r2_cutoff = r_cutoff * r_cutoff;
    term.inverse_cutoff = Real(1.0 / r_cutoff);
    term.r_inner = Real(r_inner);
    term.inverse_width = Real(1.0 / (r_cutoff - r_inner));
    term.scale = Real(type == CutoffType::tanh_norm ? 1.0 / std::pow(std::tanh(1.0), 3) : 1.0);
    owned_.cutoffs.push_back(term);
    owned_.r2_cutoff = std::max(owned_.r2_cutoff, term.r2_cutoff);
    return index;
  }

  /// A Gaussian of exponent 0 has no centre.
  static double effective_shift(const SymmetryFunction &f) { return f.eta == 0.0 ? 0.0 : f.r_shift; }

  RadialUse &radial_use(int slot, int cutoff, double eta, double shift)
  { return radial_uses_[{slot, Radial{cutoff, eta, shift}}]; }

  int new_total() { return owned_.plan.n_totals++; }

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
    case 3:
    case 9: add_angular(f, slot_of(f.first), slot_of(f.second), cutoff, 1.0, column); break;
    case 13:
      for (int s = 0; s < n_slots_; s++)
        for (int t = s; t < n_slots_; t++) add_angular(f, s, t, cutoff, charge(s) * charge(t), column);
      break;
    default: throw InputError("symmetry function type " + std::to_string(f.type) + ", known: 2 3 9 12 13");
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
    const bool narrow = f.type != 9;
    const double shift = effective_shift(f);
    const bool wide_integer = !narrow && f.zeta == std::floor(f.zeta) && f.theta_shift == 0.0;
    int total;
    if (wide_integer && f.zeta > double(max_moment_rank)) {
      total = new_total();
      stored_factor(first, cutoff, f.eta, shift);
      stored_factor(second, cutoff, f.eta, shift);
      wide_functions_[{first, second, cutoff, int(f.zeta)}].push_back(
          {f.eta, shift, f.lambda, f.theta_shift, f.zeta, total});
    } else if (wide_integer) {
      total = new_total();
      MomentUse use;
      use.zeta = int(f.zeta);
      use.lambda = f.lambda;
      use.same_slot = first == second;
      use.first = moment_task(first, cutoff, stored_factor(first, cutoff, f.eta, shift), use.zeta);
      use.second = moment_task(second, cutoff, stored_factor(second, cutoff, f.eta, shift), use.zeta);
      use.total = total;
      owned_.moment_uses.push_back(use);
    } else {
      stored_factor(first, cutoff, f.eta, shift);
      stored_factor(second, cutoff, f.eta, shift);
      auto &functions = pair_functions_[{first, second, cutoff, narrow}];
      const auto same = std::find_if(functions.begin(), functions.end(), [&](const PairFunction &p) {
        return p.eta == f.eta && p.shift == shift && p.lambda == f.lambda && p.theta == f.theta_shift &&
               p.zeta == f.zeta;
      });
      if (same != functions.end()) {
        total = same->total;
      } else {
        total = new_total();
        functions.push_back({f.eta, shift, f.lambda, f.theta_shift, f.zeta, total});
      }
    }
    owned_.outputs.push_back({total, weight, column});
  }

  int moment_task(int slot, int cutoff, int store, int rank)
  {
    auto &tasks = owned_.moment_tasks;
    for (std::size_t t = 0; t < tasks.size(); t++)
      if (tasks[t].slot == slot && tasks[t].store == store) {
        tasks[t].rank = std::max(tasks[t].rank, rank);
        return int(t);
      }
    tasks.push_back({slot, cutoff, store, rank});
    return int(tasks.size()) - 1;
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
      const auto &[first, second, cutoff, narrow] = key;
      PairGroup<Real> group{};
      group.slot_first = first;
      group.slot_second = second;
      group.cutoff = cutoff;
      group.narrow = narrow;
      owned_.group_data.push_back(std::make_unique<typename OwnedPlan<Real>::GroupData>());
      auto &data = *owned_.group_data.back();
      for (const auto &f : functions) data.totals.push_back(f.total);
      compile_exponents(functions, group, data);
      compile_register_bases(functions, data);

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
    for (auto &[base, zetas] : zetas_of_base) {
      const auto &[theta, lambda] = base;
      const int x = group.n_powers++;
      data.bases.push_back({Real(0.5 * lambda * std::cos(theta)), Real(0.5 * lambda * std::sin(theta)), x});
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
      if (f.register_power() < 0) buffered.push_back(f);
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
      if (group.narrow && descriptor_.cutoff_type == CutoffType::cosine && !cutoff.needs_r && !e.shifted)
        fit_exponent(e, eta, r_cutoff);
      if (group.narrow && e.fit_degree == 0) {
        group.needs_cutoff = true;
        group.needs_r = group.needs_r || e.shifted || cutoff.needs_r;
      }
      e.store_first = stored_factor(group.slot_first, group.cutoff, eta, shift);
      e.store_second = stored_factor(group.slot_second, group.cutoff, eta, shift);
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
        totals[std::size_t(exponent_of_[{f.eta, f.shift}] * n_register_powers + b)] = f.total;
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
      std::tie(group.slot_first, group.slot_second, group.cutoff, group.zeta) = key;
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

// --- neighbours in canonical order
// -----------------------------------------------------------------------------

struct Neighbour {
  double r2, x, y, z;
};

bool comes_before(const Neighbour &a, const Neighbour &b)
{
  if (a.r2 != b.r2) return a.r2 < b.r2;
  if (a.x != b.x) return a.x < b.x;
  if (a.y != b.y) return a.y < b.y;
  return a.z < b.z;
}

/// Insertion sort: for lists that are nearly in order.
void sort_nearly_sorted(Neighbour *begin, Neighbour *end)
{
  for (Neighbour *i = begin + 1; i < end; i++) {
    if (!comes_before(*i, i[-1])) continue;
    const Neighbour moved = *i;
    Neighbour *j = i;
    do {
      *j = j[-1];
      j--;
    } while (j > begin && comes_before(moved, j[-1]));
    *j = moved;
  }
}

/// Flush tiny numbers to zero while it lives: x^zeta underflows often, and denormals are slow.
class FlushToZero {
 public:
#if defined(__SSE2__)
  FlushToZero() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~FlushToZero() { _mm_setcsr(saved_); }
  FlushToZero(const FlushToZero &) = delete;
  FlushToZero &operator=(const FlushToZero &) = delete;

 private:
  unsigned saved_;
#endif
};

constexpr std::size_t padding = 64;

}    // namespace

const Kernels &default_kernels()
{
  static const Kernels &kernels = choose_kernels();
  return chosen_kernels != nullptr ? *chosen_kernels : kernels;
}

void use_kernels(const Kernels &kernels) { chosen_kernels = &kernels; }

// --- workspace
// -------------------------------------------------------------------------------------------------

struct SymmetryFunctions::Workspace::Data {
  std::vector<Neighbour> found, sorted;
  std::vector<std::uint32_t> bucket_of;     ///< of each that was found
  std::vector<std::uint32_t> bucket_end;    ///< first counts, then ends
  std::vector<int> slot_begin;
  std::vector<double> coordinates;    ///< x, y, z, r2, each with padding
  std::vector<unsigned char> scratch;
  std::size_t found_count = 0, buckets_a_slot = 0;

  unsigned char *aligned_scratch(std::size_t bytes)
  {
    if (scratch.size() < bytes + 64) scratch.resize(bytes + bytes / 4 + 64);
    auto address = reinterpret_cast<std::uintptr_t>(scratch.data());
    return scratch.data() + (64 - address % 64) % 64;
  }

  SortedNeighbours sort(const Neighbours &in, const std::vector<int> &slot_of_element, int n_slots,
                        double r2_cutoff);

 private:
  void collect(const Neighbours &in, const std::vector<int> &slot_of_element, int n_slots, double r2_cutoff);
  void scatter(int n_slots);
  SortedNeighbours unpack();
};

[[noreturn]] static void refuse_neighbour(const Neighbour &n)
{
  if (!std::isfinite(n.x) || !std::isfinite(n.y) || !std::isfinite(n.z) || n.r2 > 1.0)
    throw InputError("a neighbour's coordinates are not finite");
  throw InputError("two atoms lie at the same place (distance below 1e-6 Angstrom)");
}

/// Keep the neighbours that matter: their element has a slot and they lie inside the largest cutoff. Put them
/// into buckets by slot and r^2.
void SymmetryFunctions::Workspace::Data::collect(const Neighbours &in,
                                                 const std::vector<int> &slot_of_element, int n_slots,
                                                 double r2_cutoff)
{
  if (found.size() < in.size) {
    found.resize(in.size);
    sorted.resize(in.size);
    bucket_of.resize(in.size);
  }
  buckets_a_slot = std::max<std::size_t>(8, in.size / std::size_t(n_slots)) + 1;    // the last for roundoff
  bucket_end.assign(buckets_a_slot * std::size_t(n_slots), 0);
  const double to_bucket = double(buckets_a_slot - 1) / r2_cutoff;
  const auto n_elements = unsigned(slot_of_element.size()), buckets = unsigned(buckets_a_slot);
  const int *const slots = slot_of_element.data();
  const double *const dx = in.dx, *const dy = in.dy, *const dz = in.dz;
  const int *const elements = in.element;
  const std::size_t size = in.size;
  Neighbour *const out = found.data();
  std::uint32_t *const bucket = bucket_of.data(), *const count = bucket_end.data();
  std::size_t n = 0;
  for (std::size_t k = 0; k < size; k++) {
    const auto element = unsigned(elements[k]);    // negative ones become large
    if (element >= n_elements) continue;
    const double x = dx[k], y = dy[k], z = dz[k];
    const double r2 = x * x + y * y + z * z;
    out[n] = {r2, x, y, z};
    if (!(r2 > 1e-12 && r2 <= std::numeric_limits<double>::max())) refuse_neighbour(out[n]);
    // no branch: half of a list with a skin lies outside, in no order
    const int slot = slots[element];
    const bool keep = (r2 < r2_cutoff) & (slot >= 0);
    const double scaled = keep ? r2 * to_bucket : 0.0;
    const std::uint32_t b = std::uint32_t(int(scaled)) + (keep ? std::uint32_t(slot) * buckets : 0u);
    bucket[n] = b;
    count[b] += std::uint32_t(keep);
    n += std::size_t(keep);
  }
  found_count = n;
}

/// Bring them into the order of the buckets.
void SymmetryFunctions::Workspace::Data::scatter(int n_slots)
{
  slot_begin.resize(std::size_t(n_slots) + 1);
  std::uint32_t sum = 0;
  std::uint32_t *at = bucket_end.data();
  for (int slot = 0; slot < n_slots; slot++) {
    slot_begin[std::size_t(slot)] = int(sum);
    for (std::size_t b = 0; b < buckets_a_slot; b++, at++) {    // counts become begins
      const std::uint32_t count = *at;
      *at = sum;
      sum += count;
    }
  }
  slot_begin[std::size_t(n_slots)] = int(sum);
  for (std::size_t k = 0; k < found_count; k++) sorted[bucket_end[bucket_of[k]]++] = found[k];    // and ends
}

/// Structure of arrays, padded.
SortedNeighbours SymmetryFunctions::Workspace::Data::unpack()
{
  const std::size_t n = found_count, stride = n + padding;
  if (coordinates.size() < 4 * stride) coordinates.resize(4 * stride);
  double *x = coordinates.data(), *y = x + stride, *z = y + stride, *r2 = z + stride;
  for (std::size_t k = 0; k < n; k++) {
    x[k] = sorted[k].x;
    y[k] = sorted[k].y;
    z[k] = sorted[k].z;
    r2[k] = sorted[k].r2;
  }
  for (std::size_t k = n; k < stride; k++) {
    x[k] = r2[k] = 1.0;
    y[k] = z[k] = 0.0;
  }
  return {int(n), x, y, z, r2, slot_begin.data()};
}

SortedNeighbours SymmetryFunctions::Workspace::Data::sort(const Neighbours &in,
                                                          const std::vector<int> &slot_of_element,
                                                          int n_slots, double r2_cutoff)
{
  collect(in, slot_of_element, n_slots, r2_cutoff);
  scatter(n_slots);
  std::uint32_t begin = 0;
  for (std::uint32_t end : bucket_end) {    // a crowded bucket: a perfect lattice, or someone's joke
    if (end - begin > 48) std::sort(sorted.data() + begin, sorted.data() + end, comes_before);
    begin = end;
  }
  for (int slot = 0; slot < n_slots; slot++)
    sort_nearly_sorted(sorted.data() + slot_begin[std::size_t(slot)],
                       sorted.data() + slot_begin[std::size_t(slot) + 1]);
  return unpack();
}

SymmetryFunctions::Workspace::Workspace() : data_(std::make_unique<Data>()) {}
SymmetryFunctions::Workspace::~Workspace() = default;
SymmetryFunctions::Workspace::Workspace(Workspace &&) noexcept = default;
SymmetryFunctions::Workspace &SymmetryFunctions::Workspace::operator=(Workspace &&) noexcept = default;

// --- symmetry functions
// ----------------------------------------------------------------------------------------

struct SymmetryFunctions::Plan {
  Descriptor descriptor;
  Precision precision;
  double cutoff = 0.0;
  const Kernels *kernels;
  std::vector<std::unique_ptr<OwnedPlan<double>>> in_double;    ///< per central element
  std::vector<std::unique_ptr<OwnedPlan<float>>> in_float;

  Plan(Descriptor d, Precision p) : descriptor(std::move(d)), precision(p), kernels(&default_kernels())
  {
    for (const auto &f : descriptor.functions) cutoff = std::max(cutoff, f.r_cutoff);
    for (int e = 0; e < int(descriptor.elements.size()); e++) {
      if (precision == Precision::double_)
        build(e, in_double);
      else
        build(e, in_float);
    }
  }

  template <class Real> void build(int element, std::vector<std::unique_ptr<OwnedPlan<Real>>> &plans) const
  {
    plans.push_back(std::make_unique<OwnedPlan<Real>>());
    PlanBuilder<Real>(descriptor, element, *plans.back());
  }
};

SymmetryFunctions::SymmetryFunctions(Descriptor descriptor, Precision precision)
    : plan_(std::make_unique<Plan>(std::move(descriptor), precision))
{}
SymmetryFunctions::~SymmetryFunctions() = default;
SymmetryFunctions::SymmetryFunctions(SymmetryFunctions &&) noexcept = default;
SymmetryFunctions &SymmetryFunctions::operator=(SymmetryFunctions &&) noexcept = default;

const Descriptor &SymmetryFunctions::descriptor() const { return plan_->descriptor; }
Precision SymmetryFunctions::precision() const { return plan_->precision; }
int SymmetryFunctions::n_elements() const { return int(plan_->descriptor.elements.size()); }
double SymmetryFunctions::cutoff() const { return plan_->cutoff; }
const char *SymmetryFunctions::instruction_set() { return default_kernels().name; }

int SymmetryFunctions::n_features(int element) const
{
  const auto e = std::size_t(element);
  return plan_->precision == Precision::double_ ? plan_->in_double.at(e)->plan.n_features
                                                : plan_->in_float.at(e)->plan.n_features;
}

void SymmetryFunctions::compute(int element, const Neighbours &neighbours, double *out,
                                Workspace &workspace) const
{
  const auto evaluate = [&](const auto &owned, auto scratch_bytes, auto kernel) {
    if (owned.plan.n_features == 0) return;
    auto &data = *workspace.operator->();
    const SortedNeighbours sorted =
        data.sort(neighbours, owned.slot_of_element, owned.plan.n_slots, owned.r2_cutoff);
    unsigned char *scratch = data.aligned_scratch(scratch_bytes(owned.plan, sorted.size));
    const FlushToZero flush;
    kernel(owned.plan, sorted, scratch, out);
  };
  const auto e = std::size_t(element);
  const Kernels &kernels = *plan_->kernels;
  if (plan_->precision == Precision::double_)
    evaluate(*plan_->in_double.at(e), kernels.scratch_bytes_double, kernels.compute_double);
  else
    evaluate(*plan_->in_float.at(e), kernels.scratch_bytes_float, kernels.compute_float);
}

}    // namespace mdsieve
