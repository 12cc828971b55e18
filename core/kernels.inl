// SPDX-License-Identifier: GPL-2.0-or-later

/// The symmetry function kernels, compiled once for each instruction set. The including file defines
/// MDSIEVE_KERNELS (name of the Kernels object), MDSIEVE_KERNELS_NAME (its text) and MDSIEVE_VECTOR_BYTES.
/// Everything has internal linkage, and nothing of the standard library's is instantiated.

#include "kernels.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace mdsieve {

namespace {

#include "simd.inl"

// CutoffType
enum {
  cutoff_hard,
  cutoff_cosine,
  cutoff_tanh_unit,
  cutoff_tanh_norm,
  cutoff_exponential,
  cutoff_poly1,
  cutoff_poly2,
  cutoff_poly3,
  cutoff_poly4
};

constexpr double log2_of_e = 1.44269504088896340736;

inline int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

/// A number known to the compiler.
template <int n> struct Constant {
  static constexpr int value = n;
};

/// work(Constant<0>()), ..., work(Constant<n - 1>()): loops whose arrays must stay in registers.
template <int n, class Work> inline __attribute__((always_inline)) void unrolled(const Work &work)
{
  if constexpr (n > 0) {
    unrolled<n - 1>(work);
    work(Constant<n - 1>());
  }
}

/// Hands out aligned pieces of the scratch memory; with a null pointer it only counts.
class Arena {
 public:
  explicit Arena(unsigned char *begin) : begin_(begin) {}
  template <class T> T *take(std::size_t n)
  {
    T *p = begin_ == nullptr ? nullptr : reinterpret_cast<T *>(begin_ + used_);
    used_ += (n * sizeof(T) + 63) / 64 * 64;
    return p;
  }
  std::size_t used() const { return used_; }

 private:
  unsigned char *begin_;
  std::size_t used_ = 0;
};

/// Scratch arrays of one atom. Neighbour arrays are readable 64 items beyond the end.
template <class Real> struct Arrays {
  Real *ux, *uy, *uz;    ///< unit vectors to the neighbours
  Real *r, *r2;
  Real *cutoff;    ///< cutoff function of the radial group at hand
  Real *stored;    ///< n_stores rows
  std::size_t stride;
  int *count;    ///< [slot * n_cutoffs + cutoff]: neighbours inside the cutoff
  double *totals;
  double *lanes;               ///< [total][lane] of the pair functions
  Real *cosine, *d2, *sine;    ///< of the pairs in the chunk
  Real *distance;              ///< r_jk
  Real *pair_cutoff;
  Real *weights, *powers;    ///< rows of chunk_stride
  double *vx, *vy, *vz;      ///< unit vectors in double precision, for the moments
  double *moments, *squares;
};

template <class Real> constexpr int pair_chunk = Lanes<Real>::pair_chunk;
template <class Real> constexpr int chunk_stride = pair_chunk<Real> + 64;

template <class Real> Arrays<Real> lay_out(const ElementPlan<Real> &plan, int n, Arena &arena)
{
  Arrays<Real> a{};
  const std::size_t stride = std::size_t(round_up(n, 16)) + 64;
  a.stride = stride;
  a.ux = arena.take<Real>(stride);
  a.uy = arena.take<Real>(stride);
  a.uz = arena.take<Real>(stride);
  a.r = arena.take<Real>(stride);
  a.r2 = arena.take<Real>(stride);
  a.cutoff = arena.take<Real>(stride);
  a.stored = arena.take<Real>(stride * std::size_t(plan.n_stores));
  a.count = arena.take<int>(std::size_t(plan.n_slots) * std::size_t(plan.n_cutoffs));
  a.totals = arena.take<double>(std::size_t(plan.n_totals) + 1);
  a.lanes = arena.take<double>((std::size_t(plan.n_totals) + 1) * Lanes<Real>::count);
  if (plan.has_pairs) {
    a.cosine = arena.take<Real>(chunk_stride<Real>);
    a.d2 = arena.take<Real>(chunk_stride<Real>);
    a.sine = arena.take<Real>(chunk_stride<Real>);
    a.distance = arena.take<Real>(chunk_stride<Real>);
    a.pair_cutoff = arena.take<Real>(chunk_stride<Real>);
    a.weights = arena.take<Real>(std::size_t(chunk_stride<Real>) * std::size_t(plan.most_exponents));
    a.powers = arena.take<Real>(std::size_t(chunk_stride<Real>) * std::size_t(plan.most_powers));
  }
  if (plan.n_moment_tasks > 0) {
    a.vx = arena.take<double>(stride);
    a.vy = arena.take<double>(stride);
    a.vz = arena.take<double>(stride);
    a.moments = arena.take<double>(std::size_t(plan.n_moment_tasks) * n_moment_components);
    a.squares = arena.take<double>(std::size_t(plan.n_moment_tasks));
  }
  return a;
}

/// The fixed reduction tree: lane i and lane i + n / 2, then halves of that.
template <int n> inline double sum_lanes(const double *lanes)
{
  typedef double four __attribute__((vector_size(32)));
  typedef double loose_four __attribute__((vector_size(32), aligned(8), may_alias));
  static_assert(n == 8 || n == 16, "");
  const auto *p = reinterpret_cast<const loose_four *>(lanes);
  four sum;
  if constexpr (n == 16)
    sum = (p[0] + p[2]) + (p[1] + p[3]);
  else
    sum = p[0] + p[1];
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

// --- neighbours
// ------------------------------------------------------------------------------------------------

/// Unit vectors, r^2 and r, padded with a harmless neighbour.
template <class Real> void prepare(const SortedNeighbours &in, const Arrays<Real> &a)
{
  using S = Simd<double>;
  for (int k = 0; k < in.size; k += S::width) {
    const S::vec r2 = S::load(in.r2 + k);
    const S::vec r = square_root<double>(r2);
    const S::vec inverse = 1.0 / r;
    const S::vec x = S::load(in.x + k) * inverse;
    const S::vec y = S::load(in.y + k) * inverse;
    const S::vec z = S::load(in.z + k) * inverse;
    store_as(a.ux + k, x);
    store_as(a.uy + k, y);
    store_as(a.uz + k, z);
    store_as(a.r + k, r);
    store_as(a.r2 + k, r2);
    if (a.vx != nullptr) {
      S::store(a.vx + k, x);
      S::store(a.vy + k, y);
      S::store(a.vz + k, z);
    }
  }
  for (std::size_t k = std::size_t(in.size); k < a.stride; k++) {
    a.ux[k] = Real(1);
    a.uy[k] = a.uz[k] = Real(0);
    a.r[k] = a.r2[k] = Real(1);
    if (a.vx != nullptr) {
      a.vx[k] = 1.0;
      a.vy[k] = a.vz[k] = 0.0;
    }
  }
}

/// How many neighbours of each slot lie inside each cutoff: they come first, being sorted by r^2.
template <class Real>
void count_neighbours(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a)
{
  for (int slot = 0; slot < plan.n_slots; slot++) {
    const int begin = in.slot_begin[slot];
    for (int c = 0; c < plan.n_cutoffs; c++) {
      int low = begin, high = in.slot_begin[slot + 1];
      while (low < high) {
        const int middle = (low + high) / 2;
        if (in.r2[middle] < plan.cutoffs[c].r2_cutoff)
          low = middle + 1;
        else
          high = middle;
      }
      a.count[slot * plan.n_cutoffs + c] = low - begin;
    }
  }
}

// --- cutoff functions
// ------------------------------------------------------------------------------------------

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

// --- radial functions
// ------------------------------------------------------------------------------------------

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

// --- angular functions over pairs
// ------------------------------------------------------------------------------

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
  if (group.n_bases > 0) chunk_powers(group, a, n);
  for (int e = 0; e < group.n_exponents; e++) {
    const PairExponent<Real> &exponent = group.exponents[e];
    Real *weight = a.weights + std::size_t(e) * chunk_stride<Real>;
    if (group.narrow) {
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
  if (group.narrow) move(a.d2);
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

template <class Real>
void pair_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a)
{
  constexpr int lanes = Lanes<Real>::count;
  for (int g = 0; g < plan.n_pair_groups; g++) {
    const PairGroup<Real> &group = plan.pair_groups[g];
    for (int t = 0; t < group.n_totals; t++)
      for (int i = 0; i < lanes; i++) a.lanes[std::size_t(group.totals[t]) * lanes + i] = 0.0;
    if (group.narrow) {
      if (group.needs_sine)
        sweep_pairs<Real, true, true>(plan, group, in, a);
      else
        sweep_pairs<Real, true, false>(plan, group, in, a);
    } else {
      if (group.needs_sine)
        sweep_pairs<Real, false, true>(plan, group, in, a);
      else
        sweep_pairs<Real, false, false>(plan, group, in, a);
    }
    // 2^(1 - zeta) (1 + ...)^zeta = 2 x^zeta
    for (int t = 0; t < group.n_totals; t++)
      a.totals[group.totals[t]] = 2.0 * sum_lanes<lanes>(a.lanes + std::size_t(group.totals[t]) * lanes);
  }
}

// --- wide angular functions of any integer zeta
// ----------------------------------------------------------------

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
void wide_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a)
{
  for (int g = 0; g < plan.n_wide_groups; g++) {
    const WideGroup<Real> &group = plan.wide_groups[g];
    switch (2 * group.n_exponents + group.n_bases) {
    case 3: sweep_wide<Real, 1, 1>(plan, group, in, a); break;
    case 4: sweep_wide<Real, 1, 2>(plan, group, in, a); break;
    case 5: sweep_wide<Real, 2, 1>(plan, group, in, a); break;
    case 6: sweep_wide<Real, 2, 2>(plan, group, in, a); break;
    case 7: sweep_wide<Real, 3, 1>(plan, group, in, a); break;
    case 8: sweep_wide<Real, 3, 2>(plan, group, in, a); break;
    case 9: sweep_wide<Real, 4, 1>(plan, group, in, a); break;
    case 10: sweep_wide<Real, 4, 2>(plan, group, in, a); break;
    }
  }
}

// --- wide angular functions of small integer zeta through moment tensors
// ---------------------------------------

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

// --- the whole fingerprint
// -------------------------------------------------------------------------------------

template <class Real>
void compute(const ElementPlan<Real> &plan, const SortedNeighbours &in, unsigned char *scratch, double *out)
{
  Arena arena(scratch);
  const Arrays<Real> a = lay_out(plan, in.size, arena);
  prepare(in, a);
  count_neighbours(plan, in, a);
  radial_functions(plan, in, a);
  pair_functions(plan, in, a);
  wide_functions(plan, in, a);
  moment_functions(plan, in, a);
  for (int c = 0; c < plan.n_features; c++) out[c] = 0.0;
  for (int o = 0; o < plan.n_outputs; o++)
    out[plan.outputs[o].column] += plan.outputs[o].weight * a.totals[plan.outputs[o].total];
}

template <class Real> std::size_t scratch_bytes(const ElementPlan<Real> &plan, int n_neighbours)
{
  Arena arena(nullptr);
  lay_out(plan, n_neighbours, arena);
  return arena.used();
}

}    // namespace

extern const Kernels MDSIEVE_KERNELS;
const Kernels MDSIEVE_KERNELS = {MDSIEVE_KERNELS_NAME, scratch_bytes<double>, scratch_bytes<float>,
                                 compute<double>, compute<float>};

}    // namespace mdsieve
