// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "decider.h"
#include "driver_link.h"

#include <memory>

namespace mdsieve {

/// Hands frames to the driver and its verdicts back.
class RemoteDecider : public Decider {
 public:
  /// Says HELLO and waits for the WELCOME.
  /// \param json  the HELLO's description of this fix
  /// \param bank, frames  bytes of the files the fix was given, or empty
  /// \param lost_after  seconds without an answer after which the driver counts as lost
  /// \throws LinkError with the driver's own words if it refuses
  RemoteDecider(std::unique_ptr<DriverLink> link, std::int64_t channel, const std::string &json,
                const std::string &bank, const std::string &frames, double lost_after, std::string name);
  ~RemoteDecider() override;

  Start start() override { return std::move(start_); }
  Progress progress() const override { return progress_; }
  void resume(const Progress &) override {}    // the driver knows better
  void submit(const FrameReport &frame) override;
  int outstanding() const override { return outstanding_; }
  bool poll(Reply &reply) override;
  Reply wait() override;
  void run_ended(const std::string &json) override;
  void part(Parting parting) override { parting_ = parting; }
  std::string name() const override { return name_; }

 private:
  Reply read(std::vector<std::int64_t> message);

  std::unique_ptr<DriverLink> link_;
  std::int64_t channel_;
  double lost_after_;
  std::string name_;
  Start start_;
  Progress progress_;
  int outstanding_ = 0;
  Parting parting_ = Parting::error;    // what it is if the fix cannot even be made
  std::string failure_;                 // of a submission, told in place of its reply
};

}    // namespace mdsieve
