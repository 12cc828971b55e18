// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "cutoff.h"

#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

/// Types that n2p2 does not have: the terms of ANI's atomic environment vector (AEV). A file calls them
/// `aev_radial` and `aev_angular`.
constexpr int aev_radial_type = 102, aev_angular_type = 103;

/// One `symfunction_short` line, lengths in Angstrom and eta in 1/Angstrom^2 whatever the file used.
struct SymmetryFunction {
  int type = 0;                ///< 2, 3, 9, 12 or 13 as in n2p2; aev_radial_type, aev_angular_type
  int central = -1;            ///< index into Descriptor::elements
  int first = -1;              ///< neighbour element; -1 for the weighted types 12 and 13
  int second = -1;             ///< second neighbour element of angular types, first <= second; else -1
  double eta = 0.0;            ///< Gaussian exponent [1/A^2]
  double r_shift = 0.0;        ///< r_s [A]
  double lambda = 0.0;         ///< +1 or -1 (types 3, 9, 13)
  double zeta = 0.0;           ///< angular exponent (angular types)
  double theta_shift = 0.0;    ///< theta_s [rad], types 3 and 9 (extension) and aev_angular
  double r_cutoff = 0.0;       ///< r_c [A]
  int line = 0;                ///< line number in the file, from 1
};

/// What an `input.nn` file says about symmetry functions.
struct Descriptor {
  std::vector<std::string> elements;    ///< ordered by atomic number, as n2p2 orders them
  std::vector<int> atomic_numbers;      ///< of `elements`
  CutoffType cutoff_type = CutoffType::hard;
  double cutoff_alpha = 0.0;
  std::vector<SymmetryFunction> functions;    ///< in the file's line order
  std::string text;                           ///< the file itself

  /// Functions of one central element, as indices into `functions`, in line order: the columns of its
  /// fingerprint.
  std::vector<int> columns(int element) const;
  /// For each column of `columns(element)`, its rank in n2p2's own sorted order (that of `scaling.data`).
  std::vector<int> n2p2_order(int element) const;
  /// Index of an element symbol, or -1.
  int element_index(std::string_view symbol) const;
  /// Hexadecimal hash of everything that decides a fingerprint's value (not of comments or spacing).
  std::string hash() const;
};

enum class LengthUnit { angstrom, bohr };

/// Read n2p2/RuNNer `input.nn` syntax.
/// \param text  the file's content
/// \param name  the file's name, for messages
/// \param unit  unit of every length in the file; a `length_unit` line in the file (extension) overrides it
/// Extensions: `length_unit angstrom|bohr`; `eta_unit inverse_length_squared|inverse_cutoff_squared`
/// (PyAMFF and Amp write eta/R_c^2); trailing words `theta_s VALUE` (radian) on types 3 and 9; types
/// `aev_radial` and `aev_angular`.
/// \throws InputError "name:line: ..." on anything malformed
Descriptor parse_input_nn(std::string_view text, const std::string &name,
                          LengthUnit unit = LengthUnit::angstrom);

/// Atomic number of an element symbol, or 0 if there is none such.
int atomic_number(std::string_view symbol);

}    // namespace mdsieve
