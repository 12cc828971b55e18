/* ----------------------------------------------------------------------
   fix select, setting up: files, bank and decider. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "fix_select.h"

#include "driver_link.h"
#include "frame_gather.h"
#include "input_error.h"
#include "lammps_session.h"
#include "local_decider.h"
#include "remote_decider.h"
#include "select_greeting.h"

#include "comm.h"
#include "error.h"
#include "lammps.h"
#include "universe.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace LAMMPS_NS;
using mdsieve::InputError;
using mdsieve::SelectOptions;

namespace {

constexpr double seconds_for_hello = 60.0;

std::string joined(const std::vector<std::string> &words)
{
  std::string text;
  for (const auto &word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}    // namespace

std::string FixSelect::read_file(const std::string &name, const std::string &what)
{
  std::string content, problem;
  if (comm->me == 0) {
    std::ifstream file(name, std::ios::binary);
    std::error_code ignored;    // what is not there is not read either
    if (std::filesystem::is_directory(name, ignored)) file.setstate(std::ios::failbit);
    if (file) {
      std::ostringstream whole;
      whole << file.rdbuf();
      content = whole.str();
    }
    if (!file) problem = fmt::format("cannot read {} file {}", what, name);
  }
  fail_everywhere(problem);
  mdsieve::broadcast(world, content);
  return content;
}

void FixSelect::read_descriptor()
{
  const std::string text = read_file(options_.descriptor_file, "symmetry function");
  try {
    auto descriptor = mdsieve::parse_input_nn(text, options_.descriptor_file, options_.length_unit);
    elements_ = descriptor.elements;
    type_element_.assign(1, -1);
    for (const auto &element : options_.type_elements) {
      const int index = descriptor.element_index(element);
      if (element != "NULL" && index < 0)
        throw InputError(fmt::format("element {} is not in {}, which has {}", element,
                                     options_.descriptor_file, joined(elements_)));
      type_element_.push_back(element == "NULL" ? -1 : index);
    }
    scanner_.emplace(mdsieve::SymmetryFunctions(std::move(descriptor), options_.precision), type_element_);
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix select: {}", problem.what());
  }
}

/// \throws InputError unless the bank was made for what this fix computes
void FixSelect::require_same_bank(const mdsieve::EnvironmentBank &bank, const std::string &name) const
{
  mdsieve::BankHeader wanted = wanted_;
  wanted.scaling = bank.header().scaling;    // a bank brings its own
  bank.require_compatible(wanted, fmt::format("fix {}", id));
  for (std::size_t e = 0; e < elements_.size(); e++)
    if (bank.header().thresholds[e] != wanted.thresholds[e])
      throw InputError(
          fmt::format("{} bank has threshold {:.6g} for {}, this fix {:.6g}: use the bank's, or another bank",
                      name, bank.header().thresholds[e], elements_[e], wanted.thresholds[e]));
}

/// What the bank is for; scaling_text and bank_bytes receive the files that were read.
mdsieve::BankHeader FixSelect::bank_header(std::string &scaling_text, std::string &bank_bytes)
{
  const auto &functions = scanner_->functions();
  mdsieve::BankHeader &header = wanted_;
  header = {};
  header.descriptor_text = functions.descriptor().text;
  header.descriptor_hash = functions.descriptor().hash();
  header.elements = elements_;
  for (int e = 0; e < functions.n_elements(); e++) {
    header.n_features.push_back(functions.n_features(e));
    header.cutoffs.push_back(functions.cutoff());
    double threshold = options_.threshold;
    for (const auto &[element, value] : options_.element_thresholds)
      if (element == elements_[e]) threshold = value;
    // elements of the descriptor that no atom type has: any threshold will do
    header.thresholds.push_back(threshold > 0.0 ? threshold : options_.element_thresholds.front().second);
  }
  header.scaling = mdsieve::Scaling::identity(header.n_features);

  try {
    int bank_exists = 0;
    if (!options_.bank_file.empty() && comm->me == 0)
      bank_exists = std::ifstream(options_.bank_file).good() ? 1 : 0;
    MPI_Bcast(&bank_exists, 1, MPI_INT, 0, world);
    if (bank_exists) {
      bank_bytes = read_file(options_.bank_file, "bank");
      const auto bank = mdsieve::EnvironmentBank::deserialise(bank_bytes, options_.bank_file);
      require_same_bank(bank, options_.bank_file);
      header.scaling = bank.header().scaling;
      options_.scaling_source = SelectOptions::ScalingSource::unset;
      options_.scaling_kind = header.scaling.kind;
      options_.pilot = 0;
    } else if (options_.scaling_source == SelectOptions::ScalingSource::file) {
      scaling_text = read_file(options_.scaling_file, "scaling");
      header.scaling = mdsieve::parse_scaling_data(scaling_text, options_.scaling_file,
                                                   functions.descriptor(), options_.scaling_kind);
    } else if (options_.scaling_source == SelectOptions::ScalingSource::unset) {
      throw InputError(
          "a threshold means nothing without a scaling: add `scaling file NAME`, `scaling pilot n` or "
          "`scaling none`");
    }
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix select: {}", problem.what());
  }
  return header;
}

/// First rank only: find the driver and greet it; leaves decider_ empty if there is none and none is needed.
void FixSelect::connect(const mdsieve::BankHeader &header, const std::string &scaling_text,
                        const std::string &bank_bytes)
{
  if (options_.use_driver == SelectOptions::UseDriver::no) return;
  const std::int64_t channel = mdsieve::next_channel();
  const MPI_Comm parent = mdsieve::parent_communicator(lmp);
  std::string name = "driver in this process";
  auto link = mdsieve::connect_directly();
  if (!link && parent != MPI_COMM_NULL) {
    try {
      mdsieve::set_session_patience(parent, options_.lost_after);
      link = mdsieve::connect_over_mpi(parent, channel, std::min(options_.lost_after, seconds_for_hello));
      name = fmt::format("driver on rank {}", mdsieve::session_driver(parent));
    } catch (const mdsieve::DriverLost &problem) {
      if (options_.use_driver == SelectOptions::UseDriver::yes || may_run_ahead()) throw;
      error->warning(FLERR, "Fix select: {}; going on without a driver", problem.what());
      return;
    }
  }
  if (!link) {
    if (options_.use_driver == SelectOptions::UseDriver::yes || may_run_ahead())
      throw InputError("no driver: start LAMMPS through `mdsieve run`, or beside one with "
                       "`mpiexec -n 8 lmp -mpicolor 1 -in in.script : -n 1 mdsieve drive`");
    return;
  }
  const mdsieve::GreetingOrigin origin{lmp->version, id, update->unit_style, comm->nprocs, universe->iworld};
  decider_ = std::make_unique<mdsieve::RemoteDecider>(
      std::move(link), channel, mdsieve::greeting(options_, header, scaling_text, origin), bank_bytes,
      options_.lost_after, name);
}

void FixSelect::start_decider(const mdsieve::BankHeader &header, const std::string &scaling_text,
                              const std::string &bank_bytes)
{
  std::string problem, bank, name;
  if (comm->me == 0) {
    try {
      connect(header, scaling_text, bank_bytes);
      if (!decider_)
        decider_ = std::make_unique<mdsieve::LocalDecider>(header, options_.rule, options_.scaling_kind,
                                                           options_.pilot, bank_bytes);
      has_driver_ = dynamic_cast<mdsieve::RemoteDecider *>(decider_.get()) != nullptr;
      bank = decider_->initial_bank();
      name = decider_->name();
      progress_ = decider_->progress();
    } catch (const std::exception &exception) {
      problem = exception.what();
    }
  }
  fail_everywhere(problem);
  MPI_Bcast(&has_driver_, 1, MPI_INT, 0, world);
  mdsieve::broadcast(world, bank);
  if (!bank.empty()) adopt_bank(bank);

  if (comm->me != 0) return;
  std::string entries;
  for (int e = 0; bank_ && e < static_cast<int>(elements_.size()); e++)
    entries += fmt::format("{}{} {}", e ? ", " : "", bank_->size(e), elements_[e]);
  utils::logmesg(lmp, "Fix select {}: {} symmetry functions of {}, cutoff {:.4g} A, {} ({}); {}; bank {}\n",
                 id, scanner_->functions().descriptor().functions.size(), options_.descriptor_file,
                 scanner_->functions().cutoff(), mdsieve::SymmetryFunctions::instruction_set(),
                 options_.precision == mdsieve::Precision::mixed ? "mixed" : "double", name,
                 bank_ ? entries : fmt::format("after a pilot of {} evaluations", options_.pilot));
}

void FixSelect::restore_bank(const std::string &bytes)
{
  try {
    auto bank = mdsieve::EnvironmentBank::deserialise(bytes, "restart file");
    require_same_bank(bank, "the restart file's");
    if (comm->me == 0)
      decider_ = std::make_unique<mdsieve::LocalDecider>(bank.header(), options_.rule, options_.scaling_kind,
                                                         0, bytes);
    bank_ = std::move(bank);
    scanner_->forget_entries();
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix select: {}", problem.what());
  }
}

/// Take over the bank that the decider starts from, or makes when a pilot has fitted its scaling.
void FixSelect::adopt_bank(const std::string &bytes)
{
  try {
    auto bank = mdsieve::EnvironmentBank::deserialise(bytes, "the driver's bank");
    require_same_bank(bank, "the driver's");
    bank_ = std::move(bank);
    scanner_->forget_entries();
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix select: {}", problem.what());
  }
}
