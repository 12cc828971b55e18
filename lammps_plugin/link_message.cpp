// SPDX-License-Identifier: GPL-2.0-or-later

#include "link_message.h"

#include <cstring>

namespace mdsieve {

namespace {

constexpr std::size_t header_words = 4;
constexpr std::size_t word = sizeof(std::int64_t);

std::int64_t magic()
{
  std::int64_t value;
  std::memcpy(&value, "MDSIEVE1", sizeof value);
  return value;
}

}    // namespace

MessageWriter::MessageWriter(MessageKind kind, std::int64_t channel)
    : words_{magic(), static_cast<std::int64_t>(kind), channel, 0}
{}

void MessageWriter::integer(std::int64_t value) { words_.push_back(value); }

void MessageWriter::real(double value)
{
  std::int64_t bits;
  std::memcpy(&bits, &value, word);
  words_.push_back(bits);
}

void MessageWriter::bytes(const void *data, std::size_t n)
{
  if (n == 0) return;
  const std::size_t start = words_.size();
  words_.resize(start + (n + word - 1) / word, 0);
  std::memcpy(words_.data() + start, data, n);
}

std::vector<std::int64_t> MessageWriter::finish()
{
  words_[3] = static_cast<std::int64_t>((words_.size() - header_words) * word);
  return std::move(words_);
}

MessageReader::MessageReader(std::vector<std::int64_t> words) : words_(std::move(words)), next_(header_words)
{
  if (words_.size() < header_words || words_[0] != magic())
    throw LinkError("the driver speaks another protocol than this fix (expected version 1)");
  if (words_[3] != static_cast<std::int64_t>((words_.size() - header_words) * word))
    throw LinkError("the driver sent a message of another length than it says");
  kind_ = static_cast<MessageKind>(words_[1]);
}

void MessageReader::copy(void *target, std::size_t n)
{
  const std::size_t n_words = (n + word - 1) / word;
  if (n_words > words_.size() - next_) throw LinkError("the driver sent a message shorter than it says");
  if (n > 0) std::memcpy(target, words_.data() + next_, n);
  next_ += n_words;
}

std::int64_t MessageReader::integer()
{
  std::int64_t value;
  copy(&value, word);
  return value;
}

double MessageReader::real()
{
  double value;
  copy(&value, word);
  return value;
}

std::string MessageReader::bytes(std::int64_t n)
{
  const std::vector<char> data = array<char>(n);
  return {data.begin(), data.end()};
}

}    // namespace mdsieve
