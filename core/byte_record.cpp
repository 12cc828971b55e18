// SPDX-License-Identifier: GPL-2.0-or-later
#include "byte_record.h"

#include "input_error.h"

#include <cstring>
#include <utility>

namespace mdsieve {

namespace {

constexpr std::size_t word = 8;
constexpr std::size_t head_bytes = 3 * word;    // magic, version, length of the whole

std::string bytes_of(std::uint64_t value)
{
  std::string bytes(word, '\0');
  for (std::size_t i = 0; i < word; ++i) bytes[i] = static_cast<char>(value >> (8 * i) & 0xffu);
  return bytes;
}

std::uint64_t word_at(std::string_view bytes, std::size_t at)
{
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < word; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

}    // namespace

std::uint64_t fnv1a(std::string_view bytes)
{
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3u;
  }
  return hash;
}

void RecordWriter::put(std::uint64_t value) { bytes_ += bytes_of(value); }

void RecordWriter::put(double value)
{
  std::uint64_t pattern;
  std::memcpy(&pattern, &value, word);
  put(pattern);
}

void RecordWriter::put(const std::string &text)
{
  put(static_cast<std::uint64_t>(text.size()));
  bytes_ += text;
  bytes_.append((word - text.size() % word) % word, '\0');
}

void RecordWriter::put(const std::vector<double> &values)
{
  for (const double value : values) put(value);
}

std::string RecordWriter::finish(const char *magic, std::uint64_t version) &&
{
  const std::size_t length = head_bytes + bytes_.size() + word;
  bytes_.insert(0, std::string(magic, word) + bytes_of(version) + bytes_of(length));
  put(fnv1a(bytes_));
  return std::move(bytes_);
}

RecordReader::RecordReader(std::string_view bytes, std::string name, std::string what, const char *magic,
                           std::uint64_t version)
    : bytes_(bytes), name_(std::move(name)), what_(std::move(what))
{
  require_whole(magic, version);
  bytes_ = bytes.substr(0, bytes.size() - word);
  at_ = head_bytes;
}

/// Magic, version, length and checksum: after this, damage by chance is ruled out.
void RecordReader::require_whole(const char *magic, std::uint64_t version)
{
  if (bytes_.size() < word || bytes_.substr(0, word) != std::string_view(magic, word))
    fail("not a " + what_ + ": expected a file that begins with " + std::string(magic, word));
  at_ = word;
  const std::uint64_t found = get();
  if (found != version)
    fail(what_ + " format version " + std::to_string(found) + ": this program reads version " +
         std::to_string(version));
  const std::uint64_t length = get();
  if (length != bytes_.size() || bytes_.size() < head_bytes + word)
    fail("the " + what_ + " is cut short or has something behind it: " + std::to_string(bytes_.size()) +
         " bytes, expected " + std::to_string(length));
  const std::size_t end = bytes_.size() - word;
  if (word_at(bytes_, end) != fnv1a(bytes_.substr(0, end)))
    fail_damaged("its checksum does not fit its content");
}

void RecordReader::fail(const std::string &problem) const { throw InputError(name_ + ": " + problem); }

void RecordReader::fail_damaged(const std::string &problem) const
{ fail("the " + what_ + " is damaged: " + problem); }

std::uint64_t RecordReader::get()
{
  if (left() < word) fail("the " + what_ + " ends too early");
  const std::uint64_t value = word_at(bytes_, at_);
  at_ += word;
  return value;
}

double RecordReader::get_double()
{
  const std::uint64_t pattern = get();
  double value;
  std::memcpy(&value, &pattern, word);
  return value;
}

std::size_t RecordReader::get_count(const char *things, std::size_t bytes_each)
{
  const std::uint64_t count = get();
  if (count > left() / bytes_each) fail_damaged("its number of " + std::string(things) + " is impossible");
  return static_cast<std::size_t>(count);
}

std::string RecordReader::get_text()
{
  const std::size_t length = get_count("characters", 1);
  const std::size_t padding = (word - length % word) % word;
  if (left() - length < padding) fail("the " + what_ + " ends too early");
  std::string text(bytes_.substr(at_, length));
  at_ += length + padding;
  return text;
}

std::vector<double> RecordReader::get_doubles(std::size_t n)
{
  if (n > left() / word) fail("the " + what_ + " ends too early");
  std::vector<double> values(n);
  for (double &value : values) value = get_double();
  return values;
}

void RecordReader::finish() const
{
  if (left() != 0) fail_damaged(std::to_string(left()) + " bytes too many");
}

}    // namespace mdsieve
