// SPDX-License-Identifier: GPL-2.0-or-later

#include "driver_link.h"

#include "lammps_session.h"
#include "link_answers.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

namespace mdsieve {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t word = sizeof(std::int64_t);
constexpr double seconds_to_finish_sending = 10.0;

class MPILink;
std::vector<MPILink *> open_links;

class MPILink : public DriverLink {
 public:
  MPILink(MPI_Comm parent, int driver, std::int64_t channel)
      : parent_(parent), driver_(driver), tag_(tag_to_fix + static_cast<int>(channel))
  { open_links.push_back(this); }

  /// A driver that has stopped reading must not hold up the end of LAMMPS: what it does not take within a
  /// while is left to MPI, buffer and all.
  ~MPILink() override
  {
    open_links.erase(std::remove(open_links.begin(), open_links.end(), this), open_links.end());
    const Deadline deadline(session_driver_is_lost(parent_) ? 0.0 : seconds_to_finish_sending);
    forget_sent();
    while (!sending_.empty() && !deadline.passed()) {
      deadline.pause();
      forget_sent();
    }
    if (sending_.empty()) return;
    auto *const abandoned = new std::list<Sending>(std::move(sending_));
    for (auto &sending : *abandoned) MPI_Request_free(&sending.request);
  }

  void send(std::vector<std::int64_t> message) override
  {
    if (message.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
      throw LinkError("a frame of " + std::to_string(message.size() / (1u << 27)) +
                      " GiB is more than one MPI message can carry (16 GiB): send fewer fields");
    forget_sent();
    sending_.push_back({std::move(message), MPI_REQUEST_NULL});
    auto &last = sending_.back();
    MPI_Isend(last.message.data(), static_cast<int>(last.message.size()), MPI_INT64_T, driver_, tag_to_driver,
              parent_, &last.request);
  }

  std::vector<std::int64_t> poll() override
  {
    forget_sent();
    return receive_if_there(parent_, driver_, tag_);
  }

  void forget_sent()
  {
    sending_.remove_if([](Sending &sending) {
      int done = 0;
      MPI_Test(&sending.request, &done, MPI_STATUS_IGNORE);
      return done != 0;
    });
  }

 private:
  struct Sending {
    std::vector<std::int64_t> message;
    MPI_Request request;
  };

  MPI_Comm parent_;
  int driver_;
  int tag_;
  std::list<Sending> sending_;
};

}    // namespace

// ---------------------------------------------------------------------- links

Deadline::Deadline(double seconds)
    : end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                              std::chrono::duration<double>(std::min(seconds, 1.0e9))))
{}

bool Deadline::passed() const { return Clock::now() > end_; }

void Deadline::pause() const
{
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds_));
  microseconds_ = std::min(2 * microseconds_, 2000);
}

std::vector<std::int64_t> receive_if_there(MPI_Comm comm, int from, int tag)
{
  int there = 0;
  MPI_Status status;
  MPI_Iprobe(from, tag, comm, &there, &status);
  if (!there) return {};
  int n = 0;
  MPI_Get_count(&status, MPI_INT64_T, &n);
  std::vector<std::int64_t> message(static_cast<std::size_t>(std::max(n, 0)));
  MPI_Recv(message.data(), n, MPI_INT64_T, status.MPI_SOURCE, status.MPI_TAG, comm, MPI_STATUS_IGNORE);
  return message;
}

std::vector<std::int64_t> DriverLink::wait(double seconds)
{
  const Deadline deadline(seconds);
  while (true) {
    auto message = poll();
    if (!message.empty()) return message;
    if (deadline.passed())
      throw DriverLost("no answer from the driver for " + std::to_string(static_cast<long>(seconds)) + " s");
    deadline.pause();
  }
}

int await_driver(MPI_Comm parent, double seconds)
{
  const Deadline deadline(seconds);
  do {
    int there = 0;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, tag_driver_here, parent, &there, &status);
    if (there) {
      require_same_protocol(receive_if_there(parent, status.MPI_SOURCE, tag_driver_here));
      return status.MPI_SOURCE;
    }
    deadline.pause();
  } while (!deadline.passed());
  return -1;
}

void finish_sending_over_mpi()
{
  for (auto *const link : open_links) link->forget_sent();
}

std::unique_ptr<DriverLink> connect_over_mpi(MPI_Comm parent, std::int64_t channel, double seconds)
{
  int driver = require_session_driver(parent);
  if (driver < 0) driver = await_driver(parent, seconds);
  if (driver < 0)
    throw DriverLost(
        "no driver announced itself within " + std::to_string(static_cast<long>(seconds)) +
        " s; start one beside lmp: mpiexec -n 8 lmp -mpicolor 1 -in in.script : -n 1 mdsieve drive");
  set_session_driver(parent, driver);
  return std::make_unique<MPILink>(parent, driver, channel);
}

// ---------------------------------------------------------------------- a driver in the same process

namespace {

using DriverCall = int (*)(const void *, std::size_t);

DriverCall driver_call = nullptr;
std::deque<std::vector<std::int64_t>> *reply_box = nullptr;

class DirectLink : public DriverLink {
 public:
  void send(std::vector<std::int64_t> message) override
  {
    reply_box = &replies_;
    const int failed = driver_call ? driver_call(message.data(), message.size() * word) : 1;
    reply_box = nullptr;
    if (failed && replies_.empty())
      throw LinkError("the driver in this process failed; its message is above");
  }

  std::vector<std::int64_t> poll() override
  {
    if (replies_.empty()) return {};
    auto message = std::move(replies_.front());
    replies_.pop_front();
    return message;
  }

 private:
  std::deque<std::vector<std::int64_t>> replies_;
};

}    // namespace

void say_goodbye_directly(std::int64_t kind)
{
  if (!driver_call) return;
  MessageWriter writer(MessageKind::goodbye, 0);
  writer.integer(1);
  writer.integer(kind);
  DirectLink().send(writer.finish());
}

std::unique_ptr<DriverLink> connect_directly()
{
  if (!driver_call) return nullptr;
  return std::make_unique<DirectLink>();
}

}    // namespace mdsieve

extern "C" {

typedef int (*mdsieve_driver_call)(const void *message, size_t bytes);

/// Register the driver of this process; NULL: none. Called from Python through ctypes.
void mdsieve_set_driver(mdsieve_driver_call call) { mdsieve::driver_call = call; }

/// Answer of the driver, valid only during a driver call.
void mdsieve_reply(const void *message, size_t bytes)
{
  if (!mdsieve::reply_box) return;
  std::vector<std::int64_t> words(bytes / mdsieve::word);
  std::memcpy(words.data(), message, words.size() * mdsieve::word);
  mdsieve::reply_box->push_back(std::move(words));
}
}
