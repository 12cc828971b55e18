// SPDX-License-Identifier: GPL-2.0-or-later
/// Messages of an outdated or malicious driver.
#include "fuzz.h"

#include "decider.h"
#include "link_message.h"

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
  return reply;
}

}    // namespace

std::vector<std::string> fuzz::corpus()
{ return {bytes_of(reply_with(0).pack()), bytes_of(reply_with(1).pack()), bytes_of(reply_with(7).pack())}; }

std::vector<std::string> fuzz::words()
{ return {std::string(8, '\0'), "\1" + std::string(7, '\0'), "MDSIEVE1"}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  std::vector<std::int64_t> words(size / word);
  if (size >= word) std::memcpy(words.data(), data, words.size() * word);
  if (words.size() >= 4 && size % 2 == 0)    // the length that fits: the mutations reach what lies behind it
    words[3] = static_cast<std::int64_t>((words.size() - 4) * word);
  try {
    MessageReader text(words);
    text.bytes(text.integer());
  } catch (const LinkError &error) {
    fuzz::require_message(error.what());
  }
  try {
    const Reply reply = Reply::unpack(words);
    reply.require_fit(n_features);
    fuzz::require(Reply::unpack(reply.pack()).pack() == reply.pack(), "a reply reads back as it was");
    return 0;
  } catch (const LinkError &error) {
    fuzz::require_message(error.what());
    return -1;
  }
}
