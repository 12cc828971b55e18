// SPDX-License-Identifier: GPL-2.0-or-later

/// Cutoff functions and radial functions. Included by kernels.inl inside an anonymous namespace.

/// Cutoff function of vectors of r^2 and r (r only where CutoffTerm::needs_r), both below the cutoff radius
/// up to rounding. The root at the cutoff is a factor of its own, so the relative accuracy holds up to there.
template <class Real, int type>
inline typename Simd<Real>::vec cutoff_vector(const CutoffTerm<Real> &t, typename Simd<Real>::vec r2,
                                              typename Simd<Real>::vec r)
{
  using S = Simd<Real>;
  using C = Coefficients<Real>;
  using vec = typename S::vec;
  const vec zero{}, one = S::all(Real(1));
  if constexpr (type == cutoff_hard) return one;
  if constexpr (type == cutoff_tanh_unit || type == cutoff_tanh_norm) {
    const vec y = maximum<Real>(one - r * t.inverse_cutoff, zero);
    const vec tanh = y * polynomial<Real>(y * y, C::tanh);
    return tanh * tanh * (tanh * t.scale);
  }

  vec x2, x = zero;
  if (type == cutoff_cosine && !t.needs_r) {
    x2 = r2 * (t.inverse_cutoff * t.inverse_cutoff);
  } else {
    x = maximum<Real>((r - t.r_inner) * t.inverse_width, zero);
    x2 = x * x;
  }
  if constexpr (type == cutoff_cosine) {
    const vec half = maximum<Real>(one - x2, zero) * polynomial<Real>(x2, C::cosine);
    return half * half;
  }
  const vec y = maximum<Real>(one - x, zero);
  if constexpr (type == cutoff_exponential) {
    const vec below = maximum<Real>(y * (one + x), S::all(C::tiny));
    // so large an exponent that clamping it gives 0 in the sum
    return exp2_negative<Real>(maximum<Real>(x2 * Real(-log2_of_e) / below, S::all(C::lowest_exponent)));
  }
  const vec y2 = y * y;
  if constexpr (type == cutoff_poly1) return y2 * (one + x * Real(2));
  if constexpr (type == cutoff_poly2) return y2 * y * (one + x * (Real(3) + x * Real(6)));
  if constexpr (type == cutoff_poly3) return y2 * y2 * (one + x * (Real(4) + x * (Real(10) + x * Real(20))));
  if constexpr (type == cutoff_poly4)
    return y2 * y2 * y * (one + x * (Real(5) + x * (Real(15) + x * (Real(35) + x * Real(70)))));
  return one;
}

template <class Real, int type>
void cutoff_loop(const CutoffTerm<Real> &t, const Real *r2, const Real *r, Real *out, int n)
{
  using S = Simd<Real>;
  for (int k = 0; k < n; k += S::width)
    S::store(out + k, cutoff_vector<Real, type>(t, S::load(r2 + k), S::load(r + k)));
}

/// Cutoff function of n distances, n rounded up to whole vectors.
template <class Real>
void cutoff_array(const CutoffTerm<Real> &t, const Real *r2, const Real *r, Real *out, int n)
{
  switch (t.type) {
  case cutoff_hard: return cutoff_loop<Real, cutoff_hard>(t, r2, r, out, n);
  case cutoff_cosine: return cutoff_loop<Real, cutoff_cosine>(t, r2, r, out, n);
  case cutoff_tanh_unit: return cutoff_loop<Real, cutoff_tanh_unit>(t, r2, r, out, n);
  case cutoff_tanh_norm: return cutoff_loop<Real, cutoff_tanh_norm>(t, r2, r, out, n);
  case cutoff_exponential: return cutoff_loop<Real, cutoff_exponential>(t, r2, r, out, n);
  case cutoff_poly1: return cutoff_loop<Real, cutoff_poly1>(t, r2, r, out, n);
  case cutoff_poly2: return cutoff_loop<Real, cutoff_poly2>(t, r2, r, out, n);
  case cutoff_poly3: return cutoff_loop<Real, cutoff_poly3>(t, r2, r, out, n);
  case cutoff_poly4: return cutoff_loop<Real, cutoff_poly4>(t, r2, r, out, n);
  }
}


template <class Real, bool shifted>
inline typename Simd<Real>::vec gaussian(Real exponent, Real shift, typename Simd<Real>::vec r2,
                                         typename Simd<Real>::vec r)
{
  if constexpr (shifted) {
    const typename Simd<Real>::vec d = r - shift;
    return exp2_negative<Real>(d * d * exponent);
  } else {
    return exp2_negative<Real>(r2 * exponent);
  }
}

/// Gaussian times cutoff of n neighbours; their sum. The cutoff array is zero from n to the next multiple of
/// the lanes.
template <class Real, bool shifted, bool store>
double radial_sum(const RadialTask<Real> &task, const Real *r2, const Real *r, const Real *cutoff,
                  Real *stored, int n)
{
  using S = Simd<Real>;
  const Real exponent = task.exponent, shift = task.shift;
  double lanes[S::lanes] = {};
  constexpr int block_size = pair_chunk<Real>;
  for (int block = 0; block < n; block += block_size) {    // partial sums, added up in double precision
    const int end = block + block_size < n ? block + block_size : n;
    typename S::vec sum[S::parts] = {};
    for (int k = block; k < end; k += S::lanes)
      unrolled<S::parts>([&](auto p) __attribute__((always_inline)) {
        const int i = k + p.value * S::width;
        const auto value =
            S::load(cutoff + i) * gaussian<Real, shifted>(exponent, shift, S::load(r2 + i), S::load(r + i));
        if constexpr (store) S::store(stored + i, value);
        sum[p.value] += value;
      });
    unrolled<S::parts>([&](auto p) { S::add_to(lanes + p.value * S::width, sum[p.value]); });
  }
  return sum_lanes<S::lanes>(lanes);
}

template <class Real>
void radial_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a)
{
  for (int g = 0; g < plan.n_radial_groups; g++) {
    const RadialGroup &group = plan.radial_groups[g];
    const int begin = in.slot_begin[group.slot];
    const int n = a.count[group.slot * plan.n_cutoffs + group.cutoff];
    const Real *r2 = a.r2 + begin, *r = a.r + begin;
    cutoff_array(plan.cutoffs[group.cutoff], r2, r, a.cutoff, n);
    for (int k = n; k < round_up(n, Simd<Real>::lanes); k++) a.cutoff[k] = Real(0);
    for (int t = group.task_begin; t < group.task_end; t++) {
      const RadialTask<Real> &task = plan.radial_tasks[t];
      Real *stored = task.store < 0 ? nullptr : a.stored + std::size_t(task.store) * a.stride + begin;
      double sum;
      if (task.shifted)
        sum = stored != nullptr ? radial_sum<Real, true, true>(task, r2, r, a.cutoff, stored, n)
                                : radial_sum<Real, true, false>(task, r2, r, a.cutoff, stored, n);
      else
        sum = stored != nullptr ? radial_sum<Real, false, true>(task, r2, r, a.cutoff, stored, n)
                                : radial_sum<Real, false, false>(task, r2, r, a.cutoff, stored, n);
      if (task.total >= 0) a.totals[task.total] = sum;
    }
  }
}
