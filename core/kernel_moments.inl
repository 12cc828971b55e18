// SPDX-License-Identifier: GPL-2.0-or-later

/// Wide angular functions of small integer zeta through moment tensors. Included by kernels.inl inside an anonymous namespace.

constexpr int components_up_to(int rank) { return (rank + 1) * (rank + 2) * (rank + 3) / 6; }

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

template <class Real>
void moment_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a)
{
  static_assert(components_up_to(max_moment_rank) == n_moment_components, "");
  for (int t = 0; t < plan.n_moment_tasks; t++) {
    const MomentTask &task = plan.moment_tasks[t];
    const Real *factor = a.stored + std::size_t(task.store) * a.stride;
    const int begin = in.slot_begin[task.slot], n = a.count[task.slot * plan.n_cutoffs + task.cutoff];
    double *moments = a.moments + t * n_moment_components, *square = a.squares + t;
    switch (task.rank) {
    case 1: moments_of<Real, 1>(a, factor, begin, n, moments, square); break;
    case 2: moments_of<Real, 2>(a, factor, begin, n, moments, square); break;
    case 3: moments_of<Real, 3>(a, factor, begin, n, moments, square); break;
    case 4: moments_of<Real, 4>(a, factor, begin, n, moments, square); break;
    case 5: moments_of<Real, 5>(a, factor, begin, n, moments, square); break;
    case 6: moments_of<Real, 6>(a, factor, begin, n, moments, square); break;
    }
  }
  for (int u = 0; u < plan.n_moment_uses; u++) {
    const MomentUse &use = plan.moment_uses[u];
    const MomentTask &first = plan.moment_tasks[use.first];
    const double *m1 = a.moments + use.first * n_moment_components;
    const double *m2 = a.moments + use.second * n_moment_components;
    double sum = 0.0, binomial = 1.0, norm = 2.0, self = 1.0;
    for (int rank = 0, c = 0; rank <= use.zeta; rank++) {
      double contraction = 0.0;
      for (const int end = components_up_to(rank); c < end; c++)
        contraction += plan.moment_weights[c] * m1[c] * m2[c];
      sum += binomial * contraction;
      binomial *= use.lambda * double(use.zeta - rank) / double(rank + 1);
      if (rank < use.zeta) {
        norm *= 0.5;
        self *= 1.0 + use.lambda;
      }
    }
    if (use.same_slot) {    // every pair was counted twice, and each neighbour with itself
      sum = 0.5 * (sum - self * a.squares[use.first]);
      if (a.count[first.slot * plan.n_cutoffs + first.cutoff] < 2) sum = 0.0;
    }
    a.totals[use.total] = sum > 0.0 ? norm * sum : 0.0;
  }
}
