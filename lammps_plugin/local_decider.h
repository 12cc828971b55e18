// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "decider.h"
#include "scaling.h"
#include "seen_frames.h"

#include <deque>
#include <limits>
#include <optional>

namespace mdsieve {

/// Decides without a driver: the bank lives on the first rank of the world, native dumps write the frames.
/// With `scaling pilot n` the first n frames only fit the scaling: they have passed before they could be
/// decided and written, so they stay pending and leave no trace in the bank.
class LocalDecider : public Decider {
 public:
  /// \param header  scaling included, unless pilot > 0
  /// \param bank    serialised bank to start from, or empty
  /// \param layout  what histograms are to be, ranges excepted; none: no difference vectors
  /// \param frames  serialised seen frames to start from, or empty
  /// \throws InputError for a rule that only a driver can follow
  LocalDecider(BankHeader header, Rule rule, ScalingKind kind, std::int64_t pilot, const std::string &bank,
               std::optional<HistogramLayout> layout, const std::string &frames);

  Start start() override;
  std::string seen_frames() const override { return seen_ ? seen_->serialise() : std::string(); }
  Progress progress() const override { return progress_; }
  void resume(const Progress &progress) override { progress_ = progress; }
  void submit(const FrameReport &frame) override;
  int outstanding() const override { return static_cast<int>(replies_.size()); }
  bool poll(Reply &reply) override;
  Reply wait() override;
  void run_ended(const std::string &) override {}
  std::string name() const override { return "no driver, bank on the first rank"; }

 private:
  Reply decide_frame(const FrameReport &frame);
  Reply learn_scaling(const FrameReport &frame);
  void begin_histograms();

  BankHeader header_;
  Rule rule_;
  ScalingKind kind_;
  std::int64_t pilot_left_;
  ColumnStatistics statistics_;
  std::optional<EnvironmentBank> bank_;
  std::optional<HistogramLayout> layout_;
  std::optional<SeenFrames> seen_;
  Progress progress_;
  std::deque<Reply> replies_;
  std::string failure_;
};

/// Largest novelty of a frame and whose it is.
struct FrameNovelty {
  double value = 0.0;
  std::int64_t id = 0;
  /// Largest among the atoms whose element has an entry, NaN if there is none: what junk and stop look at. A
  /// bank that has never met an element cannot call it odd, or that element could never get in.
  double cautious = std::numeric_limits<double>::quiet_NaN();
};

FrameNovelty frame_novelty(const EnvironmentBank &bank, const FrameReport &frame);

}    // namespace mdsieve
