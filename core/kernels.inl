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
enum { cutoff_hard, cutoff_cosine, cutoff_tanh_unit, cutoff_tanh_norm, cutoff_exponential, cutoff_poly1,
       cutoff_poly2, cutoff_poly3, cutoff_poly4 };

constexpr double log2_of_e = 1.44269504088896340736;

inline int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

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
  Real *ux, *uy, *uz;         ///< unit vectors to the neighbours
  Real *r, *r2;
  Real *cutoff;               ///< cutoff function of the radial group at hand
  Real *stored;               ///< n_stores rows
  std::size_t stride;
  int *count;                 ///< [slot * n_cutoffs + cutoff]: neighbours inside the cutoff
  double *totals;
  double *lanes;              ///< [total][lane] of the pair functions
  Real *cosine, *d2, *sine;   ///< of the pairs in the chunk
  Real *distance;             ///< r_jk
  Real *pair_cutoff;
  Real *weights, *powers;     ///< rows of chunk_stride
  double *vx, *vy, *vz;       ///< unit vectors in double precision, for the moments
  double *moments, *squares;
};

constexpr int chunk_stride = pair_chunk + 64;

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
  a.totals = arena.take<double>(std::size_t(plan.n_totals));
  a.lanes = arena.take<double>(std::size_t(plan.n_totals) * Lanes<Real>::count);
  if (plan.has_pairs) {
    a.cosine = arena.take<Real>(chunk_stride);
    a.d2 = arena.take<Real>(chunk_stride);
    a.sine = arena.take<Real>(chunk_stride);
    a.distance = arena.take<Real>(chunk_stride);
    a.pair_cutoff = arena.take<Real>(chunk_stride);
    a.weights = arena.take<Real>(std::size_t(chunk_stride) * std::size_t(plan.most_exponents));
    a.powers = arena.take<Real>(std::size_t(chunk_stride) * std::size_t(plan.most_powers));
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

/// The fixed reduction tree.
template <int N> inline double sum_lanes(const double *lanes)
{
  double s[N];
  for (int i = 0; i < N; i++) s[i] = lanes[i];
  for (int width = N / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) s[i] += s[i + width];
  return s[0];
}

// --- neighbours ------------------------------------------------------------------------------------------------

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
    if constexpr (sizeof(Real) == 8) {
      S::store(a.ux + k, x);
      S::store(a.uy + k, y);
      S::store(a.uz + k, z);
      S::store(a.r + k, r);
      S::store(a.r2 + k, r2);
    } else {
      for (int i = 0; i < S::width; i++) {
        a.ux[k + i] = Real(x[i]);
        a.uy[k + i] = Real(y[i]);
        a.uz[k + i] = Real(z[i]);
        a.r[k + i] = Real(r[i]);
        a.r2[k + i] = Real(r2[i]);
      }
    }
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
        if (in.r2[middle] < plan.cutoffs[c].r2_cutoff) low = middle + 1;
        else high = middle;
      }
      a.count[slot * plan.n_cutoffs + c] = low - begin;
    }
  }
}

// --- cutoff functions ------------------------------------------------------------------------------------------

/// Cutoff function of vectors of r^2 and r (r only where CutoffTerm::needs_r), both below the cutoff radius up to
/// rounding. The root at the cutoff is a factor of its own, so the relative accuracy holds up to there.
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

// --- radial functions ------------------------------------------------------------------------------------------

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

/// Gaussian times cutoff of n neighbours; their sum. The cutoff array is zero from n to the next multiple of the lanes.
template <class Real, bool shifted, bool store>
double radial_sum(const RadialTask<Real> &task, const Real *r2, const Real *r, const Real *cutoff, Real *stored,
                  int n)
{
  using S = Simd<Real>;
  double lanes[S::lanes] = {};
  for (int block = 0; block < n; block += pair_chunk) {    // partial sums, added up in double precision
    const int end = block + pair_chunk < n ? block + pair_chunk : n;
    typename S::vec sum[S::parts] = {};
    for (int k = block; k < end; k += S::lanes)
      for (int p = 0; p < S::parts; p++) {
        const int i = k + p * S::width;
        const auto value = S::load(cutoff + i) *
            gaussian<Real, shifted>(task.exponent, task.shift, S::load(r2 + i), S::load(r + i));
        if constexpr (store) S::store(stored + i, value);
        sum[p] += value;
      }
    for (int p = 0; p < S::parts; p++)
      for (int i = 0; i < S::width; i++) lanes[p * S::width + i] += double(sum[p][i]);
  }
  return sum_lanes<S::lanes>(lanes);
}

template <class Real> void radial_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in,
                                            const Arrays<Real> &a)
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

// --- angular functions over pairs ------------------------------------------------------------------------------

/// Add weight * power over a chunk for `count` functions of one Gaussian.
template <class Real, int count>
void accumulate(const Arrays<Real> &a, const Real *weight, const PairUse *uses, int n)
{
  using S = Simd<Real>;
  const Real *power[count];
  for (int f = 0; f < count; f++) power[f] = a.powers + std::size_t(uses[f].power) * chunk_stride;
  for (int p = 0; p < S::parts; p++) {
    typename S::vec sum[count] = {};
    for (int i = p * S::width; i < n; i += S::lanes) {
      const auto w = S::load(weight + i);
      for (int f = 0; f < count; f++) sum[f] += w * S::load(power[f] + i);
    }
    for (int f = 0; f < count; f++) {
      double *lanes = a.lanes + std::size_t(uses[f].total) * S::lanes + p * S::width;
      for (int i = 0; i < S::width; i++) lanes[i] += double(sum[f][i]);
    }
  }
}

template <class Real> void accumulate_all(const Arrays<Real> &a, const Real *weight, const PairUse *uses,
                                          int n_uses, int n)
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
  const auto row = [&](int power) { return a.powers + std::size_t(power) * chunk_stride; };
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

template <class Real, bool shifted>
void chunk_gaussian(const PairExponent<Real> &e, const Arrays<Real> &a, Real *weight, int n)
{
  using S = Simd<Real>;
  for (int i = 0; i < n; i += S::width)
    S::store(weight + i,
             S::load(weight + i) * S::load(a.pair_cutoff + i) *
                 gaussian<Real, shifted>(e.exponent, e.shift, S::load(a.d2 + i), S::load(a.distance + i)));
}

/// Evaluate the first n pairs of the chunk buffers (n a multiple of the lanes).
template <class Real>
void evaluate_chunk(const ElementPlan<Real> &plan, const PairGroup<Real> &group, const Arrays<Real> &a, int n)
{
  using S = Simd<Real>;
  if (group.narrow) {
    if (group.needs_r)
      for (int i = 0; i < n; i += S::width) S::store(a.distance + i, square_root<Real>(S::load(a.d2 + i)));
    cutoff_array(plan.cutoffs[group.cutoff], a.d2, a.distance, a.pair_cutoff, n);
  }
  chunk_powers(group, a, n);
  for (int e = 0; e < group.n_exponents; e++) {
    const PairExponent<Real> &exponent = group.exponents[e];
    Real *weight = a.weights + std::size_t(e) * chunk_stride;
    if (group.narrow) {
      if (exponent.shifted) chunk_gaussian<Real, true>(exponent, a, weight, n);
      else chunk_gaussian<Real, false>(exponent, a, weight, n);
    }
    accumulate_all(a, weight, group.uses + exponent.use_begin, exponent.use_end - exponent.use_begin, n);
  }
}

/// Move what lies beyond the chunk to its front.
template <class Real> void carry_over(const PairGroup<Real> &group, const Arrays<Real> &a, int rest)
{
  const auto move = [&](Real *row) {
    for (int i = 0; i < rest; i++) row[i] = row[pair_chunk + i];
  };
  move(a.cosine);
  if (group.narrow) move(a.d2);
  if (group.needs_sine) move(a.sine);
  for (int e = 0; e < group.n_exponents; e++) move(a.weights + std::size_t(e) * chunk_stride);
}

/// Collect the pairs of a group in canonical order and evaluate them chunk by chunk.
template <class Real, bool narrow, bool needs_sine>
void sweep_pairs(const ElementPlan<Real> &plan, const PairGroup<Real> &group, const SortedNeighbours &in,
                 const Arrays<Real> &a)
{
  using S = Simd<Real>;
  using vec = typename S::vec;
  const bool same = group.slot_first == group.slot_second;
  const int begin_j = in.slot_begin[group.slot_first], begin_k = in.slot_begin[group.slot_second];
  const int end_j = begin_j + a.count[group.slot_first * plan.n_cutoffs + group.cutoff];
  const int end_k = begin_k + a.count[group.slot_second * plan.n_cutoffs + group.cutoff];
  const Real r2_cutoff = Real(plan.cutoffs[group.cutoff].r2_cutoff);

  int fill = 0;
  for (int j = begin_j; j < end_j; j++) {
    const Real x = a.ux[j], y = a.uy[j], z = a.uz[j], r2 = a.r2[j], twice_r = 2 * a.r[j];
    for (int k = same ? j + 1 : begin_k; k < end_k; k += S::width) {
      const vec xk = S::load(a.ux + k), yk = S::load(a.uy + k), zk = S::load(a.uz + k);
      const vec cosine = x * xk + y * yk + z * zk;
      const int left = end_k - k;
      unsigned bits = left < S::width ? (1u << left) - 1u : ~0u >> (32 - S::width);
      vec d2;
      if constexpr (narrow) {
        d2 = (r2 + S::load(a.r2 + k)) - twice_r * (S::load(a.r + k) * cosine);
        bits &= bits_of<Real>(d2 < r2_cutoff);
        if (bits == 0) continue;
      }
      const Compressor<Real> compress(bits);
      compress.store(a.cosine + fill, cosine);
      if constexpr (narrow) compress.store(a.d2 + fill, maximum<Real>(d2, vec{}));
      if constexpr (needs_sine) {
        const vec cx = y * zk - z * yk, cy = z * xk - x * zk, cz = x * yk - y * xk;
        compress.store(a.sine + fill, square_root<Real>(cx * cx + cy * cy + cz * cz));
      }
      for (int e = 0; e < group.n_exponents; e++) {
        const PairExponent<Real> &exponent = group.exponents[e];
        const Real *first = a.stored + std::size_t(exponent.store_first) * a.stride;
        const Real *second = a.stored + std::size_t(exponent.store_second) * a.stride;
        compress.store(a.weights + std::size_t(e) * chunk_stride + fill, first[j] * S::load(second + k));
      }
      fill += __builtin_popcount(bits);
      if (fill >= pair_chunk) {
        evaluate_chunk(plan, group, a, pair_chunk);
        fill -= pair_chunk;
        carry_over(group, a, fill);
      }
    }
  }
  if (fill == 0) return;
  const int n = round_up(fill, S::lanes);
  for (int i = fill; i < n; i++) {
    a.cosine[i] = a.d2[i] = a.sine[i] = Real(0);
    for (int e = 0; e < group.n_exponents; e++) a.weights[std::size_t(e) * chunk_stride + i] = Real(0);
  }
  evaluate_chunk(plan, group, a, n);
}

template <class Real>
void pair_functions(const ElementPlan<Real> &plan, const SortedNeighbours &in, const Arrays<Real> &a)
{
  constexpr int lanes = Lanes<Real>::count;
  for (int g = 0; g < plan.n_pair_groups; g++) {
    const PairGroup<Real> &group = plan.pair_groups[g];
    const auto each_total = [&](auto &&work) {
      for (int e = 0; e < group.n_exponents; e++)
        for (int u = group.exponents[e].use_begin; u < group.exponents[e].use_end; u++) work(group.uses[u].total);
    };
    each_total([&](int total) {
      for (int i = 0; i < lanes; i++) a.lanes[std::size_t(total) * lanes + i] = 0.0;
    });
    if (group.narrow) {
      if (group.needs_sine) sweep_pairs<Real, true, true>(plan, group, in, a);
      else sweep_pairs<Real, true, false>(plan, group, in, a);
    } else {
      if (group.needs_sine) sweep_pairs<Real, false, true>(plan, group, in, a);
      else sweep_pairs<Real, false, false>(plan, group, in, a);
    }
    // 2^(1 - zeta) (1 + ...)^zeta = 2 x^zeta
    each_total([&](int total) {
      a.totals[total] = 2.0 * sum_lanes<lanes>(a.lanes + std::size_t(total) * lanes);
    });
  }
}

// --- wide angular functions of small integer zeta through moment tensors ---------------------------------------

/// Load neighbour factors as doubles.
inline Simd<double>::vec load_double(const double *p) { return Simd<double>::load(p); }
inline Simd<double>::vec load_double(const float *p)
{
  Simd<double>::vec v{};
  for (int i = 0; i < Simd<double>::width; i++) v[i] = double(p[i]);
  return v;
}

constexpr int components_up_to(int rank) { return (rank + 1) * (rank + 2) * (rank + 3) / 6; }

/// Sums of A, A x, A y, ... in the order: x times all of the rank below, y times those of the rank below that hold no x,
/// z^rank.
template <class Real, int rank>
void moments_of(const Arrays<Real> &a, const Real *factor, int begin, int n, double *moments, double *square)
{
  using S = Simd<double>;
  constexpr int count = components_up_to(rank);
  double lanes[count + 1][S::lanes];
  for (int p = 0; p < S::parts; p++) {
    S::vec sum[count] = {}, square_sum{};
    for (int k = p * S::width; k < n; k += S::lanes) {
      const S::vec x = S::load(a.vx + begin + k), y = S::load(a.vy + begin + k), z = S::load(a.vz + begin + k);
      S::vec w = load_double(factor + begin + k);
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
#pragma GCC unroll 16
        for (int c = 0; c < size_below; c++) product[at++] = product[below + c] * x;
#pragma GCC unroll 8
        for (int c = size_below - m; c < size_below; c++) product[at++] = product[below + c] * y;
        product[at++] = product[below + size_below - 1] * z;
#pragma GCC unroll 16
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
      default: moments_of<Real, 4>(a, factor, begin, n, moments, square); break;
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

// --- the whole fingerprint -------------------------------------------------------------------------------------

template <class Real>
void compute(const ElementPlan<Real> &plan, const SortedNeighbours &in, unsigned char *scratch, double *out)
{
  Arena arena(scratch);
  const Arrays<Real> a = lay_out(plan, in.size, arena);
  prepare(in, a);
  count_neighbours(plan, in, a);
  radial_functions(plan, in, a);
  pair_functions(plan, in, a);
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
