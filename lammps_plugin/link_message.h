// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
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
  present = 10,
};

/// How a fix goes, the word of a BYE.
enum class Parting : std::int64_t { deleted = 0, cleared = 1, script_ended = 2, error = 3 };

constexpr std::int64_t protocol_version = 1;

/// The driver said something that cannot be right, or said that it cannot go on.
class LinkError : public std::runtime_error {
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

}    // namespace mdsieve
