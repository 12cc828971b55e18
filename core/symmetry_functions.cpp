// SPDX-License-Identifier: GPL-2.0-or-later
#include "symmetry_functions.h"

#include "derivative_plan.h"
#include "evaluation_plan.h"
#include "kernels.h"
#include "neighbour_sorter.h"

#include <algorithm>
#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace mdsieve {

namespace {

/// Flush tiny numbers to zero while it lives: x^zeta underflows often, and denormals are slow.
class FlushToZero {
 public:
#if defined(__SSE2__)
  FlushToZero() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~FlushToZero() { _mm_setcsr(saved_); }
  FlushToZero(const FlushToZero &) = delete;
  FlushToZero &operator=(const FlushToZero &) = delete;

 private:
  unsigned saved_;
#endif
};

}    // namespace

struct SymmetryFunctions::Workspace::Data {
  NeighbourSorter sorter;
  std::vector<unsigned char> scratch;
  std::vector<std::size_t> origin;    ///< of the sorted neighbours
  std::vector<double *> gradients;    ///< of the sorted neighbours
  std::vector<double> gradient;       ///< of the sorted neighbours, [x, y, z]

  unsigned char *aligned_scratch(std::size_t bytes)
  {
    if (scratch.size() < bytes + 64) scratch.resize(bytes + bytes / 4 + 64);
    auto address = reinterpret_cast<std::uintptr_t>(scratch.data());
    return scratch.data() + (64 - address % 64) % 64;
  }
};

SymmetryFunctions::Workspace::Workspace() : data_(std::make_unique<Data>()) {}
SymmetryFunctions::Workspace::~Workspace() = default;
SymmetryFunctions::Workspace::Workspace(Workspace &&) noexcept = default;
SymmetryFunctions::Workspace &SymmetryFunctions::Workspace::operator=(Workspace &&) noexcept = default;

struct SymmetryFunctions::Plan {
  Descriptor descriptor;
  Precision precision;
  double cutoff = 0.0;
  const Kernels *kernels;
  std::vector<std::unique_ptr<OwnedPlan<double>>> in_double;    ///< per central element
  std::vector<std::unique_ptr<OwnedPlan<float>>> in_float;
  std::vector<std::unique_ptr<OwnedDerivativePlan>> derivatives;

  Plan(Descriptor d, Precision p) : descriptor(std::move(d)), precision(p), kernels(&default_kernels())
  {
    for (const auto &f : descriptor.functions) cutoff = std::max(cutoff, f.r_cutoff);
    for (int e = 0; e < int(descriptor.elements.size()); e++) {
      if (precision == Precision::double_)
        build(e, in_double);
      else
        build(e, in_float);
      derivatives.push_back(compile_derivative_plan(descriptor, e));
    }
  }

  template <class Real> void build(int element, std::vector<std::unique_ptr<OwnedPlan<Real>>> &plans) const
  { plans.push_back(compile_plan<Real>(descriptor, element)); }
};

SymmetryFunctions::SymmetryFunctions(Descriptor descriptor, Precision precision)
    : plan_(std::make_unique<Plan>(std::move(descriptor), precision))
{}
SymmetryFunctions::~SymmetryFunctions() = default;
SymmetryFunctions::SymmetryFunctions(SymmetryFunctions &&) noexcept = default;
SymmetryFunctions &SymmetryFunctions::operator=(SymmetryFunctions &&) noexcept = default;

const Descriptor &SymmetryFunctions::descriptor() const { return plan_->descriptor; }
Precision SymmetryFunctions::precision() const { return plan_->precision; }
int SymmetryFunctions::n_elements() const { return int(plan_->descriptor.elements.size()); }
double SymmetryFunctions::cutoff() const { return plan_->cutoff; }
const char *SymmetryFunctions::instruction_set() { return default_kernels().name; }

int SymmetryFunctions::n_features(int element) const
{
  const auto e = std::size_t(element);
  return plan_->precision == Precision::double_ ? plan_->in_double.at(e)->plan.n_features
                                                : plan_->in_float.at(e)->plan.n_features;
}

void SymmetryFunctions::compute(int element, const Neighbours &neighbours, double *out,
                                Workspace &workspace) const
{
  const auto evaluate = [&](const auto &owned, auto scratch_bytes, auto kernel) {
    if (owned.plan.n_features == 0) return;
    auto &data = *workspace.operator->();
    const SortedNeighbours sorted =
        data.sorter.sort(neighbours, owned.slot_of_element, owned.plan.n_slots, owned.r2_cutoff);
    unsigned char *scratch = data.aligned_scratch(scratch_bytes(owned.plan, sorted.size));
    [[maybe_unused]] const FlushToZero flush;
    kernel(owned.plan, sorted, scratch, out);
  };
  const auto e = std::size_t(element);
  const Kernels &kernels = *plan_->kernels;
  if (plan_->precision == Precision::double_)
    evaluate(*plan_->in_double.at(e), kernels.scratch_bytes_double, kernels.compute_double);
  else
    evaluate(*plan_->in_float.at(e), kernels.scratch_bytes_float, kernels.compute_float);
}

void SymmetryFunctions::derivatives(int element, const Neighbours &neighbours, double *out,
                                    Workspace &workspace) const
{
  const OwnedDerivativePlan &owned = *plan_->derivatives.at(std::size_t(element));
  const std::size_t size = 3 * std::size_t(owned.plan.n_features);
  if (size == 0) return;
  std::fill(out, out + (neighbours.size + 1) * size, 0.0);
  auto &data = *workspace.operator->();
  const SortedNeighbours sorted = data.sorter.sort_with_origin(
      neighbours, owned.slot_of_element, owned.plan.n_slots, owned.r2_cutoff, data.origin);
  data.gradients.clear();
  for (std::size_t origin : data.origin) data.gradients.push_back(out + (1 + origin) * size);
  const Kernels &kernels = *plan_->kernels;
  unsigned char *scratch = data.aligned_scratch(kernels.scratch_bytes_derivatives(owned.plan, sorted.size));
  {
    [[maybe_unused]] const FlushToZero flush;
    kernels.compute_derivatives(owned.plan, sorted, scratch, data.gradients.data());
  }
  for (const double *gradient : data.gradients)    // in canonical order
    for (std::size_t i = 0; i < size; i++) out[i] -= gradient[i];
}

void SymmetryFunctions::gradient(int element, const Neighbours &neighbours, const double *weights,
                                 double *out, Workspace &workspace) const
{
  const OwnedDerivativePlan &owned = *plan_->derivatives.at(std::size_t(element));
  std::fill(out, out + (neighbours.size + 1) * 3, 0.0);
  if (owned.plan.n_features == 0) return;
  auto &data = *workspace.operator->();
  const SortedNeighbours sorted = data.sorter.sort_with_origin(
      neighbours, owned.slot_of_element, owned.plan.n_slots, owned.r2_cutoff, data.origin);
  const Kernels &kernels = *plan_->kernels;
  unsigned char *scratch = data.aligned_scratch(kernels.scratch_bytes_gradient(owned.plan, sorted.size));
  data.gradient.resize(std::max(data.gradient.size(), 3 * std::size_t(sorted.size)));
  {
    [[maybe_unused]] const FlushToZero flush;
    kernels.compute_gradient(owned.plan, sorted, weights, scratch, data.gradient.data());
  }
  const double *pull = data.gradient.data();
  for (const std::size_t origin : data.origin)    // in canonical order
    for (std::size_t axis = 0; axis < 3; axis++, pull++) {
      out[(1 + origin) * 3 + axis] = *pull;
      out[axis] -= *pull;
    }
}

}    // namespace mdsieve
