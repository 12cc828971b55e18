// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <mpi.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

/// Kinds of messages, docs/link.md.
enum class MessageKind : std::int64_t {
  driver_here = 1,
  hello = 2,
  welcome = 3,
  frame = 4,
  verdict = 5,
  run_end = 6,
  bye = 7,
  goodbye = 8,
  fatal = 9,
};

constexpr std::int64_t protocol_version = 1;
constexpr int tag_driver_here = 7341;
constexpr int tag_to_driver = 7342;
constexpr int tag_to_fix = 7343;

/// The driver said something that cannot be right, or said that it cannot go on.
class LinkError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The driver did not answer within the time allowed.
class DriverLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Builds one message: words, arrays and bytes, padded to words.
class MessageWriter {
 public:
  MessageWriter(MessageKind kind, std::int64_t channel);
  void integer(std::int64_t value);
  void real(double value);
  void bytes(const void *data, std::size_t n);
  template <typename T> void array(const std::vector<T> &values)
  { bytes(values.data(), values.size() * sizeof(T)); }
  /// The finished message; the writer is empty afterwards.
  std::vector<std::int64_t> finish();

 private:
  std::vector<std::int64_t> words_;
};

/// Reads one message front to back; every access is checked against what is there.
class MessageReader {
 public:
  /// \throws LinkError if the envelope is not sound
  explicit MessageReader(std::vector<std::int64_t> words);
  MessageKind kind() const { return kind_; }
  std::int64_t integer();
  double real();
  std::string bytes(std::int64_t n);
  template <typename T> std::vector<T> array(std::int64_t n)
  {
    std::vector<T> values;
    if (n < 0 || n > static_cast<std::int64_t>((words_.size() - next_) * sizeof(std::int64_t) / sizeof(T)))
      throw LinkError("the driver sent a message shorter than it says");
    values.resize(static_cast<std::size_t>(n));
    copy(values.data(), values.size() * sizeof(T));
    return values;
  }

 private:
  void copy(void *target, std::size_t n);

  std::vector<std::int64_t> words_;
  std::size_t next_ = 0;
  MessageKind kind_ = MessageKind::fatal;
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

/// Link to a driver in this process, or nullptr if none is registered.
std::unique_ptr<DriverLink> connect_directly();

}    // namespace mdsieve
