// SPDX-License-Identifier: GPL-2.0-or-later

#include "decider.h"

#include "link_message.h"

#include <cmath>
#include <string>

namespace mdsieve {

// A reply travels between the ranks of a world in the form of a VERDICT message.

std::vector<std::int64_t> Reply::pack() const
{
  MessageWriter writer(MessageKind::verdict, 0);
  writer.integer(step);
  writer.integer(evaluation);
  writer.integer(static_cast<std::int64_t>(verdict));
  writer.integer(stop ? 1 : 0);
  writer.real(novelty);
  writer.integer(trigger_id);
  writer.integer(n_kept);
  writer.integer(n_junk);
  writer.integer(revision);
  writer.integer(static_cast<std::int64_t>(entry_element.size()));
  writer.integer(static_cast<std::int64_t>(entry_fingerprints.size()));
  writer.integer(static_cast<std::int64_t>(bank.size()));
  writer.integer(static_cast<std::int64_t>(histogram.size()));
  writer.integer(static_cast<std::int64_t>(scores.size()));
  writer.array(entry_element);
  writer.array(entry_origin);
  writer.array(entry_fingerprints);
  writer.bytes(bank.data(), bank.size());
  writer.bytes(histogram.data(), histogram.size());
  writer.array(scores);
  return writer.finish();
}

Reply Reply::unpack(std::vector<std::int64_t> words)
{
  MessageReader reader(std::move(words));
  if (reader.kind() != MessageKind::verdict)
    throw LinkError("the driver sent something other than a verdict");
  Reply reply;
  reply.step = reader.integer();
  reply.evaluation = reader.integer();
  const std::int64_t verdict = reader.integer();
  if (verdict < 0 || verdict > 3) throw LinkError("the driver sent an unknown verdict");
  reply.verdict = static_cast<Verdict>(verdict);
  reply.stop = reader.integer() != 0;
  reply.novelty = reader.real();
  reply.trigger_id = reader.integer();
  reply.n_kept = reader.integer();
  reply.n_junk = reader.integer();
  reply.revision = reader.integer();
  const std::int64_t n_entries = reader.integer();
  const std::int64_t n_values = reader.integer();
  const std::int64_t n_bank = reader.integer();
  const std::int64_t n_histogram = reader.integer();
  const std::int64_t n_scores = reader.integer();
  reply.entry_element = reader.array<std::int32_t>(n_entries);
  reply.entry_origin = reader.array<std::int64_t>(3 * n_entries);
  reply.entry_fingerprints = reader.array<double>(n_values);
  reply.bank = reader.bytes(n_bank);
  reply.histogram = reader.bytes(n_histogram);
  reply.scores = reader.array<double>(n_scores);
  return reply;
}

void Reply::require_fit(const std::vector<int> &n_features) const
{
  const auto n_entries = static_cast<std::int64_t>(entry_element.size());
  if (n_entries > 0 && revision < n_entries)
    throw LinkError("the driver sent more bank entries than its bank has");
  std::size_t n_values = 0;
  for (const auto element : entry_element) {
    if (element < 0 || static_cast<std::size_t>(element) >= n_features.size())
      throw LinkError("the driver sent a bank entry of element number " + std::to_string(element) +
                      ", expected 0 to " + std::to_string(static_cast<std::int64_t>(n_features.size()) - 1));
    n_values += static_cast<std::size_t>(n_features[static_cast<std::size_t>(element)]);
  }
  if (entry_origin.size() != 3 * entry_element.size() || entry_fingerprints.size() != n_values)
    throw LinkError("the driver sent " + std::to_string(entry_fingerprints.size()) +
                    " fingerprint values for its bank entries, expected " + std::to_string(n_values));
  for (const double value : entry_fingerprints)
    if (!std::isfinite(value)) throw LinkError("the driver sent a bank entry that is not finite");
}

// The start travels between the ranks in the form of a WELCOME.

std::vector<std::int64_t> Decider::Start::pack() const
{
  MessageWriter writer(MessageKind::welcome, 0);
  writer.integer(static_cast<std::int64_t>(bank.size()));
  writer.integer((needs_fingerprints ? 1 : 0) | (needs_atoms ? 2 : 0));
  writer.integer(static_cast<std::int64_t>(rule.size()));
  writer.integer(static_cast<std::int64_t>(histogram.size()));
  for (const std::string *bytes : {&bank, &rule, &histogram}) writer.bytes(bytes->data(), bytes->size());
  return writer.finish();
}

Decider::Start Decider::Start::unpack(std::vector<std::int64_t> words)
{
  MessageReader reader(std::move(words));
  const std::int64_t n_bank = reader.integer(), needs = reader.integer();
  const std::int64_t n_rule = reader.integer(), n_histogram = reader.integer();
  Start start;
  start.needs_fingerprints = (needs & 1) != 0;
  start.needs_atoms = (needs & 2) != 0;
  start.bank = reader.bytes(n_bank);
  start.rule = reader.bytes(n_rule);
  start.histogram = reader.bytes(n_histogram);
  return start;
}

// end, length of the text, text, then each reply behind its length

std::vector<std::int64_t> ReplyBatch::pack() const
{
  std::vector<std::int64_t> words{end, static_cast<std::int64_t>(text.size())};
  words.insert(words.end(), text.begin(), text.end());
  for (const auto &reply : replies) {
    const auto packed = reply.pack();
    words.push_back(static_cast<std::int64_t>(packed.size()));
    words.insert(words.end(), packed.begin(), packed.end());
  }
  return words;
}

ReplyBatch ReplyBatch::unpack(const std::vector<std::int64_t> &words)
{
  auto next = words.begin();
  const auto take = [&] {
    if (next == words.end())
      throw LinkError("the first rank handed on a batch of replies that ends too early");
    return *next++;
  };
  const auto take_length = [&] {
    const std::int64_t length = take();
    if (length < 0 || length > words.end() - next)
      throw LinkError("the first rank handed on a batch of replies that is shorter than it says");
    return static_cast<std::ptrdiff_t>(length);
  };
  ReplyBatch batch;
  batch.end = static_cast<End>(take());
  const auto length = take_length();
  batch.text.assign(next, next + length);
  next += length;
  while (next != words.end()) {
    const auto size = take_length();
    batch.replies.push_back(Reply::unpack({next, next + size}));
    next += size;
  }
  return batch;
}

std::vector<const double *> fingerprint_pointers(const FrameReport::Candidates &candidates,
                                                 const std::vector<int> &n_features)
{
  std::vector<const double *> pointers;
  pointers.reserve(candidates.id.size());
  const double *next = candidates.fingerprints.data();
  for (const auto element : candidates.element) {
    pointers.push_back(next);
    next += n_features[static_cast<std::size_t>(element)];
  }
  return pointers;
}

}    // namespace mdsieve
