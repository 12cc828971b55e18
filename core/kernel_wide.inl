// SPDX-License-Identifier: GPL-2.0-or-later

/// Wide angular functions of any integer zeta, without factors of r_jk. Included by kernels.inl inside an anonymous namespace.

/// Every x to the power n by repeated squaring.
template <class Real, int count> inline void raise(typename Simd<Real>::vec (&x)[count], int n)
{
  for (; (n & 1) == 0; n >>= 1) unrolled<count>([&](auto i) { x[i.value] *= x[i.value]; });
  if (n == 1) return;
  typename Simd<Real>::vec square[count];
  unrolled<count>([&](auto i) { square[i.value] = x[i.value]; });
  while (n >>= 1) {
    unrolled<count>([&](auto i) { square[i.value] *= square[i.value]; });
    if (n & 1) unrolled<count>([&](auto i) { x[i.value] *= square[i.value]; });
  }
}

/// Without factors of r_jk the sum over k of a row of pairs needs the first neighbour's factor only once.
template <class Real, int n_exponents, int n_bases>
void sweep_wide(const ElementPlan<Real> &plan, const WideGroup<Real> &group, const SortedNeighbours &in,
                const Arrays<Real> &a)
{
  using S = Simd<Real>;
  using vec = typename S::vec;
  constexpr int n_sums = n_exponents * n_bases;
  constexpr int rows_a_block = 16;    // rows whose sums stay in working precision
  const bool same = group.slot_first == group.slot_second;
  const int begin_j = in.slot_begin[group.slot_first], begin_k = in.slot_begin[group.slot_second];
  const int end_j = begin_j + a.count[group.slot_first * plan.n_cutoffs + group.cutoff];
  const int end_k = begin_k + a.count[group.slot_second * plan.n_cutoffs + group.cutoff];
  const int zeta = group.zeta;
  const Real *const ux = a.ux, *const uy = a.uy, *const uz = a.uz;
  const Real *first[n_exponents], *second[n_exponents];
  for (int e = 0; e < n_exponents; e++) {
    first[e] = a.stored + std::size_t(group.store_first[e]) * a.stride;
    second[e] = a.stored + std::size_t(group.store_second[e]) * a.stride;
  }
  double lanes[n_sums][S::lanes] = {};
  // one part of the lanes after the other: their sums fit into registers
  unrolled<S::parts>([&](auto part) {
    constexpr int offset = decltype(part)::value * S::width;
    for (int block = begin_j; block < end_j; block += rows_a_block) {
      vec sum[n_sums] = {};
      const int block_end = block + rows_a_block < end_j ? block + rows_a_block : end_j;
      for (int j = block; j < block_end; j++) {
        const vec x = S::all(ux[j]), y = S::all(uy[j]), z = S::all(uz[j]);
        vec row[n_sums] = {};
        const auto add = [&](int k, auto masked) __attribute__((always_inline)) {
          const vec cosine = x * S::load(ux + k) + y * S::load(uy + k) + z * S::load(uz + k);
          vec power[n_bases];
          unrolled<n_bases>([&](auto b) __attribute__((always_inline)) {
            power[b.value] = maximum<Real>(cosine * group.cosine[b.value] + Real(0.5), vec{});
          });
          raise<Real, n_bases>(power, zeta);
          unrolled<n_exponents>([&](auto e) __attribute__((always_inline)) {
            vec factor = S::load(second[e.value] + k);
            if constexpr (masked.value != 0) factor = S::first(factor, end_k - k);
            unrolled<n_bases>([&](auto b) __attribute__((always_inline)) {
              row[e.value * n_bases + b.value] += factor * power[b.value];
            });
          });
        };
        int k = (same ? j + 1 : begin_k) + offset;
        for (; k + S::width <= end_k; k += S::lanes) add(k, Constant<0>());
        if (k < end_k) add(k, Constant<1>());
        unrolled<n_sums>([&](auto i) __attribute__((always_inline)) {
          sum[i.value] += first[i.value / n_bases][j] * row[i.value];
        });
      }
      unrolled<n_sums>([&](auto i) { S::add_to(lanes[i.value] + offset, sum[i.value]); });
    }
  });
  for (int e = 0; e < n_exponents; e++)
    for (int b = 0; b < n_bases; b++)
      if (group.totals[e][b] >= 0)
        a.totals[group.totals[e][b]] = 2.0 * sum_lanes<S::lanes>(lanes[e * n_bases + b]);
}

template <class Real>
void sweep_wide(const ElementPlan<Real> &plan, const WideGroup<Real> &group, const SortedNeighbours &in,
                const Arrays<Real> &a)
{
  switch (2 * group.n_exponents + group.n_bases) {
  case 3: return sweep_wide<Real, 1, 1>(plan, group, in, a);
  case 4: return sweep_wide<Real, 1, 2>(plan, group, in, a);
  case 5: return sweep_wide<Real, 2, 1>(plan, group, in, a);
  case 6: return sweep_wide<Real, 2, 2>(plan, group, in, a);
  case 7: return sweep_wide<Real, 3, 1>(plan, group, in, a);
  case 8: return sweep_wide<Real, 3, 2>(plan, group, in, a);
  case 9: return sweep_wide<Real, 4, 1>(plan, group, in, a);
  case 10: return sweep_wide<Real, 4, 2>(plan, group, in, a);
  }
}

/// The wide functions of zeta above the limit.
template <class Real>
void wide_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a,
                    int moment_limit)
{
  for (int g = 0; g < plan.n_wide_groups && plan.wide_groups[g].zeta > moment_limit; g++)
    sweep_wide(plan, plan.wide_groups[g], in, a);
}
