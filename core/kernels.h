// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

/// What the symmetry function kernels are told. Plain data only: this header and kernels.inl are compiled
/// once for each instruction set, so they must not instantiate anything the linker could share between them.

#include "derivative_terms.h"

#include <cstddef>

namespace mdsieve {

/// Sums run over a fixed number of lanes whatever the hardware's vector width: item i of a sum goes to lane
/// i % lanes, and the lanes are added by one fixed tree. Results therefore do not depend on the width.
/// Pairs are collected in chunks of this many and then evaluated together; the partial sums of a chunk are
/// added to totals in double precision.
template <class Real> struct Lanes;
template <> struct Lanes<double> {
  static constexpr int count = 8;
  static constexpr int pair_chunk = 128;
};
template <> struct Lanes<float> {
  static constexpr int count = 16;
  static constexpr int pair_chunk = 256;
};

/// Wide angular functions of integer zeta up to this may go through moment tensors.
constexpr int max_moment_rank = 6;
/// Components of the symmetric tensors of rank 0 to max_moment_rank: 1 + 3 + 6 + 10 + 15 + 21 + 28.
constexpr int n_moment_components = 84;

/// Largest degree of a polynomial that replaces Gaussian and cutoff function of r_jk.
template <class Real> constexpr int max_fit_degree = sizeof(Real) == 8 ? 13 : 10;
/// Powers zeta = 1, 2, 4, 8, 16 are kept in registers.
constexpr int n_register_powers = 5;
/// Gaussians of a WideGroup.
constexpr int max_wide_exponents = 4;

template <class Real> struct CutoffTerm {
  int type;               ///< CutoffType
  bool needs_r;           ///< not a polynomial in r^2
  double r2_cutoff;       ///< r_c^2
  Real inverse_cutoff;    ///< 1 / r_c
  Real r_inner;           ///< alpha r_c
  Real inverse_width;     ///< 1 / (r_c - r_inner)
  Real scale;             ///< constant factor
};

/// exp(-eta (r - r_s)^2) f_c(r) for the neighbours of one slot (neighbour element): summed, stored or both.
template <class Real> struct RadialTask {
  Real exponent;    ///< -eta log2(e)
  Real shift;       ///< r_s
  bool shifted;
  int total;    ///< where the sum goes, or -1
  int store;    ///< array in which the values are kept for the angular functions, or -1
};

/// The radial tasks that share neighbours and cutoff. Sorted by slot.
struct RadialGroup {
  int slot;
  int cutoff;
  int task_begin, task_end;
};

/// A Gaussian of an angular group.
template <class Real> struct PairExponent {
  Real exponent;    ///< -eta log2(e)
  Real shift;
  bool shifted;
  int store_first, store_second;    ///< stored radial factors of the two neighbours; mean_distance: f_c
  int use_begin, use_end;           ///< its PairUses
  /// Gaussian times cosine cutoff as (1 - t)^2 times a polynomial in t = 2 (r / r_c)^2 - 1; degree 0: not so
  int fit_degree;
  Real fit[max_fit_degree<Real> + 1];
};

/// Angular functions of zeta 1, 2, 4, 8 or 16 that share lambda: bit b of `powers` says that 2^b occurs.
template <class Real> struct RegisterBase {
  Real cosine;    ///< lambda / 2
  int powers;
  const int *totals;    ///< [exponent * n_register_powers + b]
};

/// x = max(0, (1 + lambda cos(theta - theta_s)) / 2), kept in power buffer `target`.
template <class Real> struct AngularBase {
  Real cosine, sine;    ///< lambda cos(theta_s) / 2 (mean_distance: times 0.95), lambda sin(theta_s) / 2
  int target;
};

/// How to get one power buffer from others.
template <class Real> struct PowerStep {
  enum Kind { square, multiply, real };
  Kind kind;
  int target, a, b;    ///< square: a squared b times; multiply: a * b; real: a to the power `power`
  Real power;
};

/// One angular function of a group: Gaussian times power, summed over the pairs.
struct PairUse {
  int power;    ///< power buffer
  int total;
};

/// Angular functions that share neighbour elements and cutoff radius: one sweep over the pairs.
template <class Real> struct PairGroup {
  int slot_first, slot_second;
  int cutoff;
  PairKind kind;
  bool needs_sine;
  bool needs_cutoff;    ///< f_c(r_jk): some Gaussian is not fitted together with it
  bool needs_r;         ///< r_jk itself
  int n_exponents, n_register_bases, n_bases, n_steps, n_powers, n_totals;
  const PairExponent<Real> *exponents;
  const RegisterBase<Real> *register_bases;
  const AngularBase<Real> *bases;
  const PowerStep<Real> *steps;
  const PairUse *uses;
  const int *totals;    ///< all it sums, each once
};

/// Wide angular functions of one integer zeta: x^zeta in registers, the factors of the first neighbour
/// applied to whole rows of pairs. Sorted by falling zeta; those of small zeta are there as moments too.
template <class Real> struct WideGroup {
  int slot_first, slot_second;
  int cutoff;
  int zeta;
  int n_bases;       ///< 1 or 2 signs of lambda
  Real cosine[2];    ///< lambda / 2
  int n_exponents;
  int store_first[max_wide_exponents], store_second[max_wide_exponents];
  int totals[max_wide_exponents][2];    ///< -1: not wanted
};

/// Moment tensors sum_j A_j u_j^{(x) m} of ranks 0, 1, ..., and sum_j A_j^2, for the neighbours of one slot.
struct MomentTask {
  int slot, cutoff, store;
  int rank[max_moment_rank +
           1];    ///< largest rank if functions of zeta <= index use moments; 0: nobody does
};

/// A wide angular function of integer zeta, from two sets of moments.
struct MomentUse {
  int first, second;    ///< MomentTasks
  bool same_slot;
  int zeta;
  double lambda;
  int total;
};

struct Output {
  int total;
  double weight;
  int column;
};

/// All that one central element needs.
template <class Real> struct ElementPlan {
  int n_features, n_slots, n_cutoffs, n_stores;
  int n_totals;                       ///< one more is there to add up what nobody wants
  bool needs_r;                       ///< r of the neighbours besides r^2
  bool has_pairs;                     ///< any PairGroup
  int most_exponents, most_powers;    ///< of any PairGroup
  const CutoffTerm<Real> *cutoffs;
  int n_radial_groups;
  const RadialGroup *radial_groups;
  const RadialTask<Real> *radial_tasks;
  int n_pair_groups;
  const PairGroup<Real> *pair_groups;
  int n_wide_groups;
  const WideGroup<Real> *wide_groups;
  int n_moment_tasks;
  const MomentTask *moment_tasks;
  int n_moment_uses;
  const MomentUse *moment_uses;
  int fixed_moment_limit;          ///< -1: whichever is faster for the atom at hand
  const double *moment_weights;    ///< multinomial coefficients, n_moment_components
  int n_outputs;
  const Output *outputs;
};

/// Neighbours within the largest cutoff in canonical order: by slot, then r^2, then dx, dy, dz.
/// Arrays are readable (any finite value) for 64 items beyond the end.
struct SortedNeighbours {
  int size;
  const double *x, *y, *z, *r2;
  const int *slot_begin;    ///< n_slots + 1
};

/// One compiled version of the kernels.
struct Kernels {
  const char *name;
  std::size_t (*scratch_bytes_double)(const ElementPlan<double> &, int n_neighbours);
  std::size_t (*scratch_bytes_float)(const ElementPlan<float> &, int n_neighbours);
  /// \param scratch  64-byte aligned
  void (*compute_double)(const ElementPlan<double> &, const SortedNeighbours &, unsigned char *scratch,
                         double *out);
  void (*compute_float)(const ElementPlan<float> &, const SortedNeighbours &, unsigned char *scratch,
                        double *out);
  std::size_t (*scratch_bytes_derivatives)(const DerivativePlan &, int n_neighbours);
  /// \param gradients  of each sorted neighbour an array [3][n_features] to add to
  void (*compute_derivatives)(const DerivativePlan &, const SortedNeighbours &, unsigned char *scratch,
                              double *const *gradients);
  std::size_t (*scratch_bytes_gradient)(const DerivativePlan &, int n_neighbours);
  /// \param weights   of each column
  /// \param gradient  [sorted neighbour][x, y, z] of the weighted sum of the columns
  void (*compute_gradient)(const DerivativePlan &, const SortedNeighbours &, const double *weights,
                           unsigned char *scratch, double *gradient);
};

extern const Kernels portable_kernels;
#ifdef MDSIEVE_X86_KERNELS
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

/// The best version for this processor, or the one named by the environment variable MDSIEVE_INSTRUCTION_SET.
const Kernels &default_kernels();
/// A version by name; nullptr if it was not compiled in or this processor cannot run it.
const Kernels *find_kernels(const char *name);
/// SymmetryFunctions made after this call use that version (for tests and benchmarks).
void use_kernels(const Kernels &kernels);

/// SymmetryFunctions made after this call use moment tensors for every wide function of integer zeta up to
/// `limit` and pairs for the others; -1: whichever is faster for the atom at hand, the default (for tests and
/// benchmarks).
void fix_moment_limit(int limit);
int fixed_moment_limit();

}    // namespace mdsieve
