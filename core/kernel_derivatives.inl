// SPDX-License-Identifier: GPL-2.0-or-later

/// Derivatives of the fingerprint with respect to the neighbours' positions, in double precision. Included by
/// kernels.inl inside an anonymous namespace.
///
/// A term of an angular function is T = 2 x(cos)^zeta g(r_ij) g(r_ik) g(r_jk). Its gradient with respect to
/// r_j is dT/dcos (u_k - cos u_j) / r_ij + dT/dr_ij u_j + dT/dr_jk (r_j - r_k) / r_jk. For one neighbour j
/// all k are summed, j before k as well as after it, so that nothing has to be scattered: the sum is
///   (sum_k alpha_k u_k) + (sum_k beta_k) u_j.
/// The Gaussian of the mean distance (PairKind::mean_distance) has dT/dr_ij with a part of its own, half its
/// slope.

/// Scratch arrays of one atom. Neighbour arrays are readable 64 items beyond the end.
struct DerivativeArrays {
  double *ux, *uy, *uz, *r, *r2, *cutoff, *cutoff_slope;
  double *value, *slope;    ///< rows of `stride`, one a factor
  std::size_t stride;
  int *count;                                        ///< [slot * n_cutoffs + cutoff]
  double *cosine, *sine, *d2, *distance, *inside;    ///< of a row of pairs
  double *pair_cutoff, *pair_slope;
  double *weight, *pull;    ///< rows of `stride`, one an exponent: g_k g_jk and g_k g'_jk / r_jk; of the
                            ///< mean distance g_k G and g_k G' / 2
  double *power, *steep;    ///< rows of `stride`, one a power: 2 x^zeta and its derivative by the cosine
};

inline DerivativeArrays lay_out(const DerivativePlan &plan, int n, Arena &arena)
{
  DerivativeArrays a{};
  a.stride = std::size_t(round_up(n, 16)) + 64;
  double **const arrays[] = {&a.ux,       &a.uy,           &a.uz,          &a.r,         &a.r2,
                             &a.cutoff,   &a.cutoff_slope, &a.cosine,      &a.sine,      &a.d2,
                             &a.distance, &a.inside,       &a.pair_cutoff, &a.pair_slope};
  for (double **array : arrays) *array = arena.take<double>(a.stride);
  const auto rows = [&](int n) { return arena.take<double>(a.stride * std::size_t(n)); };
  a.value = rows(plan.n_factors);
  a.slope = rows(plan.n_factors);
  a.weight = rows(plan.most_exponents);
  a.pull = rows(plan.most_exponents);
  a.power = rows(plan.most_powers);
  a.steep = rows(plan.most_powers);
  a.count = arena.take<int>(std::size_t(plan.n_slots) * std::size_t(plan.n_cutoffs));
  return a;
}

/// df_c/dr, to go with cutoff_vector. x is the cutoff function's own variable.
template <int type>
inline Simd<double>::vec cutoff_slope_vector(const CutoffTerm<double> &t, Simd<double>::vec r,
                                             Simd<double>::vec value)
{
  using S = Simd<double>;
  using vec = S::vec;
  const vec zero{}, one = S::all(1.0);
  if constexpr (type == cutoff_hard) return zero;
  if constexpr (type == cutoff_tanh_unit || type == cutoff_tanh_norm) {
    const vec y = maximum<double>(one - r * t.inverse_cutoff, zero);
    const vec tanh = y * polynomial<double>(y * y, Coefficients<double>::tanh);
    return tanh * tanh * (one - tanh * tanh) * (-3.0 * t.scale * t.inverse_cutoff);
  }
  const vec x = maximum<double>((r - t.r_inner) * t.inverse_width, zero);
  const vec y = maximum<double>(one - x, zero);
  if constexpr (type == cutoff_cosine) {
    // f_c = c^2, c = cos(pi x / 2) = (1 - x^2) p(x^2); dc/dx = -pi/2 cos(pi (1 - x) / 2)
    constexpr double half_pi = 1.57079632679489661923;
    const vec x2 = x * x, y2 = y * y;
    const vec c = (one - x2) * polynomial<double>(x2, Coefficients<double>::cosine);
    const vec s = (one - y2) * polynomial<double>(y2, Coefficients<double>::cosine);
    return maximum<double>(c, zero) * s * (-2.0 * half_pi * t.inverse_width);
  }
  if constexpr (type == cutoff_exponential) {
    const vec below = maximum<double>(y * (one + x), S::all(1e-3));    // nearer to r_c f_c is 0
    return value * x * (-2.0 * t.inverse_width) / (below * below);
  }
  if constexpr (type == cutoff_poly1) return x * y * (-6.0 * t.inverse_width);
  if constexpr (type == cutoff_poly2) return x * x * y * y * (-30.0 * t.inverse_width);
  if constexpr (type == cutoff_poly3) return x * x * x * y * y * y * (-140.0 * t.inverse_width);
  if constexpr (type == cutoff_poly4) {
    const vec xy = x * y;
    return xy * xy * xy * xy * (-630.0 * t.inverse_width);
  }
  return zero;
}

template <int type>
void cutoff_slope_loop(const CutoffTerm<double> &t, const double *r, const double *value, double *slope,
                       int n)
{
  using S = Simd<double>;
  for (int k = 0; k < n; k += S::width)
    S::store(slope + k, cutoff_slope_vector<type>(t, S::load(r + k), S::load(value + k)));
}

/// Cutoff function and its slope at n distances, n rounded up to whole vectors.
inline void cutoff_with_slope(const CutoffTerm<double> &t, const double *r2, const double *r, double *value,
                              double *slope, int n)
{
  cutoff_array<double>(t, r2, r, value, n);
  switch (t.type) {
  case cutoff_hard: return cutoff_slope_loop<cutoff_hard>(t, r, value, slope, n);
  case cutoff_cosine: return cutoff_slope_loop<cutoff_cosine>(t, r, value, slope, n);
  case cutoff_tanh_unit: return cutoff_slope_loop<cutoff_tanh_unit>(t, r, value, slope, n);
  case cutoff_tanh_norm: return cutoff_slope_loop<cutoff_tanh_norm>(t, r, value, slope, n);
  case cutoff_exponential: return cutoff_slope_loop<cutoff_exponential>(t, r, value, slope, n);
  case cutoff_poly1: return cutoff_slope_loop<cutoff_poly1>(t, r, value, slope, n);
  case cutoff_poly2: return cutoff_slope_loop<cutoff_poly2>(t, r, value, slope, n);
  case cutoff_poly3: return cutoff_slope_loop<cutoff_poly3>(t, r, value, slope, n);
  case cutoff_poly4: return cutoff_slope_loop<cutoff_poly4>(t, r, value, slope, n);
  }
}

/// Every factor g and its slope.
inline void derivative_factors(const DerivativePlan &plan, const SortedNeighbours &in,
                               const DerivativeArrays &a)
{
  using S = Simd<double>;
  for (int f = 0; f < plan.n_factors; f++) {
    const DerivativeFactor &factor = plan.factors[f];
    const int begin = in.slot_begin[factor.slot], n = a.count[factor.slot * plan.n_cutoffs + factor.cutoff];
    cutoff_with_slope(plan.cutoffs[factor.cutoff], a.r2 + begin, a.r + begin, a.cutoff, a.cutoff_slope, n);
    double *value = a.value + std::size_t(f) * a.stride + begin;
    double *slope = a.slope + std::size_t(f) * a.stride + begin;
    for (int k = 0; k < n; k += S::width) {
      const S::vec d = S::load(a.r + begin + k) - factor.shift;
      const S::vec gaussian = exp2_negative<double>(d * d * (-log2_of_e * factor.eta));
      const S::vec cutoff = S::load(a.cutoff + k);
      S::store(value + k, cutoff * gaussian);
      S::store(slope + k, (S::load(a.cutoff_slope + k) - cutoff * d * (2.0 * factor.eta)) * gaussian);
    }
  }
}

/// One neighbour j and all k of a slot.
struct DerivativeRow {
  int j, begin, n;    ///< k = begin, ..., begin + n - 1
  bool swapped;       ///< j is the second of the group's neighbours
};

/// Cosines, distances, and which k count.
inline void row_geometry(const DerivativePlan &plan, const DerivativeGroup &group, const SortedNeighbours &in,
                         const DerivativeArrays &a, const DerivativeRow &row)
{
  using S = Simd<double>;
  using vec = S::vec;
  const int j = row.j;
  const CutoffTerm<double> &cutoff = plan.cutoffs[group.cutoff];
  const vec one = S::all(1.0);
  for (int i = 0; i < row.n; i += S::width) {
    const int k = row.begin + i;
    const vec x = S::load(a.ux + k), y = S::load(a.uy + k), z = S::load(a.uz + k);
    const vec cosine = a.ux[j] * x + a.uy[j] * y + a.uz[j] * z;
    const vec cx = a.uy[j] * z - a.uz[j] * y, cy = a.uz[j] * x - a.ux[j] * z, cz = a.ux[j] * y - a.uy[j] * x;
    const vec dx = S::load(in.x + k) - in.x[j], dy = S::load(in.y + k) - in.y[j],
              dz = S::load(in.z + k) - in.z[j];
    const vec d2 = dx * dx + dy * dy + dz * dz;
    S::store(a.cosine + i, cosine);
    S::store(a.sine + i, square_root<double>(cx * cx + cy * cy + cz * cz));
    S::store(a.d2 + i, d2);
    S::store(a.distance + i, square_root<double>(maximum<double>(d2, S::all(1e-12))));
    vec inside = one;
    if (group.kind == PairKind::narrow) inside = S::select(d2 < S::all(cutoff.r2_cutoff), one, vec{});
    S::store(a.inside + i, inside);
  }
  for (int i = row.n; i < round_up(row.n, S::lanes); i++) a.inside[i] = a.cosine[i] = 0.0;
  if (j >= row.begin && j < row.begin + row.n) a.inside[j - row.begin] = 0.0;
  if (group.kind == PairKind::narrow)
    cutoff_with_slope(cutoff, a.d2, a.distance, a.pair_cutoff, a.pair_slope, row.n);
}

/// The same for functions of the mean distance: the sine is that of acos(0.95 cos(theta)).
inline void mean_geometry(const DerivativeArrays &a, const DerivativeRow &row)
{
  using S = Simd<double>;
  using vec = S::vec;
  const int j = row.j;
  const vec one = S::all(1.0);
  for (int i = 0; i < row.n; i += S::width) {
    const int k = row.begin + i;
    const vec cosine =
        a.ux[j] * S::load(a.ux + k) + a.uy[j] * S::load(a.uy + k) + a.uz[j] * S::load(a.uz + k);
    S::store(a.cosine + i, cosine);
    S::store(a.sine + i, square_root<double>(one - cosine * cosine * (aev_cosine_scale * aev_cosine_scale)));
    S::store(a.distance + i, (S::load(a.r + k) + a.r[j]) * 0.5);
    S::store(a.inside + i, one);
  }
  for (int i = row.n; i < round_up(row.n, S::lanes); i++) {
    a.inside[i] = a.cosine[i] = 0.0;
    a.sine[i] = a.distance[i] = 1.0;
  }
  if (j >= row.begin && j < row.begin + row.n) a.inside[j - row.begin] = 0.0;
}

inline void pair_geometry(const DerivativePlan &plan, const DerivativeGroup &group,
                          const SortedNeighbours &in, const DerivativeArrays &a, const DerivativeRow &row)
{
  if (group.kind == PairKind::mean_distance)
    mean_geometry(a, row);
  else
    row_geometry(plan, group, in, a, row);
}

/// What the functions of one Gaussian share: DerivativeArrays::weight and pull.
inline void row_weights(const DerivativeGroup &group, const DerivativeArrays &a, const DerivativeRow &row)
{
  using S = Simd<double>;
  using vec = S::vec;
  const int n = round_up(row.n, S::lanes);
  for (int e = 0; e < group.n_exponents; e++) {
    const DerivativeExponent &exponent = group.exponents[e];
    const int factor = row.swapped ? exponent.factor_first : exponent.factor_second;
    const double *other = a.value + std::size_t(factor) * a.stride + row.begin;
    double *weight = a.weight + std::size_t(e) * a.stride, *pull = a.pull + std::size_t(e) * a.stride;
    for (int i = 0; i < n; i += S::width) {
      const S::ivec outside = (S::ivec)(S::load(a.inside + i) == vec{});
      const vec g = S::select(outside, vec{}, S::load(other + i));
      if (group.kind == PairKind::wide) {
        S::store(weight + i, g);
        continue;
      }
      const vec d = S::load(a.distance + i);
      const vec shifted = d - exponent.shift;
      const vec gaussian = g * exp2_negative<double>(shifted * shifted * (-log2_of_e * exponent.eta));
      if (group.kind == PairKind::mean_distance) {
        S::store(weight + i, gaussian);
        S::store(pull + i, gaussian * shifted * -exponent.eta);
        continue;
      }
      const vec cutoff = S::load(a.pair_cutoff + i);
      const vec slope = S::load(a.pair_slope + i) - cutoff * shifted * (2.0 * exponent.eta);
      S::store(weight + i, S::select(outside, vec{}, cutoff * gaussian));
      S::store(pull + i, S::select(outside, vec{}, slope * gaussian / d));
    }
  }
}

/// 2 x^zeta and its derivative by the cosine.
inline void row_powers(const DerivativeGroup &group, const DerivativeArrays &a, int n_row)
{
  using S = Simd<double>;
  using vec = S::vec;
  using C = Coefficients<double>;
  const int n = round_up(n_row, S::lanes);
  // sin^2 = 1 - scale cos^2
  const double scale = group.kind == PairKind::mean_distance ? aev_cosine_scale * aev_cosine_scale : 1.0;
  for (int p = 0; p < group.n_powers; p++) {
    const DerivativePower &power = group.powers[p];
    double *value = a.power + std::size_t(p) * a.stride, *steep = a.steep + std::size_t(p) * a.stride;
    for (int i = 0; i < n; i += S::width) {
      const vec cosine = S::load(a.cosine + i);
      vec x = cosine * power.cosine + 0.5, inner = S::all(power.cosine);
      if (power.sine != 0.0) {
        const vec sine = S::load(a.sine + i);
        x += sine * power.sine;
        // on a line through the atom the function has a kink: half-way between both sides
        inner -= S::select(sine > S::all(1e-10), power.sine * scale * cosine / sine, vec{});
      }
      x = maximum<double>(x, vec{});
      vec below = S::all(1.0);    // x^(zeta - 1)
      if (power.integer > 0) {
        vec square = x;
        for (int m = power.integer - 1; m > 0; m >>= 1) {
          if (m & 1) below *= square;
          square *= square;
        }
      } else {
        const vec y = log2_positive<double>(maximum<double>(x, S::all(C::tiny))) * (power.zeta - 1.0);
        below = exp2_negative<double>(S::select(y < vec{}, y, vec{}));
        if (power.zeta < 1.0) below = 1.0 / maximum<double>(exp2_negative<double>(-y), S::all(1e-8));
        below = S::select(x > S::all(1e-15), below, vec{});
      }
      S::store(value + i, 2.0 * below * x);
      S::store(steep + i, (2.0 * power.zeta) * below * inner);
    }
  }
}

/// Sums over the k of a row for one function; adds the gradient with respect to r_j.
template <PairKind kind>
void add_row(const DerivativeGroup &group, const DerivativeFunction &function, const DerivativeArrays &a,
             const DerivativeRow &row, double *gradient, std::size_t n_features)
{
  using S = Simd<double>;
  using vec = S::vec;
  const double *weight = a.weight + std::size_t(function.exponent) * a.stride;
  const double *pull = a.pull + std::size_t(function.exponent) * a.stride;
  const double *power = a.power + std::size_t(function.power) * a.stride;
  const double *steep = a.steep + std::size_t(function.power) * a.stride;
  const double *ux = a.ux + row.begin, *uy = a.uy + row.begin, *uz = a.uz + row.begin, *r = a.r + row.begin;
  const double r_j = a.r[row.j], inverse = 1.0 / r_j;
  vec x[S::parts] = {}, y[S::parts] = {}, z[S::parts] = {}, along[S::parts] = {}, plain[S::parts] = {};
  for (int i = 0; i < row.n; i += S::lanes)
    unrolled<S::parts>([&](auto part) __attribute__((always_inline)) {
      constexpr int p = decltype(part)::value;
      const int k = i + p * S::width;
      const vec w = S::load(weight + k);
      const vec turn = w * S::load(steep + k) * inverse;
      vec alpha = turn, beta = -turn * S::load(a.cosine + k);
      if constexpr (kind == PairKind::mean_distance) beta += S::load(pull + k) * S::load(power + k);
      if constexpr (kind == PairKind::narrow) {
        const vec stretch = S::load(pull + k) * S::load(power + k);
        alpha -= stretch * S::load(r + k);
        beta += stretch * r_j;
      }
      x[p] += alpha * S::load(ux + k);
      y[p] += alpha * S::load(uy + k);
      z[p] += alpha * S::load(uz + k);
      along[p] += beta;
      plain[p] += w * S::load(power + k);
    });
  double lanes[5][S::lanes];
  for (int p = 0; p < S::parts; p++) {
    S::store(lanes[0] + p * S::width, x[p]);
    S::store(lanes[1] + p * S::width, y[p]);
    S::store(lanes[2] + p * S::width, z[p]);
    S::store(lanes[3] + p * S::width, along[p]);
    S::store(lanes[4] + p * S::width, plain[p]);
  }
  const DerivativeExponent &exponent = group.exponents[function.exponent];
  const std::size_t at =
      std::size_t(row.swapped ? exponent.factor_second : exponent.factor_first) * a.stride +
      std::size_t(row.j);
  const double g = function.weight * a.value[at], slope = function.weight * a.slope[at];
  const double radial = g * sum_lanes<S::lanes>(lanes[3]) + slope * sum_lanes<S::lanes>(lanes[4]);
  gradient[function.column] += g * sum_lanes<S::lanes>(lanes[0]) + radial * a.ux[row.j];
  gradient[n_features + std::size_t(function.column)] +=
      g * sum_lanes<S::lanes>(lanes[1]) + radial * a.uy[row.j];
  gradient[2 * n_features + std::size_t(function.column)] +=
      g * sum_lanes<S::lanes>(lanes[2]) + radial * a.uz[row.j];
}

template <PairKind kind>
void add_rows(const DerivativeGroup &group, const DerivativeArrays &a, const DerivativeRow &row,
              double *gradient, int n_features)
{
  for (int f = 0; f < group.n_functions; f++)
    add_row<kind>(group, group.functions[f], a, row, gradient, std::size_t(n_features));
}

inline void derivative_rows(const DerivativePlan &plan, const DerivativeGroup &group,
                            const SortedNeighbours &in, const DerivativeArrays &a, bool swapped,
                            double *const *gradients)
{
  const int slot_j = swapped ? group.slot_second : group.slot_first;
  const int slot_k = swapped ? group.slot_first : group.slot_second;
  const int begin_j = in.slot_begin[slot_j];
  const int end_j = begin_j + a.count[slot_j * plan.n_cutoffs + group.cutoff];
  DerivativeRow row{0, in.slot_begin[slot_k], a.count[slot_k * plan.n_cutoffs + group.cutoff], swapped};
  for (row.j = begin_j; row.j < end_j; row.j++) {
    pair_geometry(plan, group, in, a, row);
    row_weights(group, a, row);
    row_powers(group, a, row.n);
    double *gradient = gradients[row.j];
    switch (group.kind) {
    case PairKind::wide: add_rows<PairKind::wide>(group, a, row, gradient, plan.n_features); break;
    case PairKind::narrow: add_rows<PairKind::narrow>(group, a, row, gradient, plan.n_features); break;
    case PairKind::mean_distance:
      add_rows<PairKind::mean_distance>(group, a, row, gradient, plan.n_features);
      break;
    }
  }
}

/// Unit vectors, distances, counts and factors of the neighbours.
inline void prepare_derivatives(const DerivativePlan &plan, const SortedNeighbours &in,
                                const DerivativeArrays &a)
{
  Arrays<double> shared{};
  shared.ux = a.ux;
  shared.uy = a.uy;
  shared.uz = a.uz;
  shared.r = a.r;
  shared.r2 = a.r2;
  shared.stride = a.stride;
  shared.count = a.count;
  prepare(in, shared);
  count_neighbours(plan, in, shared);
  derivative_factors(plan, in, a);
}

/// \param gradients  of each neighbour the array [3][n_features] to add to
inline void compute_derivatives(const DerivativePlan &plan, const SortedNeighbours &in,
                                unsigned char *scratch, double *const *gradients)
{
  Arena arena(scratch);
  const DerivativeArrays a = lay_out(plan, in.size, arena);
  prepare_derivatives(plan, in, a);
  for (int f = 0; f < plan.n_radials; f++) {
    const DerivativeRadial &radial = plan.radials[f];
    const DerivativeFactor &factor = plan.factors[radial.factor];
    const double *slope = a.slope + std::size_t(radial.factor) * a.stride;
    const int begin = in.slot_begin[factor.slot];
    const int end = begin + a.count[factor.slot * plan.n_cutoffs + factor.cutoff];
    for (int k = begin; k < end; k++) {
      double *gradient = gradients[k] + radial.column;
      const double pull = radial.weight * slope[k];
      gradient[0] += pull * a.ux[k];
      gradient[plan.n_features] += pull * a.uy[k];
      gradient[2 * plan.n_features] += pull * a.uz[k];
    }
  }
  for (int g = 0; g < plan.n_groups; g++) {
    const DerivativeGroup &group = plan.groups[g];
    derivative_rows(plan, group, in, a, false, gradients);
    if (group.slot_first != group.slot_second) derivative_rows(plan, group, in, a, true, gradients);
  }
}

inline std::size_t derivative_scratch_bytes(const DerivativePlan &plan, int n_neighbours)
{
  Arena arena(nullptr);
  lay_out(plan, n_neighbours, arena);
  return arena.used();
}
