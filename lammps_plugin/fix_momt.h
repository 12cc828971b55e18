/* -*- c++ -*- ----------------------------------------------------------
   fix momt: a multiorder-multithermal ensemble. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#ifndef LMP_FIX_MOMT_H
#define LMP_FIX_MOMT_H

#include "fix.h"

#include "ensemble_weight.h"
#include "momt_options.h"
#include "structure_factor.h"
#include "walkers.h"

#include <optional>
#include <string>
#include <vector>

namespace LAMMPS_NS {

class FixMomt : public Fix {
 public:
  FixMomt(class LAMMPS *, int, char **);
  ~FixMomt() override;

  int setmask() override;
  void init() override;
  void setup(int) override;
  void post_force(int) override;
  void post_run() override;
  void write_restart(FILE *) override;
  void restart(char *) override;
  double compute_scalar() override;
  double compute_vector(int) override;
  double memory_usage() override;

 private:
  mdsieve::MomtOptions options_;
  std::optional<mdsieve::LatticeOrder> lattice_order_;
  std::optional<mdsieve::EnsembleWeight> weight_;
  std::optional<mdsieve::Walkers> walkers_;
  mdsieve::Passages passages_;
  std::string energy_id_;    // of the compute that makes LAMMPS add up energies in each step
  class Compute *energy_ = nullptr;

  // this step
  double enthalpy_ = 0.0, order_ = 0.0;
  mdsieve::BiasValue bias_;
  double scale_ = 1.0;            // of the forces
  bigint n_out_of_bounds_ = 0;    // steps in which the scale was limited
  std::vector<double> fractional_, gradient_, sums_;

  struct RestartState {
    static constexpr std::int64_t current_layout = 0x01746d6f6d73646d;    // "mdsmomt" and a number
    std::int64_t layout = current_layout;
    std::int64_t n_out_of_bounds = 0;
    std::int64_t weight_bytes = 0;    // of the text that follows
  };

  // setting up
  void require_system();
  void read_weight();
  void take_weight(mdsieve::EnsembleWeight, const std::string &name);
  void set_passages();
  void require_order_of_fixes();
  void warn_of_other_targets();
  void require_same_walkers();

  // one step
  void measure();
  void sample();
  double hill() const;
  void bias();
  void apply(int vflag);

  void print_summary();
  void write_state();
};

}    // namespace LAMMPS_NS

#endif
