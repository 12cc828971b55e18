// SPDX-License-Identifier: GPL-2.0-or-later
/// What the first rank hands to the others.
#include "fuzz.h"

#include "decider.h"
#include "link_message.h"

#include <cstring>

using namespace mdsieve;

namespace {

constexpr std::size_t word = sizeof(std::int64_t);

std::string batch_with(int n_replies)
{
  ReplyBatch batch;
  batch.text = "why the driver is lost";
  for (int i = 0; i < n_replies; ++i) {
    Reply reply;
    reply.step = std::int64_t(10) * i;
    reply.revision = i;
    reply.entry_element.assign(1, 0);
    reply.entry_origin = {1, reply.step, 3};
    reply.entry_fingerprints = {0.25, 0.5};
    batch.replies.push_back(reply);
  }
  const auto words = batch.pack();
  return {reinterpret_cast<const char *>(words.data()), words.size() * word};
}

}    // namespace

std::vector<std::string> fuzz::corpus() { return {batch_with(0), batch_with(1), batch_with(5)}; }

std::vector<std::string> fuzz::words()
{ return {std::string(8, '\0'), "\1" + std::string(7, '\0'), "MDSIEVE1"}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
try {
  std::vector<std::int64_t> words(size / word);
  if (size >= word) std::memcpy(words.data(), data, words.size() * word);
  const ReplyBatch batch = ReplyBatch::unpack(words);
  fuzz::require(ReplyBatch::unpack(batch.pack()).pack() == batch.pack(), "a batch reads back as it was");
  return 0;
} catch (const LinkError &error) {
  fuzz::require_message(error.what());
  return -1;
}
