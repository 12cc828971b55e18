// SPDX-License-Identifier: GPL-2.0-or-later
/// Messages of an outdated or malicious driver.
#include "fuzz.h"

#include "decider.h"
#include "link_answers.h"

#include <cstring>

using namespace mdsieve;

namespace {

constexpr std::size_t word = sizeof(std::int64_t);
const std::vector<int> n_features{3, 1};

std::string bytes_of(const std::vector<std::int64_t> &words)
{ return {reinterpret_cast<const char *>(words.data()), words.size() * word}; }

Reply reply_with(int n_entries)
{
  Reply reply;
  reply.step = 100;
  reply.verdict = Verdict::kept;
  reply.novelty = 1.5;
  reply.revision = n_entries;
  for (int i = 0; i < n_entries; ++i) {
    reply.entry_element.push_back(i % 2);
    reply.entry_origin.insert(reply.entry_origin.end(), {1, 100, i + 1});
    reply.entry_fingerprints.insert(reply.entry_fingerprints.end(),
                                    static_cast<std::size_t>(n_features[i % 2]), 0.5);
  }
  if (n_entries == 0) reply.bank = "any bytes";
  if (n_entries == 1) reply.scores = {0.5, 2.0, 0.0};
  return reply;
}

std::string welcome(const std::string &bank)
{
  MessageWriter writer(MessageKind::welcome, 0);
  for (const std::int64_t value : {protocol_version, std::int64_t{1}, std::int64_t{12}, std::int64_t{340}})
    writer.integer(value);
  writer.integer(static_cast<std::int64_t>(bank.size()));
  const std::string rule = "keep novelty > 1";
  for (const std::int64_t value : {std::int64_t{3}, static_cast<std::int64_t>(rule.size()), std::int64_t{0}})
    writer.integer(value);
  writer.bytes(bank.data(), bank.size());
  writer.bytes(rule.data(), rule.size());
  return bytes_of(writer.finish());
}

std::string announcement(std::int64_t version)
{
  MessageWriter writer(MessageKind::driver_here, 0);
  writer.integer(version);
  return bytes_of(writer.finish());
}

std::string fatal(const std::string &text)
{
  MessageWriter writer(MessageKind::fatal, 0);
  writer.integer(static_cast<std::int64_t>(text.size()));
  writer.bytes(text.data(), text.size());
  return bytes_of(writer.finish());
}

/// Read the words as what they say they are.
void read(const std::vector<std::int64_t> &words)
{
  switch (MessageReader(words).kind()) {
  case MessageKind::driver_here: require_same_protocol(words); break;
  case MessageKind::verdict: {
    const Reply reply = Reply::unpack(words);
    reply.require_fit(n_features);
    fuzz::require(Reply::unpack(reply.pack()).pack() == reply.pack(), "a reply reads back as it was");
    break;
  }
  default:
    const Welcome answer = Welcome::unpack(words);
    fuzz::require(answer.bank.size() <= words.size() * word, "a bank is not longer than its message");
  }
}

}    // namespace

std::vector<std::string> fuzz::corpus()
{
  return {bytes_of(reply_with(0).pack()),
          bytes_of(reply_with(1).pack()),
          bytes_of(reply_with(7).pack()),
          welcome("any bytes"),
          welcome(""),
          announcement(protocol_version)};
}

std::vector<std::string> fuzz::words()
{ return {std::string(8, '\0'), "\1" + std::string(7, '\0'), "MDSIEVE1", fatal("line\nline"), "\x80\x1b["}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  std::vector<std::int64_t> words(size / word);
  if (size >= word) std::memcpy(words.data(), data, words.size() * word);
  if (words.size() >= 4 && size % 2 == 0)    // the length that fits: the mutations reach what lies behind it
    words[3] = static_cast<std::int64_t>((words.size() - 4) * word);
  try {
    read(words);
    if (words.size() < 6) return 0;
    words[1] = static_cast<std::int64_t>(MessageKind::fatal);    // the same bytes as a sentence to be printed
    Welcome::unpack(words);
    fuzz::require(false, "FATAL is not an answer");
  } catch (const LinkError &error) {
    fuzz::require_line(error.what());
    return words.size() > 1 && words[1] == static_cast<std::int64_t>(MessageKind::fatal) ? 0 : -1;
  }
  return 0;
}
