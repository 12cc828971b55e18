// SPDX-License-Identifier: GPL-2.0-or-later

/// Wide angular functions of small integer zeta through moment tensors. Included by kernels.inl inside an
/// anonymous namespace.

constexpr int components_up_to(int rank) { return (rank + 1) * (rank + 2) * (rank + 3) / 6; }

/// Nanoseconds as measured (AVX2); only their ratios matter. Moments up to a rank: a neighbour, and once;
/// their contraction; a sweep over pairs of neighbours.
constexpr double moment_cost_a_neighbour[max_moment_rank + 1] = {0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 9.0};
constexpr double moment_cost(int rank) { return rank == 0 ? 0.0 : 4.0 * components_up_to(rank); }
constexpr double contraction_cost(int zeta) { return 0.8 * components_up_to(zeta); }
template <class Real> double sweep_cost(int n_sums, double n_rows, double n_pairs)
{ return n_rows * 4.0 + n_pairs * (0.36 + 0.05 * n_sums) * (sizeof(Real) == 8 ? 1.0 : 0.65); }

/// Sums of A, A x, A y, ... in the order: x times all of the rank below, y times those of the rank below that
/// hold no x, z^rank.
template <class Real, int rank>
void moments_of(const Arrays<Real> &a, const Real *factor, int begin, int n, double *moments, double *square)
{
  using S = Simd<double>;
  constexpr int count = components_up_to(rank);
  double lanes[count + 1][S::lanes];
  for (int p = 0; p < S::parts; p++) {
    S::vec sum[count] = {}, square_sum{};
    for (int k = p * S::width; k < n; k += S::lanes) {
      const S::vec x = S::load(a.vx + begin + k), y = S::load(a.vy + begin + k),
                   z = S::load(a.vz + begin + k);
      S::vec w = load_as_double(factor + begin + k);
      if (n - k < S::width) w = S::first(w, n - k);
      square_sum += w * w;
      S::vec product[count];
      product[0] = w;
      sum[0] += w;
      int below = 0, at = 1;
#pragma GCC unroll 8
      for (int m = 1; m <= rank; m++) {
        const int size_below = m * (m + 1) / 2;
        const int begin_rank = at;
#pragma GCC unroll 32
        for (int c = 0; c < size_below; c++) product[at++] = product[below + c] * x;
#pragma GCC unroll 8
        for (int c = size_below - m; c < size_below; c++) product[at++] = product[below + c] * y;
        product[at++] = product[below + size_below - 1] * z;
#pragma GCC unroll 32
        for (int c = begin_rank; c < at; c++) sum[c] += product[c];
        below = begin_rank;
      }
    }
    for (int c = 0; c < count; c++) S::store(lanes[c] + p * S::width, sum[c]);
    S::store(lanes[count] + p * S::width, square_sum);
  }
  for (int c = 0; c < count; c++) moments[c] = sum_lanes<S::lanes>(lanes[c]);
  *square = sum_lanes<S::lanes>(lanes[count]);
}

/// Up to which zeta moments are used for this atom: the cheapest choice. It depends on the numbers of
/// neighbours alone, so it is the same wherever the environment is met.
template <class Real> int moment_limit(const ElementPlan<Real> &plan, const Arrays<Real> &a)
{
  if (plan.n_moment_tasks == 0) return 0;
  if (plan.fixed_moment_limit >= 0) return plan.fixed_moment_limit;
  const auto count = [&](int slot, int cutoff) { return double(a.count[slot * plan.n_cutoffs + cutoff]); };
  double pairs[max_moment_rank + 1] = {};    // cost of the functions of one zeta through pairs
  for (int g = plan.n_wide_groups; g-- > 0 && plan.wide_groups[g].zeta <= max_moment_rank;) {
    const WideGroup<Real> &group = plan.wide_groups[g];
    const double first = count(group.slot_first, group.cutoff);
    const double second = count(group.slot_second, group.cutoff);
    const double n_pairs = group.slot_first == group.slot_second ? 0.5 * first * second : first * second;
    const int sums = group.n_exponents * group.n_bases;
    pairs[group.zeta] += sweep_cost<Real>(sums, first, n_pairs) - sums * contraction_cost(group.zeta);
  }
  double moments[max_moment_rank + 1] = {};    // cost of the moments with that limit
  for (int t = 0; t < plan.n_moment_tasks; t++) {
    const MomentTask &task = plan.moment_tasks[t];
    const double n = count(task.slot, task.cutoff);
    for (int limit = 1; limit <= max_moment_rank; limit++) {
      const int rank = task.rank[limit];
      moments[limit] += moment_cost(rank) + moment_cost_a_neighbour[rank] * n;
    }
  }
  int best = 0;
  double cost = 0.0, least = 0.0;    // compared with pairs for all
  for (int limit = 1; limit <= max_moment_rank; limit++) {
    cost -= pairs[limit];
    if (cost + moments[limit] < least) {
      least = cost + moments[limit];
      best = limit;
    }
  }
  return best;
}

template <class Real>
void moments_of_tasks(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a,
                      int limit)
{
  for (int t = 0; t < plan.n_moment_tasks; t++) {
    const MomentTask &task = plan.moment_tasks[t];
    const Real *factor = a.stored + std::size_t(task.store) * a.stride;
    const int begin = in.slot_begin[task.slot], n = a.count[task.slot * plan.n_cutoffs + task.cutoff];
    double *moments = a.moments + t * n_moment_components, *square = a.squares + t;
    switch (task.rank[limit]) {
    case 1: moments_of<Real, 1>(a, factor, begin, n, moments, square); break;
    case 2: moments_of<Real, 2>(a, factor, begin, n, moments, square); break;
    case 3: moments_of<Real, 3>(a, factor, begin, n, moments, square); break;
    case 4: moments_of<Real, 4>(a, factor, begin, n, moments, square); break;
    case 5: moments_of<Real, 5>(a, factor, begin, n, moments, square); break;
    case 6: moments_of<Real, 6>(a, factor, begin, n, moments, square); break;
    }
  }
}

/// The function through pairs after all, on its own.
template <class Real>
void sweep_instead(const ElementPlan<Real> &plan, const MomentUse &use, const SortedNeighbours &in,
                   const Arrays<Real> &a)
{
  const MomentTask &first = plan.moment_tasks[use.first], &second = plan.moment_tasks[use.second];
  WideGroup<Real> group{};
  group.slot_first = first.slot;
  group.slot_second = second.slot;
  group.cutoff = first.cutoff;
  group.zeta = use.zeta;
  group.n_bases = group.n_exponents = 1;
  group.cosine[0] = Real(0.5 * use.lambda);
  group.store_first[0] = first.store;
  group.store_second[0] = second.store;
  group.totals[0][0] = use.total;
  sweep_wide<Real, 1, 1>(plan, group, in, a);
}

/// (1 + lambda cos)^zeta = sum over ranks of binomial * lambda^rank * cos^rank, and the sum of cos^rank over
/// all j and k is the contraction of the moments. The terms may cancel (neighbours that lie close together as
/// seen from the atom, one that outweighs all others): where less than a share of them is left, pairs give
/// the value.
template <class Real>
void moment_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a,
                      int limit)
{
  static_assert(components_up_to(max_moment_rank) == n_moment_components, "");
  constexpr double least_share = sizeof(Real) == 8 ? 1e-4 : 1e-8;
  moments_of_tasks(plan, in, a, limit);
  for (int u = 0; u < plan.n_moment_uses; u++) {
    const MomentUse &use = plan.moment_uses[u];
    if (use.zeta > limit) continue;
    const MomentTask &first = plan.moment_tasks[use.first];
    const double *m1 = a.moments + use.first * n_moment_components;
    const double *m2 = a.moments + use.second * n_moment_components;
    double sum = 0.0, size = 0.0, binomial = 1.0, norm = 2.0, self = 1.0;
    for (int rank = 0, c = 0; rank <= use.zeta; rank++) {
      double contraction = 0.0;
      for (const int end = components_up_to(rank); c < end; c++)
        contraction += plan.moment_weights[c] * m1[c] * m2[c];
      const double term = binomial * contraction;
      sum += term;
      size += term < 0.0 ? -term : term;
      binomial *= use.lambda * double(use.zeta - rank) / double(rank + 1);
      if (rank < use.zeta) {
        norm *= 0.5;
        self *= 1.0 + use.lambda;
      }
    }
    if (use.same_slot) {    // every pair was counted twice, and each neighbour with itself
      sum = 0.5 * (sum - self * a.squares[use.first]);
      if (a.count[first.slot * plan.n_cutoffs + first.cutoff] < 2) sum = size = 0.0;
    }
    a.totals[use.total] = norm * sum;
    if (sum < least_share * size) sweep_instead(plan, use, in, a);
  }
}
