// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "input_nn.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace mdsieve {

enum class Precision { double_, mixed };

/// The neighbours of one atom, structure of arrays. Order does not matter: it never changes a result.
struct Neighbours {
  const double *dx = nullptr;    ///< displacement neighbour - centre [A]
  const double *dy = nullptr;
  const double *dz = nullptr;
  const int *element = nullptr;    ///< index into Descriptor::elements; negative: ignored
  std::size_t size = 0;
};

/// Behler-Parrinello symmetry functions of one descriptor, compiled to an evaluation plan.
/// Neighbours are brought into a canonical order and summed by a fixed reduction tree, so the value does
/// not depend on the order or the rank in which they were found.
class SymmetryFunctions {
 public:
  /// Scratch memory; one per thread, grows on demand, reusable between atoms and descriptors.
  class Workspace {
   public:
    Workspace();
    ~Workspace();
    Workspace(Workspace &&) noexcept;
    Workspace &operator=(Workspace &&) noexcept;
    struct Data;
    Data *operator->() const { return data_.get(); }

   private:
    std::unique_ptr<Data> data_;
  };

  SymmetryFunctions(Descriptor descriptor, Precision precision);
  ~SymmetryFunctions();
  SymmetryFunctions(SymmetryFunctions &&) noexcept;
  SymmetryFunctions &operator=(SymmetryFunctions &&) noexcept;

  const Descriptor &descriptor() const;
  Precision precision() const;
  int n_elements() const;
  /// Length of the fingerprint of an element (its `symfunction_short` lines; may be 0).
  int n_features(int element) const;
  /// Largest cutoff of all functions [A].
  double cutoff() const;
  /// Instruction set in use: "avx512", "avx2" or "portable".
  static const char *instruction_set();

  /// Fingerprint of one atom.
  /// \param element     its element
  /// \param neighbours  all atoms (periodic images too) at least up to cutoff(); farther ones are ignored
  /// \param out         n_features(element) values, columns in the file's line order
  /// \throws InputError if a neighbour coincides with the atom or a coordinate is not finite
  void compute(int element, const Neighbours &neighbours, double *out, Workspace &workspace) const;

  /// Derivatives of the fingerprint with respect to positions, in double precision whatever precision() is.
  /// \param out  (neighbours.size + 1) * 3 * n_features(element) values: of the atom itself, then of each
  ///             neighbour as it stands in the list, [x, y, z][column], in the fingerprint's unit per
  ///             Angstrom; neighbours of no influence have zeros. Their sum is zero.
  /// \throws InputError if a neighbour coincides with the atom or a coordinate is not finite
  void derivatives(int element, const Neighbours &neighbours, double *out, Workspace &workspace) const;

  /// Gradient of sum_c weights[c] G_c, in double precision whatever precision() is: derivatives() summed over
  /// the columns, in a fraction of its time and memory.
  /// \param weights  n_features(element) values
  /// \param out      (neighbours.size + 1) * 3 values: of the atom itself, then of each neighbour as the list
  ///                 has them, [x, y, z]; neighbours of no influence have zeros. Their sum is zero.
  /// \throws InputError if a neighbour coincides with the atom or a coordinate is not finite
  void gradient(int element, const Neighbours &neighbours, const double *weights, double *out,
                Workspace &workspace) const;

 private:
  struct Plan;
  std::unique_ptr<Plan> plan_;
};

}    // namespace mdsieve
