/* ----------------------------------------------------------------------
   pair_style bpnnp, setting up: folders, units and neighbours. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "pair_bpnnp.h"

#include "frame_gather.h"
#include "hidden_pairs.h"
#include "input_error.h"
#include "small_file.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <algorithm>

using namespace LAMMPS_NS;
using mdsieve::InputError;

namespace {

constexpr int n_outputs = 3;

std::string in_folder(const std::string &folder, const std::string &name)
{ return folder + (folder.back() == '/' ? "" : "/") + name; }

}    // namespace

PairBpnnp::PairBpnnp(LAMMPS *lmp) : Pair(lmp)
{
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = CENTROID_NOTAVAIL;
  nextra = n_outputs;
  pvector = new double[n_outputs]();
}

PairBpnnp::~PairBpnnp()
{
  if (copymode) return;
  delete[] pvector;
  if (!allocated) return;
  memory->destroy(setflag);
  memory->destroy(cutsq);
}

void PairBpnnp::allocate()
{
  allocated = 1;
  const int n = atom->ntypes + 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) setflag[i][j] = 0;
}

void PairBpnnp::settings(int narg, char **arg)
{
  try {
    options_ = mdsieve::parse_bpnnp_options(std::vector<std::string>(arg, arg + narg));
  } catch (const InputError &problem) {
    error->all(FLERR, "Pair bpnnp: {}", problem.what());
  }
  set_energy_unit();
}

/// What 1 eV is, as LAMMPS itself converts it.
void PairBpnnp::set_energy_unit()
{
  const std::string units = update->unit_style;
  if (units == "metal")
    energy_unit_ = 1.0;
  else if (units == "real")
    energy_unit_ = utils::get_conversion_factor(utils::ENERGY, utils::METAL2REAL);
  else
    error->all(FLERR, "Pair bpnnp: units {}: expected metal or real", units);
}

/// Text of a file, on all ranks. Collective.
/// \throws InputError if it cannot be read
std::string PairBpnnp::read_file(const std::string &name, const std::string &what)
{
  std::string text, problem;
  if (comm->me == 0) problem = mdsieve::read_small_file(name, what, text);
  mdsieve::broadcast(world, problem);
  if (!problem.empty()) throw InputError(problem);
  mdsieve::broadcast(world, text);
  return text;
}

mdsieve::NetworkPotential PairBpnnp::read_member(const std::string &folder, const mdsieve::NamedText &input)
{
  const auto &descriptor = functions_->descriptor();
  mdsieve::NamedText scaling{in_folder(folder, "scaling.data"), ""};
  scaling.text = read_file(scaling.name, "scaling");
  std::vector<mdsieve::NamedText> weights(descriptor.elements.size());
  for (std::size_t e = 0; e < weights.size(); e++) {
    if (std::find(type_element_.begin(), type_element_.end(), static_cast<int>(e)) == type_element_.end())
      continue;
    weights[e].name = in_folder(folder, mdsieve::weight_file_name(descriptor.atomic_numbers[e]));
    weights[e].text = read_file(weights[e].name, "weight");
  }
  return {descriptor, input, scaling, weights, options_.energy_unit};
}

/// pair_coeff * * FOLDER [FOLDER ...] El1 El2 ...
void PairBpnnp::coeff(int narg, char **arg)
{
  const int n_types = atom->ntypes;
  if (narg < 3 + n_types)
    error->all(FLERR,
               "Pair bpnnp: {} words after pair_coeff: expected `* *`, at least one folder and {} elements, "
               "one an atom type",
               narg, n_types);
  if (!allocated) allocate();
  const int n_folders = narg - 2 - n_types;
  const std::vector<std::string> folders(arg + 2, arg + 2 + n_folders);
  const std::vector<std::string> symbols(arg + 2 + n_folders, arg + narg);
  members_.clear();
  try {
    for (const std::string &folder : folders) {
      mdsieve::NamedText input{in_folder(folder, "input.nn"), ""};
      input.text = read_file(input.name, "input");
      auto descriptor = mdsieve::parse_input_nn(input.text, input.name, options_.length_unit);
      if (members_.empty()) {
        type_element_.assign(1, -1);
        for (const std::string &symbol : symbols) {
          type_element_.push_back(symbol == "NULL" ? -1 : descriptor.element_index(symbol));
          if (symbol != "NULL" && type_element_.back() < 0)
            throw InputError(fmt::format("element {} is not in {}", symbol, input.name));
        }
        functions_.emplace(std::move(descriptor), mdsieve::Precision::double_);
      } else if (descriptor.hash() != functions_->descriptor().hash()) {
        throw InputError(fmt::format("{}: other symmetry functions than in {}: a committee shares them",
                                     input.name, in_folder(folders.front(), "input.nn")));
      }
      members_.push_back(read_member(folder, input));
    }
  } catch (const InputError &problem) {
    error->all(FLERR, "Pair bpnnp: {}", problem.what());
  }

  int n_set = 0;
  for (int i = 1; i <= n_types; i++)
    for (int j = i; j <= n_types; j++) {
      setflag[i][j] = type_element_[i] >= 0 && type_element_[j] >= 0 ? 1 : 0;
      n_set += setflag[i][j];
    }
  if (n_set == 0) error->all(FLERR, "Pair bpnnp: no atom type has an element: expected one that is not NULL");

  std::size_t widest = 0, scratch = 0;
  for (int e = 0; e < functions_->n_elements(); e++)
    widest = std::max(widest, static_cast<std::size_t>(functions_->n_features(e)));
  for (const auto &member : members_) scratch = std::max(scratch, member.scratch_size());
  for (auto *const array : {&fingerprint_, &member_slopes_, &slopes_}) array->assign(widest, 0.0);
  scratch_.assign(scratch, 0.0);
  member_energies_.assign(members_.size(), 0.0);
  total_energies_.assign(members_.size(), 0.0);
  spread_.assign(static_cast<std::size_t>(atom->nmax) + 1,
                 0.0);    // `fix pair` asks where it is before any step
}

void PairBpnnp::init_style()
{
  if (!force->newton_pair) error->all(FLERR, "Pair bpnnp: expected `newton on`: forces act on ghost atoms");
  if (atom->tag_enable == 0) error->all(FLERR, "Pair bpnnp: expected atom IDs: use `atom_modify id yes`");
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

double PairBpnnp::init_one(int i, int j)
{
  if (setflag[i][j] == 0) error->all(FLERR, "Pair bpnnp: no pair_coeff for atom types {} and {}", i, j);
  return functions_->cutoff() * force->angstrom;
}

/// Before each run.
void PairBpnnp::setup() { mdsieve::warn_of_hidden_pairs(lmp, "Pair bpnnp"); }
