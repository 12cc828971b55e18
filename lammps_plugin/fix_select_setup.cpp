/* ----------------------------------------------------------------------
   fix select, setting up: files, bank and decider. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#include "fix_select.h"

#include "driver_link.h"
#include "frame_gather.h"
#include "input_error.h"
#include "lammps_identity.h"
#include "lammps_session.h"
#include "local_decider.h"
#include "remote_decider.h"
#include "seen_frames.h"
#include "select_greeting.h"
#include "small_file.h"

#include "comm.h"
#include "error.h"
#include "lammps.h"
#include "universe.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <fstream>

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

/// Atoms whose novelty does not exceed this cannot make any condition of the rule true.
double indifferent_level(const mdsieve::Rule &rule)
{
  double level = 1.0;
  for (const auto *conditions : {&rule.keep, &rule.junk, &rule.stop})
    for (const auto &condition : *conditions)
      if (condition.score == "novelty") level = std::min(level, condition.value);
  return std::max(level, 0.0);
}

bool may_keep_without_candidates(const mdsieve::Rule &rule)
{
  using Op = mdsieve::Condition::Op;
  return std::any_of(rule.keep.begin(), rule.keep.end(), [](const auto &condition) {
    const bool wants_much = condition.op == Op::gt || (condition.op == Op::ge && condition.value > 0.0);
    return condition.score != "novelty" || !wants_much;
  });
}

}    // namespace

std::string FixSelect::read_file(const std::string &name, const std::string &what)
{
  std::string content, problem;
  if (comm->me == 0) problem = mdsieve::read_small_file(name, what, content);
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

/// \throws InputError unless the histograms are those that this fix asks for
void FixSelect::require_same_histogram(const mdsieve::HistogramLayout &layout, const std::string &name) const
{
  const auto &wanted = options_.difference;
  if (layout.elements != elements_ || layout.descriptor_hash != wanted_.descriptor_hash ||
      layout.n_features() != wanted_.n_features)
    throw InputError(
        fmt::format("{}: made with other symmetry functions than {}", name, options_.descriptor_file));
  if (wanted.bins_given && wanted.n_bins != layout.n_bins)
    throw InputError(fmt::format("{}: has {} bins, this fix {}", name, layout.n_bins, wanted.n_bins));
  if (wanted.mode_given && (wanted.mode != layout.mode || wanted.step != layout.step))
    throw InputError(fmt::format("{}: its difference vectors are of another mode than this fix's", name));
}

/// The `frames` file, if it is there; empty if not, or if there are no difference vectors.
std::string FixSelect::seen_frames(mdsieve::ScalingKind kind)
{
  std::string bytes;
  if (!options_.difference.wanted) return bytes;
  int exists = 0;
  if (!options_.frames_file.empty() && comm->me == 0)
    exists = std::ifstream(options_.frames_file).good() ? 1 : 0;
  MPI_Bcast(&exists, 1, MPI_INT, 0, world);
  try {
    if (exists) {
      bytes = read_file(options_.frames_file, "frames");
      const auto seen = mdsieve::SeenFrames::deserialise(bytes, options_.frames_file);
      require_same_histogram(seen.layout(), options_.frames_file);
      options_.difference.mode = seen.layout().mode;
      options_.difference.step = seen.layout().step;
      options_.difference.n_bins = seen.layout().n_bins;
    } else if (kind == mdsieve::ScalingKind::none) {
      const auto scores = options_.rule.scores();
      if (options_.difference.mode_given || std::find(scores.begin(), scores.end(), "frame") != scores.end())
        throw InputError("difference vectors need ranges, and `scaling none` has none: scale by a file or a "
                         "pilot, or give a `frames` file that exists");
      options_.difference.wanted = false;
    }
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix select: {}", problem.what());
  }
  return bytes;
}

/// What histograms are to be; their ranges come from the scaling.
std::optional<mdsieve::HistogramLayout> FixSelect::histogram_layout() const
{
  const auto &difference = options_.difference;
  if (!difference.wanted) return std::nullopt;
  return mdsieve::HistogramLayout{wanted_.descriptor_hash, elements_,      {}, {}, difference.n_bins,
                                  difference.mode,         difference.step};
}

/// First rank only: find the driver and greet it; leaves decider_ empty if there is none and none is needed.
void FixSelect::connect(const mdsieve::BankHeader &header, const Files &files)
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
  const mdsieve::GreetingOrigin origin{mdsieve::running_lammps(lmp), id, update->unit_style, comm->nprocs,
                                       universe->iworld};
  decider_ = std::make_unique<mdsieve::RemoteDecider>(
      std::move(link), channel, mdsieve::greeting(options_, header, files.scaling, origin), files.bank,
      files.frames, options_.lost_after, name);
}

void FixSelect::start_decider(const mdsieve::BankHeader &header, const Files &files)
{
  std::string problem, name;
  std::vector<std::int64_t> start;
  if (comm->me == 0) {
    try {
      connect(header, files);
      if (!decider_)
        decider_ = std::make_unique<mdsieve::LocalDecider>(header, options_.rule, options_.scaling_kind,
                                                           options_.pilot, files.bank, histogram_layout(),
                                                           files.frames);
      has_driver_ = dynamic_cast<mdsieve::RemoteDecider *>(decider_.get()) != nullptr;
      start = decider_->start().pack();
      name = decider_->name();
      progress_ = decider_->progress();
    } catch (const std::exception &exception) {
      problem = exception.what();
    }
  }
  fail_everywhere(problem);
  MPI_Bcast(&has_driver_, 1, MPI_INT, 0, world);
  mdsieve::broadcast(world, start);
  take_start(mdsieve::Decider::Start::unpack(std::move(start)));

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

void FixSelect::restore_bank(const std::string &bytes, const std::string &stored_frames)
{
  try {
    auto bank = mdsieve::EnvironmentBank::deserialise(bytes, "restart file");
    require_same_bank(bank, "the restart file's");
    std::string frames = options_.difference.wanted ? stored_frames : "";
    auto layout = histogram_layout();
    if (layout && frames.empty()) {    // the run before had no difference vectors
      layout->take_ranges(bank.header().scaling);
      frames = mdsieve::SeenFrames(*layout).serialise();
    }
    if (!frames.empty()) adopt_histogram(frames);
    if (comm->me == 0)
      decider_ = std::make_unique<mdsieve::LocalDecider>(bank.header(), options_.rule, options_.scaling_kind,
                                                         0, bytes, std::nullopt, frames);
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

/// Take over what histograms are to be: a file of seen frames, of which only the layout counts here.
void FixSelect::adopt_histogram(const std::string &bytes)
{
  try {
    const auto seen = mdsieve::SeenFrames::deserialise(bytes, "the seen frames");
    require_same_histogram(seen.layout(), "the seen frames");
    histogram_.emplace(seen.layout());
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix select: {}", problem.what());
  }
}

/// What the decider says at the beginning: its bank, and what it needs to follow its rule.
void FixSelect::take_start(const mdsieve::Decider::Start &start)
{
  if (!start.bank.empty()) adopt_bank(start.bank);
  if (!start.histogram.empty()) adopt_histogram(start.histogram);
  try {
    options_.rule = mdsieve::parse_rule(start.rule, mdsieve::known_scores());
  } catch (const InputError &problem) {
    error->all(FLERR, "Fix select: {}", problem.what());
  }
  level_ = start.needs_fingerprints ? -1.0 : indifferent_level(options_.rule);
  frame_without_candidates_ = start.needs_atoms || may_keep_without_candidates(options_.rule);
  for (const auto &score : options_.rule.scores())
    if (score != "novelty" && score != "frame" && score != "range" && score != "spread")
      further_scores_.push_back(score);
  scores_.assign(3 + further_scores_.size(), 0.0);
}
