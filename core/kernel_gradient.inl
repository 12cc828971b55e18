// SPDX-License-Identifier: GPL-2.0-or-later

/// Gradient of a sum of the fingerprint's columns, each with its weight, with respect to the neighbours'
/// positions, in double precision: what forces need, without the derivatives of every column. Included by
/// kernels.inl inside an anonymous namespace, after kernel_derivatives.inl, whose terms and rows these are.
///
/// The weights are known, so the functions of a pair are added up before anything has a direction, and each
/// pair is looked at once: besides the gradient with respect to r_j that with respect to r_k,
///   dT/dcos (u_j - cos u_k) / r_ik + dT/dr_ik u_k - dT/dr_jk (r_j - r_k) / r_jk,
/// is added to row after row. Each neighbour's gradient is kept as a vector and what goes along its own u.

/// Scratch arrays besides those of the derivatives.
struct GradientArrays {
  double *inverse;              ///< 1 / r
  double *x, *y, *z, *along;    ///< the gradient is (x, y, z) + along u
  double *tilt;                 ///< rows of `stride`, one an exponent: g'_k g_jk
  double *coefficient;          ///< of each function of a group
};

inline GradientArrays lay_out_gradient(const DerivativePlan &plan, std::size_t stride, Arena &arena)
{
  GradientArrays g{};
  double **const arrays[] = {&g.inverse, &g.x, &g.y, &g.z, &g.along};
  for (double **array : arrays) *array = arena.take<double>(stride);
  g.tilt = arena.take<double>(stride * std::size_t(plan.most_exponents));
  g.coefficient = arena.take<double>(std::size_t(plan.n_features));
  return g;
}

/// What the functions of one Gaussian share: g_k g_jk, g_k g'_jk / r_jk and g'_k g_jk; of the mean distance
/// g_k G, g_k G' / 2 and g'_k G.
inline void gradient_weights(const DerivativeGroup &group, const DerivativeArrays &a, double *tilts,
                             const DerivativeRow &row)
{
  using S = Simd<double>;
  using vec = S::vec;
  const int n = round_up(row.n, S::lanes);
  for (int e = 0; e < group.n_exponents; e++) {
    const DerivativeExponent &exponent = group.exponents[e];
    const std::size_t other = std::size_t(exponent.factor_second) * a.stride + std::size_t(row.begin);
    const std::size_t here = std::size_t(e) * a.stride;
    for (int i = 0; i < n; i += S::width) {
      const S::ivec outside = (S::ivec)(S::load(a.inside + i) == vec{});
      const vec g = S::select(outside, vec{}, S::load(a.value + other + i));
      const vec slope_k = S::select(outside, vec{}, S::load(a.slope + other + i));
      if (group.kind == PairKind::wide) {
        S::store(a.weight + here + i, g);
        S::store(tilts + here + i, slope_k);
        continue;
      }
      const vec d = S::load(a.distance + i);
      const vec shifted = d - exponent.shift;
      const vec gaussian = exp2_negative<double>(shifted * shifted * (-log2_of_e * exponent.eta));
      if (group.kind == PairKind::mean_distance) {
        S::store(a.weight + here + i, g * gaussian);
        S::store(tilts + here + i, slope_k * gaussian);
        S::store(a.pull + here + i, g * gaussian * shifted * -exponent.eta);
        continue;
      }
      const vec cutoff = S::load(a.pair_cutoff + i);
      const vec slope = S::load(a.pair_slope + i) - cutoff * shifted * (2.0 * exponent.eta);
      const vec g_jk = S::select(outside, vec{}, cutoff * gaussian);
      S::store(a.weight + here + i, g * g_jk);
      S::store(tilts + here + i, slope_k * g_jk);
      S::store(a.pull + here + i, S::select(outside, vec{}, g * slope * gaussian / d));
    }
  }
}

/// Adds all functions of a row to the gradients of j and of every k.
template <PairKind kind>
void add_gradient_row(const DerivativeGroup &group, const DerivativeArrays &a, const GradientArrays &g,
                      const DerivativeRow &row)
{
  using S = Simd<double>;
  using vec = S::vec;
  const std::size_t begin = std::size_t(row.begin);
  const double r_j = a.r[row.j], inverse_j = g.inverse[row.j];
  const double ux_j = a.ux[row.j], uy_j = a.uy[row.j], uz_j = a.uz[row.j];
  vec x[S::parts] = {}, y[S::parts] = {}, z[S::parts] = {}, along[S::parts] = {};
  for (int i = 0; i < row.n; i += S::lanes)
    unrolled<S::parts>([&](auto part) __attribute__((always_inline)) {
      constexpr int p = decltype(part)::value;
      const std::size_t k = std::size_t(i + p * S::width), at = begin + k;
      vec turn{}, stretch{}, slope_j{}, slope_k{};    // by the cosine, r_jk (over r_jk), r_ij, r_ik
      for (int e = 0; e < group.n_exponents; e++) {
        const DerivativeExponent &exponent = group.exponents[e];
        vec value{}, steep{};
        for (int f = exponent.function_begin; f < exponent.function_end; f++) {
          const std::size_t power = std::size_t(group.functions[f].power) * a.stride + k;
          value += S::load(a.power + power) * g.coefficient[f];
          steep += S::load(a.steep + power) * g.coefficient[f];
        }
        const std::size_t first = std::size_t(exponent.factor_first) * a.stride + std::size_t(row.j);
        const std::size_t here = std::size_t(e) * a.stride + k;
        const vec w = S::load(a.weight + here);
        turn += w * steep * a.value[first];
        slope_j += w * value * a.slope[first];
        slope_k += S::load(g.tilt + here) * value * a.value[first];
        if constexpr (kind == PairKind::narrow)
          stretch += S::load(a.pull + here) * value * a.value[first];
        if constexpr (kind == PairKind::mean_distance) {
          const vec both = S::load(a.pull + here) * value * a.value[first];
          slope_j += both;
          slope_k += both;
        }
      }
      const vec ux = S::load(a.ux + at), uy = S::load(a.uy + at), uz = S::load(a.uz + at);
      const vec cosine = S::load(a.cosine + k);
      vec alpha_j = turn * inverse_j, alpha_k = turn * S::load(g.inverse + at);
      vec beta_j = slope_j - alpha_j * cosine, beta_k = slope_k - alpha_k * cosine;
      if constexpr (kind == PairKind::narrow) {
        const vec r_k = S::load(a.r + at);
        alpha_j -= stretch * r_k;
        beta_j += stretch * r_j;
        alpha_k -= stretch * r_j;
        beta_k += stretch * r_k;
      }
      x[p] += alpha_j * ux;
      y[p] += alpha_j * uy;
      z[p] += alpha_j * uz;
      along[p] += beta_j;
      S::store(g.x + at, S::load(g.x + at) + alpha_k * ux_j);
      S::store(g.y + at, S::load(g.y + at) + alpha_k * uy_j);
      S::store(g.z + at, S::load(g.z + at) + alpha_k * uz_j);
      S::store(g.along + at, S::load(g.along + at) + beta_k);
    });
  double lanes[4][S::lanes];
  for (int p = 0; p < S::parts; p++) {
    S::store(lanes[0] + p * S::width, x[p]);
    S::store(lanes[1] + p * S::width, y[p]);
    S::store(lanes[2] + p * S::width, z[p]);
    S::store(lanes[3] + p * S::width, along[p]);
  }
  g.x[row.j] += sum_lanes<S::lanes>(lanes[0]);
  g.y[row.j] += sum_lanes<S::lanes>(lanes[1]);
  g.z[row.j] += sum_lanes<S::lanes>(lanes[2]);
  g.along[row.j] += sum_lanes<S::lanes>(lanes[3]);
}

/// Every pair of a group once.
inline void add_gradient_group(const DerivativePlan &plan, const DerivativeGroup &group,
                               const SortedNeighbours &in, const DerivativeArrays &a,
                               const GradientArrays &g)
{
  const int begin_j = in.slot_begin[group.slot_first];
  const int end_j = begin_j + a.count[group.slot_first * plan.n_cutoffs + group.cutoff];
  const int begin_k = in.slot_begin[group.slot_second];
  const int end_k = begin_k + a.count[group.slot_second * plan.n_cutoffs + group.cutoff];
  for (int j = begin_j; j < end_j; j++) {
    const int first_k = group.slot_first == group.slot_second ? j + 1 : begin_k;
    const DerivativeRow row{j, first_k, end_k - first_k, false};
    if (row.n == 0) continue;
    pair_geometry(plan, group, in, a, row);
    gradient_weights(group, a, g.tilt, row);
    row_powers(group, a, row.n);
    switch (group.kind) {
    case PairKind::wide: add_gradient_row<PairKind::wide>(group, a, g, row); break;
    case PairKind::narrow: add_gradient_row<PairKind::narrow>(group, a, g, row); break;
    case PairKind::mean_distance: add_gradient_row<PairKind::mean_distance>(group, a, g, row); break;
    }
  }
}

/// \param weights   of each column
/// \param gradient  [neighbour][x, y, z]
inline void compute_gradient(const DerivativePlan &plan, const SortedNeighbours &in, const double *weights,
                             unsigned char *scratch, double *gradient)
{
  Arena arena(scratch);
  const DerivativeArrays a = lay_out(plan, in.size, arena);
  const GradientArrays g = lay_out_gradient(plan, a.stride, arena);
  prepare_derivatives(plan, in, a);
  for (std::size_t k = 0; k < a.stride; k++) g.x[k] = g.y[k] = g.z[k] = g.along[k] = g.inverse[k] = 0.0;
  for (int k = 0; k < in.size; k++) g.inverse[k] = 1.0 / a.r[k];
  for (int f = 0; f < plan.n_radials; f++) {
    const DerivativeRadial &radial = plan.radials[f];
    const DerivativeFactor &factor = plan.factors[radial.factor];
    const double *slope = a.slope + std::size_t(radial.factor) * a.stride;
    const double coefficient = radial.weight * weights[radial.column];
    const int begin = in.slot_begin[factor.slot];
    const int end = begin + a.count[factor.slot * plan.n_cutoffs + factor.cutoff];
    for (int k = begin; k < end; k++) g.along[k] += coefficient * slope[k];
  }
  for (int i = 0; i < plan.n_groups; i++) {
    const DerivativeGroup &group = plan.groups[i];
    for (int f = 0; f < group.n_functions; f++)
      g.coefficient[f] = group.functions[f].weight * weights[group.functions[f].column];
    add_gradient_group(plan, group, in, a, g);
  }
  for (int k = 0; k < in.size; k++, gradient += 3) {
    gradient[0] = g.x[k] + g.along[k] * a.ux[k];
    gradient[1] = g.y[k] + g.along[k] * a.uy[k];
    gradient[2] = g.z[k] + g.along[k] * a.uz[k];
  }
}

inline std::size_t gradient_scratch_bytes(const DerivativePlan &plan, int n_neighbours)
{
  Arena arena(nullptr);
  const DerivativeArrays a = lay_out(plan, n_neighbours, arena);
  lay_out_gradient(plan, a.stride, arena);
  return arena.used();
}
