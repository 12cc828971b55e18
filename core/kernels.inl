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
  const loose_four *p = reinterpret_cast<const loose_four *>(lanes);
  four sum;
  if constexpr (n == 16)
    sum = (p[0] + p[2]) + (p[1] + p[3]);
  else
    sum = p[0] + p[1];
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

#include "kernel_neighbours.inl"
#include "kernel_radial.inl"
#include "kernel_pairs.inl"
#include "kernel_wide.inl"
#include "kernel_moments.inl"
#include "kernel_derivatives.inl"
#include "kernel_gradient.inl"

template <class Real>
void compute(const ElementPlan<Real> &plan, const SortedNeighbours &in, unsigned char *scratch, double *out)
{
  Arena arena(scratch);
  const Arrays<Real> a = lay_out(plan, in.size, arena);
  prepare(in, a);
  count_neighbours(plan, in, a);
  radial_functions(plan, in, a);
  pair_functions(plan, in, a);
  const int limit = moment_limit(plan, a);
  wide_functions(plan, in, a, limit);
  moment_functions(plan, in, a, limit);
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
const Kernels MDSIEVE_KERNELS = {MDSIEVE_KERNELS_NAME,
                                 scratch_bytes<double>,
                                 scratch_bytes<float>,
                                 compute<double>,
                                 compute<float>,
                                 derivative_scratch_bytes,
                                 compute_derivatives,
                                 gradient_scratch_bytes,
                                 compute_gradient};

}    // namespace mdsieve
