// SPDX-License-Identifier: GPL-2.0-or-later
#include "bank_file.h"

#include "input_error.h"

#include <cstring>

namespace mdsieve {

namespace {

constexpr char magic[] = "MDSVBANK";    // 8 bytes without the final zero
constexpr std::uint64_t version = 1;
constexpr std::size_t head_bytes = 24;    // magic, version, length of the whole
constexpr std::size_t word = 8;

/// Fowler, Noll and Vo's hash 1a, 64 bit.
std::uint64_t checksum(std::string_view bytes)
{
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3u;
  }
  return hash;
}

class Writer {
 public:
  void put(std::uint64_t value)
  {
    char bytes[word];
    for (std::size_t i = 0; i < word; ++i) bytes[i] = static_cast<char>(value >> (8 * i) & 0xffu);
    bytes_.append(bytes, word);
  }
  void put(double value)
  {
    std::uint64_t pattern;
    std::memcpy(&pattern, &value, word);
    put(pattern);
  }
  void put_signed(std::int64_t value) { put(static_cast<std::uint64_t>(value)); }
  void put(const std::string &text)
  {
    put(static_cast<std::uint64_t>(text.size()));
    bytes_ += text;
    bytes_.append((word - text.size() % word) % word, '\0');
  }
  void put(const std::vector<double> &values)
  {
    for (const double value : values) put(value);
  }
  void reserve(std::size_t n) { bytes_.reserve(n); }

  std::string finish() &&
  {
    bytes_.insert(0, head());
    put(checksum(bytes_));
    return std::move(bytes_);
  }

 private:
  std::string head() const
  {
    Writer writer;
    writer.bytes_.assign(magic, word);
    writer.put(version);
    writer.put(static_cast<std::uint64_t>(head_bytes + bytes_.size() + word));
    return writer.bytes_;
  }

  std::string bytes_;
};

class Reader {
 public:
  Reader(std::string_view bytes, const std::string &name) : bytes_(bytes), name_(name) {}

  [[noreturn]] void fail(const std::string &what) const { throw InputError(name_ + ": " + what); }

  std::size_t left() const { return bytes_.size() - at_; }
  void skip(std::size_t n) { at_ += n; }

  std::uint64_t get()
  {
    if (left() < word) fail("the bank ends too early");
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < word; ++i)
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[at_ + i])) << (8 * i);
    at_ += word;
    return value;
  }
  std::int64_t get_signed() { return static_cast<std::int64_t>(get()); }
  double get_double()
  {
    const std::uint64_t pattern = get();
    double value;
    std::memcpy(&value, &pattern, word);
    return value;
  }
  /// A number of things of which each takes at least `bytes_each`.
  std::size_t get_count(const char *what, std::size_t bytes_each)
  {
    const std::uint64_t count = get();
    if (count > left() / bytes_each)
      fail(std::string("the bank is damaged: its number of ") + what + " is impossible");
    return static_cast<std::size_t>(count);
  }
  std::string get_text()
  {
    const std::size_t length = get_count("characters", 1);
    const std::size_t padding = (word - length % word) % word;
    if (left() - length < padding) fail("the bank ends too early");
    std::string text(bytes_.substr(at_, length));
    at_ += length + padding;
    return text;
  }
  std::vector<double> get_doubles(std::size_t n)
  {
    if (n > left() / word) fail("the bank ends too early");
    std::vector<double> values(n);
    for (double &value : values) value = get_double();
    return values;
  }

 private:
  std::string_view bytes_;
  const std::string &name_;
  std::size_t at_ = 0;
};

void write_header(Writer &writer, const BankHeader &header)
{
  writer.put(header.descriptor_text);
  writer.put(header.descriptor_hash);
  writer.put_signed(static_cast<std::int64_t>(header.scaling.kind));
  writer.put(static_cast<std::uint64_t>(header.elements.size()));
  for (std::size_t e = 0; e < header.elements.size(); ++e) {
    writer.put(header.elements[e]);
    writer.put(header.cutoffs[e]);
    writer.put(header.thresholds[e]);
    writer.put(static_cast<std::uint64_t>(header.n_features[e]));
    writer.put(header.scaling.shift[e]);
    writer.put(header.scaling.factor[e]);
  }
}

BankHeader read_header(Reader &reader)
{
  BankHeader header;
  header.descriptor_text = reader.get_text();
  header.descriptor_hash = reader.get_text();
  const std::int64_t kind = reader.get_signed();
  if (kind < 0 || kind > 2) reader.fail("the bank is damaged: unknown scaling");
  header.scaling.kind = static_cast<ScalingKind>(kind);
  const std::size_t n_elements = reader.get_count("elements", 4 * word);
  for (std::size_t e = 0; e < n_elements; ++e) {
    header.elements.push_back(reader.get_text());
    header.cutoffs.push_back(reader.get_double());
    header.thresholds.push_back(reader.get_double());
    const std::size_t n_features = reader.get_count("functions", 2 * word);
    header.n_features.push_back(static_cast<int>(n_features));
    header.scaling.shift.push_back(reader.get_doubles(n_features));
    header.scaling.factor.push_back(reader.get_doubles(n_features));
  }
  return header;
}

/// Magic, version, length and checksum: after this, damage by chance is ruled out.
void require_whole(std::string_view bytes, const std::string &name)
{
  Reader reader(bytes, name);
  if (bytes.size() < word || bytes.substr(0, word) != std::string_view(magic, word))
    reader.fail("not a bank: expected a file that begins with " + std::string(magic, word));
  reader.skip(word);
  const std::uint64_t found = reader.get();
  if (found != version)
    reader.fail("bank format version " + std::to_string(found) + ": this program reads version " +
                std::to_string(version));
  const std::uint64_t length = reader.get();
  if (length != bytes.size() || bytes.size() < head_bytes + word)
    reader.fail("the bank is cut short or has something behind it: " + std::to_string(bytes.size()) +
                " bytes, expected " + std::to_string(length));
  const std::string_view content = bytes.substr(0, bytes.size() - word);
  Reader tail(bytes.substr(bytes.size() - word), name);
  if (tail.get() != checksum(content))
    reader.fail("the bank is damaged: its checksum does not fit its content");
}

}    // namespace

std::string write_bank(const EnvironmentBank &bank)
{
  Writer writer;
  const BankHeader &header = bank.header();
  write_header(writer, header);
  const std::int64_t n = bank.size();
  std::size_t row = 4 * word;
  for (const int n_features : header.n_features)
    row = std::max(row, (4 + static_cast<std::size_t>(n_features)) * word);
  writer.reserve(static_cast<std::size_t>(n) * row + 65536);
  writer.put_signed(n);
  for (std::int64_t i = 0; i < n; ++i) writer.put_signed(bank.entry_element(i));
  for (std::int64_t i = 0; i < n; ++i) {
    const Origin origin = bank.entry_origin(i);
    writer.put_signed(origin.run);
    writer.put_signed(origin.step);
    writer.put_signed(origin.atom_id);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const double *raw = bank.entry_raw(i);
    for (int c = 0; c < header.n_features[static_cast<std::size_t>(bank.entry_element(i))]; ++c)
      writer.put(raw[c]);
  }
  return std::move(writer).finish();
}

BankContent read_bank(std::string_view bytes, const std::string &name)
{
  require_whole(bytes, name);
  Reader reader(bytes.substr(0, bytes.size() - word), name);
  reader.skip(head_bytes);
  BankContent content;
  content.header = read_header(reader);
  const std::size_t n = reader.get_count("entries", 4 * word);
  content.elements.reserve(n);
  std::size_t n_values = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t element = reader.get_signed();
    if (element < 0 || static_cast<std::size_t>(element) >= content.header.elements.size())
      reader.fail("the bank is damaged: entry " + std::to_string(i + 1) + " has an unknown element");
    content.elements.push_back(static_cast<int>(element));
    n_values += static_cast<std::size_t>(content.header.n_features[static_cast<std::size_t>(element)]);
  }
  content.origins.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    Origin origin;
    origin.run = reader.get_signed();
    origin.step = reader.get_signed();
    origin.atom_id = reader.get_signed();
    content.origins.push_back(origin);
  }
  content.fingerprints = reader.get_doubles(n_values);
  if (reader.left() != 0)
    reader.fail("the bank is damaged: " + std::to_string(reader.left()) + " bytes too many");
  return content;
}

}    // namespace mdsieve
