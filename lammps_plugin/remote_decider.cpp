// SPDX-License-Identifier: GPL-2.0-or-later

#include "remote_decider.h"

#include "link_answers.h"

#include <cmath>

namespace mdsieve {

namespace {

void write_text(MessageWriter &writer, const std::string &text) { writer.bytes(text.data(), text.size()); }

}    // namespace

RemoteDecider::RemoteDecider(std::unique_ptr<DriverLink> link, std::int64_t channel, const std::string &json,
                             const std::string &bank, const std::string &frames, double lost_after,
                             std::string name)
    : link_(std::move(link)), channel_(channel), lost_after_(lost_after), name_(std::move(name))
{
  MessageWriter hello(MessageKind::hello, channel_);
  hello.integer(static_cast<std::int64_t>(json.size()));
  hello.integer(static_cast<std::int64_t>(bank.size()));
  hello.integer(static_cast<std::int64_t>(frames.size()));
  write_text(hello, json);
  write_text(hello, bank);
  write_text(hello, frames);
  link_->send(hello.finish());

  Welcome welcome = Welcome::unpack(link_->wait(lost_after_));
  progress_.last_kept_step = welcome.last_kept_step;
  start_ = {std::move(welcome.bank), std::move(welcome.histogram), std::move(welcome.rule),
            welcome.needs_fingerprints, welcome.needs_atoms};
}

RemoteDecider::~RemoteDecider()
{
  try {
    MessageWriter bye(MessageKind::bye, channel_);
    bye.integer(static_cast<std::int64_t>(parting_));
    link_->send(bye.finish());
  } catch (const std::exception &) {
    // the driver is gone already
  }
}

void RemoteDecider::submit(const FrameReport &frame)
{
  MessageWriter message(MessageKind::frame, channel_);
  message.integer(frame.step);
  message.real(frame.time);
  message.integer(frame.evaluation);
  message.integer(frame.natoms);
  for (double value : frame.cell) message.real(value);
  for (double value : frame.origin) message.real(value);
  message.integer(frame.periodic);
  std::int64_t fields = 0;
  if (frame.has_atoms) fields |= 1;
  if (!frame.atoms.velocity.empty()) fields |= 2;
  if (!frame.atoms.force.empty()) fields |= 4;
  if (!std::isnan(frame.energy)) fields |= 8;
  if (!std::isnan(frame.pressure[0])) fields |= 16;
  message.integer(fields);
  message.real(frame.energy);
  for (double value : frame.pressure) message.real(value);
  message.real(frame.temperature);
  message.real(frame.known_novelty);
  message.integer(frame.known_id);
  message.integer(static_cast<std::int64_t>(frame.candidates.id.size()));
  message.integer(static_cast<std::int64_t>(frame.candidates.fingerprints.size()));
  message.integer(frame.revision);
  message.integer(static_cast<std::int64_t>(frame.histogram.size()));
  message.integer(static_cast<std::int64_t>(frame.extents.size()));
  if (frame.has_atoms) {
    message.array(frame.atoms.id);
    message.array(frame.atoms.element);
    message.array(frame.atoms.position);
    message.array(frame.atoms.velocity);
    message.array(frame.atoms.force);
  }
  message.array(frame.candidates.id);
  message.array(frame.candidates.element);
  message.array(frame.candidates.fingerprints);
  write_text(message, frame.histogram);
  message.array(frame.extents.smallest);
  message.array(frame.extents.largest);
  message.array(frame.extents.smallest_id);
  message.array(frame.extents.largest_id);
  outstanding_++;
  try {
    link_->send(message.finish());
  } catch (const LinkError &error) {
    failure_ = error.what();
  }
}

Reply RemoteDecider::read(std::vector<std::int64_t> message)
{
  if (message.size() > 1 && message[1] == static_cast<std::int64_t>(MessageKind::fatal))
    open_answer(message);    // throws
  outstanding_--;
  Reply reply = Reply::unpack(std::move(message));
  progress_.n_kept = reply.n_kept;
  progress_.n_junk = reply.n_junk;
  if (reply.verdict == Verdict::kept) progress_.last_kept_step = reply.step;
  return reply;
}

bool RemoteDecider::poll(Reply &reply)
{
  if (!failure_.empty()) throw LinkError(failure_);
  auto message = link_->poll();
  if (message.empty()) return false;
  reply = read(std::move(message));
  return true;
}

Reply RemoteDecider::wait()
{
  if (!failure_.empty()) throw LinkError(failure_);
  return read(link_->wait(lost_after_));
}

void RemoteDecider::run_ended(const std::string &json)
{
  MessageWriter message(MessageKind::run_end, channel_);
  message.integer(static_cast<std::int64_t>(json.size()));
  write_text(message, json);
  link_->send(message.finish());
}

}    // namespace mdsieve
