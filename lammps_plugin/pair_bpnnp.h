/* -*- c++ -*- ----------------------------------------------------------
   pair_style bpnnp: Behler-Parrinello networks, one or a committee. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#ifndef LMP_PAIR_BPNNP_H
#define LMP_PAIR_BPNNP_H

#include "pair.h"

#include "bpnnp_options.h"
#include "network_potential.h"
#include "symmetry_functions.h"

#include <optional>
#include <string>
#include <vector>

namespace LAMMPS_NS {

class PairBpnnp : public Pair {
 public:
  PairBpnnp(class LAMMPS *);
  ~PairBpnnp() override;

  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;
  void setup() override;
  void compute(int, int) override;
  void *extract_peratom(const char *, int &) override;
  double memory_usage() override;

 private:
  mdsieve::BpnnpOptions options_;
  std::optional<mdsieve::SymmetryFunctions> functions_;
  std::vector<mdsieve::NetworkPotential> members_;
  std::vector<int> type_element_;    // index into the descriptor's elements of each atom type, -1: none
  double energy_unit_ = 1.0;         // eV in LAMMPS' unit

  // one atom
  mdsieve::SymmetryFunctions::Workspace workspace_;
  std::vector<double> dx_, dy_, dz_;
  std::vector<int> element_, index_;
  std::vector<double> fingerprint_, member_slopes_, slopes_, derivatives_, scratch_;
  std::vector<double> member_energies_;

  // one step
  std::vector<double> spread_;            // of each owned atom's energy
  std::vector<double> total_energies_;    // of each member, this rank's atoms
  double largest_spread_ = 0.0;
  bigint n_outside_ = 0;    // atoms with a fingerprint outside the range that the networks were made for

  // setting up
  std::string read_file(const std::string &name, const std::string &what);
  mdsieve::NetworkPotential read_member(const std::string &folder, const mdsieve::NamedText &input);
  void allocate();
  void set_energy_unit();

  // one step
  std::size_t gather_neighbours(int i);
  double evaluate(int i, int element, std::size_t n_neighbours);
  void apply(int i, std::size_t n_neighbours);
  void share_outputs();
};

}    // namespace LAMMPS_NS

#endif
