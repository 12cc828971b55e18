// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "difference_histogram.h"
#include "input_nn.h"
#include "rule.h"
#include "scaling.h"
#include "symmetry_functions.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mdsieve {

/// The words of `fix ID group select N sf.nn E1 … EM keyword value …`.
struct SelectOptions {
  enum class Mode { wait, stream };
  enum class UseDriver { no, yes, automatic };
  enum class OnLost { error, warn, ignore };
  enum class ScalingSource { unset, none, file, pilot };
  struct Fields {
    bool velocities = false, forces = false, energy = false, stress = false;
  };

  /// Of difference vectors; what is not given comes from the `frames` file if there is one.
  struct Difference {
    bool wanted = true;
    bool mode_given = false, bins_given = false;
    DifferenceMode mode = DifferenceMode::presence;
    double step = 0.0;    ///< of DifferenceMode::fraction
    int n_bins = 20;
  };

  int nevery = 0;
  std::string descriptor_file;
  std::vector<std::string> type_elements;    ///< one per atom type, "NULL" for types that are not looked at
  LengthUnit length_unit = LengthUnit::angstrom;
  Precision precision = Precision::double_;

  double threshold = 0.0;    ///< for every element without one of its own; 0: not given
  std::vector<std::pair<std::string, double>> element_thresholds;

  ScalingSource scaling_source = ScalingSource::unset;
  ScalingKind scaling_kind = ScalingKind::minmax;
  std::string scaling_file;
  std::int64_t pilot = 0;

  Rule rule;
  Mode mode = Mode::wait;
  int depth = 1;
  UseDriver use_driver = UseDriver::automatic;
  OnLost on_lost = OnLost::error;
  double lost_after = 600.0;    ///< seconds
  std::string bank_file;
  Difference difference;
  std::string frames_file;
  Fields fields;
  bool peratom = false;
};

/// \param words   everything after the style name
/// \param ntypes  number of atom types
/// \throws InputError naming the word and what was expected
SelectOptions parse_select_options(const std::vector<std::string> &words, int ntypes);

}    // namespace mdsieve
