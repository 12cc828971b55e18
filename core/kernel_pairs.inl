// SPDX-License-Identifier: GPL-2.0-or-later

/// Angular functions summed over pairs of neighbours. Included by kernels.inl inside an anonymous namespace.

/// Add weight * power over a chunk for `count` functions of one Gaussian.
template <class Real, int count>
void accumulate(const Arrays<Real> &a, const Real *weight, const PairUse *uses, int n)
{
  using S = Simd<Real>;
  const Real *power[count];
  for (int f = 0; f < count; f++) power[f] = a.powers + std::size_t(uses[f].power) * chunk_stride<Real>;
  for (int p = 0; p < S::parts; p++) {
    typename S::vec sum[count] = {};
    for (int i = p * S::width; i < n; i += S::lanes) {
      const auto w = S::load(weight + i);
      for (int f = 0; f < count; f++) sum[f] += w * S::load(power[f] + i);
    }
    for (int f = 0; f < count; f++)
      S::add_to(a.lanes + std::size_t(uses[f].total) * S::lanes + p * S::width, sum[f]);
  }
}

template <class Real>
void accumulate_all(const Arrays<Real> &a, const Real *weight, const PairUse *uses, int n_uses, int n)
{
  for (; n_uses >= 8; n_uses -= 8, uses += 8) accumulate<Real, 8>(a, weight, uses, n);
  switch (n_uses) {
  case 7: return accumulate<Real, 7>(a, weight, uses, n);
  case 6: return accumulate<Real, 6>(a, weight, uses, n);
  case 5: return accumulate<Real, 5>(a, weight, uses, n);
  case 4: return accumulate<Real, 4>(a, weight, uses, n);
  case 3: return accumulate<Real, 3>(a, weight, uses, n);
  case 2: return accumulate<Real, 2>(a, weight, uses, n);
  case 1: return accumulate<Real, 1>(a, weight, uses, n);
  }
}

/// Powers of (1 + lambda cos(theta - theta_s)) / 2 for a chunk.
template <class Real> void chunk_powers(const PairGroup<Real> &group, const Arrays<Real> &a, int n)
{
  using S = Simd<Real>;
  using vec = typename S::vec;
  const auto row = [&](int power) { return a.powers + std::size_t(power) * chunk_stride<Real>; };
  for (int b = 0; b < group.n_bases; b++) {
    const AngularBase<Real> &base = group.bases[b];
    Real *out = row(base.target);
    for (int i = 0; i < n; i += S::width) {
      vec x = S::load(a.cosine + i) * base.cosine + Real(0.5);
      if (group.needs_sine) x += S::load(a.sine + i) * base.sine;
      S::store(out + i, maximum<Real>(x, vec{}));
    }
  }
  for (int s = 0; s < group.n_steps; s++) {
    const PowerStep<Real> &step = group.steps[s];
    Real *out = row(step.target);
    const Real *from = row(step.a);
    switch (step.kind) {
    case PowerStep<Real>::square:
      if (step.b == 1) {
        for (int i = 0; i < n; i += S::width) {
          const vec v = S::load(from + i);
          S::store(out + i, v * v);
        }
      } else {
        for (int i = 0; i < n; i += S::width) {
          vec v = S::load(from + i);
          for (int k = 0; k < step.b; k++) v = v * v;
          S::store(out + i, v);
        }
      }
      break;
    case PowerStep<Real>::multiply: {
      const Real *other = row(step.b);
      for (int i = 0; i < n; i += S::width) S::store(out + i, S::load(from + i) * S::load(other + i));
      break;
    }
    case PowerStep<Real>::real:
      for (int i = 0; i < n; i += S::width) {
        const vec v = maximum<Real>(S::load(from + i), S::all(Coefficients<Real>::tiny));
        const vec y = log2_positive<Real>(v) * step.power;
        S::store(out + i, exp2_negative<Real>(maximum<Real>(y, S::all(Coefficients<Real>::lowest_exponent))));
      }
      break;
    }
  }
}

/// Functions of zeta 1, 2, 4, 8, 16 (bits of `powers`) of one lambda for one or two Gaussians, all in
/// registers.
template <class Real, int powers, int n_exponents>
void register_functions(const Arrays<Real> &a, const RegisterBase<Real> &base, const Real *weight,
                        const int *totals, int n)
{
  using S = Simd<Real>;
  using vec = typename S::vec;
  for (int p = 0; p < S::parts; p++) {
    vec sum[n_exponents][n_register_powers] = {};
    for (int i = p * S::width; i < n; i += S::lanes) {
      vec x = maximum<Real>(S::load(a.cosine + i) * base.cosine + Real(0.5), vec{});
      vec w[n_exponents];
      for (int e = 0; e < n_exponents; e++) w[e] = S::load(weight + e * chunk_stride<Real> + i);
#pragma GCC unroll 8
      for (int b = 0; b < n_register_powers; b++) {
        if (powers >> b & 1)
          for (int e = 0; e < n_exponents; e++) sum[e][b] += w[e] * x;
        if (powers >> (b + 1)) x = x * x;
      }
    }
#pragma GCC unroll 8
    for (int b = 0; b < n_register_powers; b++)
      if (powers >> b & 1)
        for (int e = 0; e < n_exponents; e++)
          S::add_to(a.lanes + std::size_t(totals[e * n_register_powers + b]) * S::lanes + p * S::width,
                    sum[e][b]);
  }
}

template <class Real, int n_exponents>
void register_functions(const Arrays<Real> &a, const RegisterBase<Real> &base, const Real *weight,
                        const int *totals, int n)
{
#define MDSIEVE_POWERS(powers)                                                                               \
  case powers: return register_functions<Real, powers, n_exponents>(a, base, weight, totals, n);
#define MDSIEVE_POWERS_4(powers)                                                                             \
  MDSIEVE_POWERS(powers) MDSIEVE_POWERS(powers + 1) MDSIEVE_POWERS(powers + 2) MDSIEVE_POWERS(powers + 3)
  switch (base.powers) {
    MDSIEVE_POWERS(1)
    MDSIEVE_POWERS(2) MDSIEVE_POWERS(3) MDSIEVE_POWERS_4(4) MDSIEVE_POWERS_4(8) MDSIEVE_POWERS_4(12)
        MDSIEVE_POWERS_4(16) MDSIEVE_POWERS_4(20) MDSIEVE_POWERS_4(24) MDSIEVE_POWERS_4(28)
  }
#undef MDSIEVE_POWERS_4
#undef MDSIEVE_POWERS
}

template <class Real, bool shifted>
void chunk_gaussian(const PairExponent<Real> &e, const Arrays<Real> &a, Real *weight, int n)
{
  using S = Simd<Real>;
  for (int i = 0; i < n; i += S::width)
    S::store(weight + i,
             S::load(weight + i) * S::load(a.pair_cutoff + i) *
                 gaussian<Real, shifted>(e.exponent, e.shift, S::load(a.d2 + i), S::load(a.distance + i)));
}

/// Gaussian of the mean distance, times both cutoff functions.
template <class Real, bool shifted>
void chunk_mean_gaussian(const PairExponent<Real> &e, const Arrays<Real> &a, Real *weight, int n)
{
  using S = Simd<Real>;
  for (int i = 0; i < n; i += S::width) {
    const auto mean = S::load(a.distance + i);
    S::store(weight + i,
             S::load(a.pair_cutoff + i) * gaussian<Real, shifted>(e.exponent, e.shift, mean * mean, mean));
  }
}

/// Sine of acos(0.95 cos(theta)).
template <class Real> void chunk_scaled_sine(const Arrays<Real> &a, int n)
{
  using S = Simd<Real>;
  const Real scale = Real(-aev_cosine_scale * aev_cosine_scale);
  for (int i = 0; i < n; i += S::width) {
    const auto cosine = S::load(a.cosine + i);
    S::store(a.sine + i, square_root<Real>(cosine * cosine * scale + Real(1)));
  }
}

/// Gaussian and cosine cutoff in one polynomial.
template <class Real, int degree>
void chunk_fit(const PairExponent<Real> &e, Real inverse_r2_cutoff, const Arrays<Real> &a, Real *weight,
               int n)
{
  using S = Simd<Real>;
  Real fit[degree + 1];
  for (int i = 0; i <= degree; i++) fit[i] = e.fit[i];
  const Real scale = 2 * inverse_r2_cutoff;
  const Real *const d2 = a.d2;
  for (int i = 0; i < n; i += S::width) {
    const auto t = S::load(d2 + i) * scale - Real(1);
    const auto y = Real(1) - t;
    S::store(weight + i, S::load(weight + i) * (y * y) * polynomial<Real>(t, fit));
  }
}

template <class Real>
void chunk_fit(const PairExponent<Real> &e, Real inverse_r2_cutoff, const Arrays<Real> &a, Real *weight,
               int n)
{
#define MDSIEVE_DEGREE(degree)                                                                               \
  case degree:                                                                                               \
    if constexpr (degree <= max_fit_degree<Real>)                                                            \
      return chunk_fit<Real, degree>(e, inverse_r2_cutoff, a, weight, n);                                    \
    break;
  switch (e.fit_degree) {
    MDSIEVE_DEGREE(1)
    MDSIEVE_DEGREE(2) MDSIEVE_DEGREE(3) MDSIEVE_DEGREE(4) MDSIEVE_DEGREE(5) MDSIEVE_DEGREE(6)
        MDSIEVE_DEGREE(7) MDSIEVE_DEGREE(8) MDSIEVE_DEGREE(9) MDSIEVE_DEGREE(10) MDSIEVE_DEGREE(11)
            MDSIEVE_DEGREE(12) MDSIEVE_DEGREE(13)
  }
#undef MDSIEVE_DEGREE
}

/// Evaluate the first n pairs of the chunk buffers (n a multiple of the lanes).
template <class Real>
void evaluate_chunk(const ElementPlan<Real> &plan, const PairGroup<Real> &group, const Arrays<Real> &a, int n)
{
  using S = Simd<Real>;
  const CutoffTerm<Real> &cutoff = plan.cutoffs[group.cutoff];
  if (group.needs_r)
    for (int i = 0; i < n; i += S::width)
      S::store(a.distance + i, square_root<Real>(maximum<Real>(S::load(a.d2 + i), typename S::vec{})));
  if (group.needs_cutoff) cutoff_array(cutoff, a.d2, a.distance, a.pair_cutoff, n);
  if (group.kind == PairKind::mean_distance && group.needs_sine) chunk_scaled_sine(a, n);
  if (group.n_bases > 0) chunk_powers(group, a, n);
  for (int e = 0; e < group.n_exponents; e++) {
    const PairExponent<Real> &exponent = group.exponents[e];
    Real *weight = a.weights + std::size_t(e) * chunk_stride<Real>;
    if (group.kind == PairKind::mean_distance) {
      if (exponent.shifted)
        chunk_mean_gaussian<Real, true>(exponent, a, weight, n);
      else
        chunk_mean_gaussian<Real, false>(exponent, a, weight, n);
    } else if (group.kind == PairKind::narrow) {
      if (exponent.fit_degree > 0)
        chunk_fit(exponent, cutoff.inverse_cutoff * cutoff.inverse_cutoff, a, weight, n);
      else if (exponent.shifted)
        chunk_gaussian<Real, true>(exponent, a, weight, n);
      else
        chunk_gaussian<Real, false>(exponent, a, weight, n);
    }
    accumulate_all(a, weight, group.uses + exponent.use_begin, exponent.use_end - exponent.use_begin, n);
  }
  for (int b = 0; b < group.n_register_bases; b++) {
    const RegisterBase<Real> &base = group.register_bases[b];
    for (int e = 0; e < group.n_exponents; e += 2) {
      const Real *weight = a.weights + std::size_t(e) * chunk_stride<Real>;
      const int *totals = base.totals + e * n_register_powers;
      if (e + 1 < group.n_exponents)
        register_functions<Real, 2>(a, base, weight, totals, n);
      else
        register_functions<Real, 1>(a, base, weight, totals, n);
    }
  }
}

/// Move what lies beyond the chunk to its front.
template <class Real> void carry_over(const PairGroup<Real> &group, const Arrays<Real> &a, int rest)
{
  const auto move = [&](Real *row) {
    for (int i = 0; i < rest; i++) row[i] = row[pair_chunk<Real> + i];
  };
  move(a.cosine);
  if (group.kind == PairKind::mean_distance) {
    move(a.distance);
    move(a.pair_cutoff);
    return;
  }
  if (group.kind == PairKind::narrow) move(a.d2);
  if (group.needs_sine) move(a.sine);
  for (int e = 0; e < group.n_exponents; e++) move(a.weights + std::size_t(e) * chunk_stride<Real>);
}

/// Evaluate a full chunk; how many pairs remain.
template <class Real>
__attribute__((noinline)) int flush_chunk(const ElementPlan<Real> &plan, const PairGroup<Real> &group,
                                          const Arrays<Real> &a, int fill)
{
  evaluate_chunk(plan, group, a, pair_chunk<Real>);
  carry_over(group, a, fill - pair_chunk<Real>);
  return fill - pair_chunk<Real>;
}

/// Evaluate what is left, filled up with pairs of no weight.
template <class Real>
__attribute__((noinline)) void finish_chunk(const ElementPlan<Real> &plan, const PairGroup<Real> &group,
                                            const Arrays<Real> &a, int fill)
{
  if (fill == 0) return;
  const int n = round_up(fill, Simd<Real>::lanes);
  for (int i = fill; i < n; i++) {
    a.cosine[i] = a.d2[i] = a.sine[i] = Real(0);
    if (group.kind == PairKind::mean_distance) a.distance[i] = a.pair_cutoff[i] = Real(0);
    for (int e = 0; e < group.n_exponents; e++) a.weights[std::size_t(e) * chunk_stride<Real> + i] = Real(0);
  }
  evaluate_chunk(plan, group, a, n);
}

/// Collect the pairs of a group in canonical order and evaluate them chunk by chunk.
/// \tparam fixed_exponents  number of Gaussians, or 0 for any number
template <class Real, bool narrow, bool needs_sine, int fixed_exponents>
void sweep_pairs(const ElementPlan<Real> &plan, const PairGroup<Real> &group, const SortedNeighbours &in,
                 const Arrays<Real> &a)
{
  using S = Simd<Real>;
  using vec = typename S::vec;
  constexpr int n_local = fixed_exponents > 0 ? fixed_exponents : 1;
  const bool same = group.slot_first == group.slot_second;
  const int begin_j = in.slot_begin[group.slot_first], begin_k = in.slot_begin[group.slot_second];
  const int end_j = begin_j + a.count[group.slot_first * plan.n_cutoffs + group.cutoff];
  const int end_k = begin_k + a.count[group.slot_second * plan.n_cutoffs + group.cutoff];
  const Real r2_cutoff = Real(plan.cutoffs[group.cutoff].r2_cutoff);
  // copies: the compiler cannot know that the stores below leave the originals alone
  const Real *const ux = a.ux, *const uy = a.uy, *const uz = a.uz, *const r = a.r, *const r2 = a.r2;
  Real *const cosines = a.cosine, *const d2s = a.d2, *const sines = a.sine, *const weights = a.weights;
  const Real *first[n_local], *second[n_local];
  for (int e = 0; e < fixed_exponents; e++) {
    first[e] = a.stored + std::size_t(group.exponents[e].store_first) * a.stride;
    second[e] = a.stored + std::size_t(group.exponents[e].store_second) * a.stride;
  }

  int fill = 0;
  for (int j = begin_j; j < end_j; j++) {
    const vec x = S::all(ux[j]), y = S::all(uy[j]), z = S::all(uz[j]), r2_j = S::all(r2[j]);
    const vec twice_r = S::all(2 * r[j]);
    vec factor[n_local];
    unrolled<fixed_exponents>([&](auto e) { factor[e.value] = S::all(first[e.value][j]); });

    const auto collect = [&](int k, unsigned wanted) __attribute__((always_inline)) {
      const vec xk = S::load(ux + k), yk = S::load(uy + k), zk = S::load(uz + k);
      const vec cosine = x * xk + y * yk + z * zk;
      unsigned bits = wanted;
      vec d2{};
      if constexpr (narrow) {
        d2 = (r2_j + S::load(r2 + k)) - twice_r * (S::load(r + k) * cosine);
        bits &= bits_of<Real>(d2 < r2_cutoff);
      }
      const Compressor<Real> compress(bits);
      compress.store(cosines + fill, cosine);
      if constexpr (narrow) compress.store(d2s + fill, d2);
      if constexpr (needs_sine) {
        const vec cx = y * zk - z * yk, cy = z * xk - x * zk, cz = x * yk - y * xk;
        compress.store(sines + fill, square_root<Real>(cx * cx + cy * cy + cz * cz));
      }
      unrolled<fixed_exponents>([&](auto e) __attribute__((always_inline)) {
        compress.store(weights + e.value * chunk_stride<Real> + fill,
                       factor[e.value] * S::load(second[e.value] + k));
      });
      if constexpr (fixed_exponents == 0)
        for (int e = 0; e < group.n_exponents; e++) {
          const PairExponent<Real> &exponent = group.exponents[e];
          const Real *one = a.stored + std::size_t(exponent.store_first) * a.stride;
          const Real *other = a.stored + std::size_t(exponent.store_second) * a.stride;
          compress.store(weights + std::size_t(e) * chunk_stride<Real> + fill, one[j] * S::load(other + k));
        }
      fill += __builtin_popcount(bits);
      if (__builtin_expect(fill >= pair_chunk<Real>, 0)) fill = flush_chunk(plan, group, a, fill);
    };

    int k = same ? j + 1 : begin_k;
    for (; k + S::width <= end_k; k += S::width) collect(k, ~0u >> (32 - S::width));
    if (k < end_k) collect(k, (1u << (end_k - k)) - 1u);
  }
  finish_chunk(plan, group, a, fill);
}

template <class Real, bool narrow, bool needs_sine>
void sweep_pairs(const ElementPlan<Real> &plan, const PairGroup<Real> &group, const SortedNeighbours &in,
                 const Arrays<Real> &a)
{
  switch (needs_sine ? 0 : group.n_exponents) {
  case 1: return sweep_pairs<Real, narrow, needs_sine, 1>(plan, group, in, a);
  case 2: return sweep_pairs<Real, narrow, needs_sine, 2>(plan, group, in, a);
  case 3: return sweep_pairs<Real, narrow, needs_sine, 3>(plan, group, in, a);
  case 4: return sweep_pairs<Real, narrow, needs_sine, 4>(plan, group, in, a);
  default: return sweep_pairs<Real, narrow, needs_sine, 0>(plan, group, in, a);
  }
}

/// The same for functions of the mean distance. Both neighbours lie inside the cutoff, so every pair counts.
template <class Real>
void sweep_mean_distances(const ElementPlan<Real> &plan, const PairGroup<Real> &group,
                          const SortedNeighbours &in, const Arrays<Real> &a)
{
  using S = Simd<Real>;
  using vec = typename S::vec;
  const bool same = group.slot_first == group.slot_second;
  const int begin_j = in.slot_begin[group.slot_first], begin_k = in.slot_begin[group.slot_second];
  const int end_j = begin_j + a.count[group.slot_first * plan.n_cutoffs + group.cutoff];
  const int end_k = begin_k + a.count[group.slot_second * plan.n_cutoffs + group.cutoff];
  const Real *const ux = a.ux, *const uy = a.uy, *const uz = a.uz, *const r = a.r;
  const Real *const first = a.stored + std::size_t(group.exponents[0].store_first) * a.stride;
  const Real *const second = a.stored + std::size_t(group.exponents[0].store_second) * a.stride;
  Real *const cosines = a.cosine, *const means = a.distance, *const cutoffs = a.pair_cutoff;

  int fill = 0;
  for (int j = begin_j; j < end_j; j++) {
    const vec x = S::all(ux[j]), y = S::all(uy[j]), z = S::all(uz[j]);
    const Real half_r = Real(0.5) * r[j], cutoff = first[j];
    int k = same ? j + 1 : begin_k;
    while (k < end_k) {    // what is stored beyond the row's end is overwritten or ignored
      S::store(cosines + fill, x * S::load(ux + k) + y * S::load(uy + k) + z * S::load(uz + k));
      S::store(means + fill, S::load(r + k) * Real(0.5) + half_r);
      S::store(cutoffs + fill, S::load(second + k) * cutoff);
      const int taken = end_k - k < S::width ? end_k - k : S::width;
      k += taken;
      fill += taken;
      if (fill >= pair_chunk<Real>) fill = flush_chunk(plan, group, a, fill);
    }
  }
  finish_chunk(plan, group, a, fill);
}

template <class Real>
void pair_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a)
{
  constexpr int lanes = Lanes<Real>::count;
  for (int g = 0; g < plan.n_pair_groups; g++) {
    const PairGroup<Real> &group = plan.pair_groups[g];
    for (int t = 0; t < group.n_totals; t++)
      for (int i = 0; i < lanes; i++) a.lanes[std::size_t(group.totals[t]) * lanes + i] = 0.0;
    switch (group.kind) {
    case PairKind::mean_distance: sweep_mean_distances(plan, group, in, a); break;
    case PairKind::narrow:
      if (group.needs_sine)
        sweep_pairs<Real, true, true>(plan, group, in, a);
      else
        sweep_pairs<Real, true, false>(plan, group, in, a);
      break;
    case PairKind::wide:
      if (group.needs_sine)
        sweep_pairs<Real, false, true>(plan, group, in, a);
      else
        sweep_pairs<Real, false, false>(plan, group, in, a);
      break;
    }
    // 2^(1 - zeta) (1 + ...)^zeta = 2 x^zeta
    for (int t = 0; t < group.n_totals; t++)
      a.totals[group.totals[t]] = 2.0 * sum_lanes<lanes>(a.lanes + std::size_t(group.totals[t]) * lanes);
  }
}
