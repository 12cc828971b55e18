// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mdsieve {

/// Fowler, Noll and Vo's hash 1a, 64 bit.
std::uint64_t fnv1a(std::string_view bytes);

/// Builds one byte string: 8 bytes of magic, version, length of the whole, content, checksum. Little-endian,
/// everything in words of 8 bytes.
class RecordWriter {
 public:
  void put(std::uint64_t value);
  void put(double value);
  void put_signed(std::int64_t value) { put(static_cast<std::uint64_t>(value)); }
  void put(const std::string &text);    ///< length and bytes, padded with zeros to words
  void put(const std::vector<double> &values);
  void reserve(std::size_t n) { bytes_.reserve(n); }

  /// \param magic  8 characters
  std::string finish(const char *magic, std::uint64_t version) &&;

 private:
  std::string bytes_;
};

/// Reads such a byte string from front to back; every access is checked against what is there.
class RecordReader {
 public:
  /// \param magic, version  what the bytes must begin with
  /// \param what  what they are, for messages: "bank"
  /// \throws InputError "name: ..." if the bytes are not whole, from here and from all that follows
  RecordReader(std::string_view bytes, std::string name, std::string what, const char *magic,
               std::uint64_t version);

  [[noreturn]] void fail(const std::string &problem) const;
  /// "NAME: the WHAT is damaged: ..."
  [[noreturn]] void fail_damaged(const std::string &problem) const;

  std::uint64_t get();
  std::int64_t get_signed() { return static_cast<std::int64_t>(get()); }
  double get_double();
  /// A number of things of which each takes at least `bytes_each`.
  std::size_t get_count(const char *things, std::size_t bytes_each);
  std::string get_text();
  std::vector<double> get_doubles(std::size_t n);
  std::size_t left() const { return bytes_.size() - at_; }
  /// \throws InputError if something is left
  void finish() const;

 private:
  void require_whole(const char *magic, std::uint64_t version);

  std::string_view bytes_;    // content alone, once it is known to be whole
  std::string name_, what_;
  std::size_t at_ = 0;
};

}    // namespace mdsieve
