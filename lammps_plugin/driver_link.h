// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "link_message.h"

#include <mpi.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace mdsieve {

constexpr int tag_driver_here = 7341;
constexpr int tag_to_driver = 7342;
constexpr int tag_to_fix = 7343;

/// The driver did not answer within the time allowed.
class DriverLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One fix's line to the driver; exists on the first rank of a world only.
class DriverLink {
 public:
  virtual ~DriverLink() = default;
  virtual void send(std::vector<std::int64_t> message) = 0;
  /// A message that has arrived, or an empty vector.
  virtual std::vector<std::int64_t> poll() = 0;
  /// \throws DriverLost after `seconds`
  std::vector<std::int64_t> wait(double seconds);
};

/// A time limit, and pauses of 50 us doubling up to 2 ms: a waiting rank leaves its core to others.
class Deadline {
 public:
  explicit Deadline(double seconds);
  bool passed() const;
  void pause() const;

 private:
  std::chrono::steady_clock::time_point end_;
  mutable int microseconds_ = 50;
};

/// A message from a rank of a communicator if one has arrived, else empty.
std::vector<std::int64_t> receive_if_there(MPI_Comm comm, int from, int tag);

/// Rank of the driver that announces itself in the communicator, or -1 if none does in time.
/// \throws LinkError if it speaks another protocol
int await_driver(MPI_Comm parent, double seconds);

/// Link over MPI in the communicator that LAMMPS shares with the driver.
/// \throws DriverLost if no driver announces itself within `seconds`
std::unique_ptr<DriverLink> connect_over_mpi(MPI_Comm parent, std::int64_t channel, double seconds);

/// Complete what has been sent over MPI, as far as the driver has taken it: LAMMPS is about to end.
void finish_sending_over_mpi();

/// Tell the driver in this process, if there is one, that LAMMPS ends.
void say_goodbye_directly(std::int64_t kind);

/// Link to a driver in this process, or nullptr if none is registered.
std::unique_ptr<DriverLink> connect_directly();

}    // namespace mdsieve
