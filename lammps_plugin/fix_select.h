/* -*- c++ -*- ----------------------------------------------------------
   fix select: keep only novel frames. Part of mdsieve, a plugin for LAMMPS.
   SPDX-License-Identifier: GPL-2.0-or-later
------------------------------------------------------------------------- */

#ifndef LMP_FIX_SELECT_H
#define LMP_FIX_SELECT_H

#include "fix.h"

#include "decider.h"
#include "environment_scan.h"
#include "select_options.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace LAMMPS_NS {

class FixSelect : public Fix {
 public:
  FixSelect(class LAMMPS *, int, char **);
  ~FixSelect() override;

  int setmask() override;
  void init() override;
  void setup(int) override;
  void min_setup(int) override;
  void end_of_step() override;
  void post_run() override;
  void write_restart(FILE *) override;
  void restart(char *) override;
  void grow_arrays(int) override;
  void copy_arrays(int, int, int) override;
  void set_arrays(int) override;
  int pack_exchange(int, double *) override;
  int unpack_exchange(int, double *) override;
  double compute_scalar() override;
  double compute_vector(int) override;
  double memory_usage() override;

 private:
  mdsieve::SelectOptions options_;
  std::vector<int> type_element_;
  std::vector<std::string> elements_;
  mdsieve::BankHeader wanted_;    // what a bank for this fix must be
  std::optional<mdsieve::EnvironmentScanner> scanner_;
  std::optional<mdsieve::EnvironmentBank> bank_;             // this rank's copy
  std::optional<mdsieve::DifferenceHistogram> histogram_;    // what the ranks count
  std::unique_ptr<mdsieve::Decider> decider_;                // first rank only
  int has_driver_ = 0;
  double level_ = 1.0;                       // novelty up to which the rule does not care about an atom
  bool frame_without_candidates_ = false;    // the rule may keep a frame in which no atom is above level_
  bool lost_ = false;                        // the driver is gone and the user does not mind

  // the last reply
  mdsieve::Verdict verdict_ = mdsieve::Verdict::known;
  double novelty_ = 0.0;
  bigint trigger_ = 0;
  std::vector<double> scores_;    // frame, range, spread, then further_scores_
  std::vector<std::string> further_scores_;
  mdsieve::Progress progress_;
  mdsieve::Progress before_restart_;    // counts that the driver does not know of

  // what was done
  bigint n_evaluated_ = 0;
  bigint evaluated_step_ = -1;
  bigint evaluated_natoms_ = -1;
  using Configuration = std::array<double, 7>;
  Configuration evaluated_configuration_{};    // at the end of the last run
  double seconds_computing_ = 0.0, seconds_waiting_ = 0.0;
  bigint n_held_up_ = 0;    // evaluations that waited because `depth` frames were undecided; first rank only
  struct Totals {
    bigint evaluated = 0, kept = 0, junk = 0;
    double computing = 0.0, waiting = 0.0;
    bigint held_up = 0;
    std::vector<bigint> entries;
  } run_start_;

  struct RestartState {
    /// "mdsieve" and the number of this layout: LAMMPS hands over whatever a fix of this style has written.
    static constexpr std::int64_t current_layout = 0x036576656973646d;
    std::int64_t layout = current_layout;
    mdsieve::Progress progress;
    bigint n_evaluated, evaluated_step, evaluated_natoms;
    Configuration configuration;
    double novelty;
    double scores[3];    // frame, range, spread
    bigint trigger;
    std::int64_t bank_bytes;      // of the bank that follows
    std::int64_t frames_bytes;    // of the seen frames that follow it
  };

  // setting up
  void read_descriptor();
  mdsieve::BankHeader bank_header(std::string &scaling_text, std::string &bank_bytes);
  struct Files {
    std::string scaling, bank, frames;    // as read, or empty
  };
  std::string seen_frames(mdsieve::ScalingKind kind);
  std::optional<mdsieve::HistogramLayout> histogram_layout() const;
  void start_decider(const mdsieve::BankHeader &, const Files &);
  void connect(const mdsieve::BankHeader &, const Files &);
  void take_start(const mdsieve::Decider::Start &);
  void require_same_bank(const mdsieve::EnvironmentBank &, const std::string &name) const;
  void require_same_histogram(const mdsieve::HistogramLayout &, const std::string &name) const;
  void restore_bank(const std::string &bytes, const std::string &frames);
  void adopt_bank(const std::string &bytes);
  void adopt_histogram(const std::string &bytes);
  std::string read_file(const std::string &name, const std::string &what);
  double reach_needed() const;
  void require_ghosts();
  void require_all_ghosts();

  // one evaluation
  void evaluate();
  void report_frame(mdsieve::EnvironmentScan &);
  void fetch_replies(int outstanding_allowed);
  mdsieve::ReplyBatch receive_replies(int outstanding_allowed);
  void apply(const mdsieve::Reply &);
  void stop_run();
  void lose_driver(const std::string &);
  Configuration configuration();
  bigint natoms_if_evaluated() const;
  bool already_evaluated();
  bigint next_evaluation() const;
  bool may_run_ahead() const;

  void write_files();
  void begin_totals();
  void print_summary();
  void fail_everywhere(const std::string &problem);
};

}    // namespace LAMMPS_NS

#endif
