// SPDX-License-Identifier: GPL-2.0-or-later
#include "bank_file.h"

#include "byte_record.h"

#include <algorithm>

namespace mdsieve {

namespace {

constexpr char magic[] = "MDSVBANK";    // 8 bytes without the final zero
constexpr std::uint64_t version = 1;
constexpr std::size_t word = 8;

void write_header(RecordWriter &writer, const BankHeader &header)
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

BankHeader read_header(RecordReader &reader)
{
  BankHeader header;
  header.descriptor_text = reader.get_text();
  header.descriptor_hash = reader.get_text();
  const std::int64_t kind = reader.get_signed();
  if (kind < 0 || kind > 2) reader.fail_damaged("unknown scaling");
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

}    // namespace

std::string write_bank(const EnvironmentBank &bank)
{
  RecordWriter writer;
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
  return std::move(writer).finish(magic, version);
}

BankContent read_bank(std::string_view bytes, const std::string &name)
{
  RecordReader reader(bytes, name, "bank", magic, version);
  BankContent content;
  content.header = read_header(reader);
  const std::size_t n = reader.get_count("entries", 4 * word);
  content.elements.reserve(n);
  std::size_t n_values = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t element = reader.get_signed();
    if (element < 0 || static_cast<std::size_t>(element) >= content.header.elements.size())
      reader.fail_damaged("entry " + std::to_string(i + 1) + " has an unknown element");
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
  reader.finish();
  return content;
}

}    // namespace mdsieve
