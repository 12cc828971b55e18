// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include "environment_bank.h"
#include "input_error.h"

#include <algorithm>
#include <cstring>

using namespace mdsieve;

namespace {

constexpr std::size_t word = 8, head = 24;

std::string bank_with(int n_entries)
{
  BankHeader header;
  header.descriptor_text = "elements Al Ni";
  header.descriptor_hash = "0123456789abcdef";
  header.elements = {"Al", "Ni"};
  header.n_features = {3, 1};
  header.cutoffs = {6.0, 5.0};
  header.thresholds = {0.25, 0.5};
  header.scaling = Scaling::identity(header.n_features);
  EnvironmentBank bank(header);
  for (int i = 0; i < n_entries; ++i) {
    const double raw[] = {0.1 * i, 1.0 - i, 2.0};
    bank.add(i % 2, raw, {i, std::int64_t{10} * i, i + 1});
  }
  return bank.serialise();
}

/// The same bytes with magic, length and checksum (FNV-1a) that fit: the mutations reach what lies behind
/// them.
std::string repaired(std::string bytes)
{
  const std::string sound = bank_with(0);
  bytes.resize(std::max(bytes.size(), head + word));
  bytes.replace(0, 2 * word, sound, 0, 2 * word);
  const auto put = [&bytes](std::size_t at, std::uint64_t value) {
    for (std::size_t i = 0; i < word; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xffu);
  };
  put(2 * word, bytes.size());
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i + word < bytes.size(); ++i) {
    hash ^= static_cast<unsigned char>(bytes[i]);
    hash *= 0x100000001b3u;
  }
  put(bytes.size() - word, hash);
  return bytes;
}

bool reads(const std::string &bytes)
try {
  const EnvironmentBank bank = EnvironmentBank::deserialise(bytes, "bank");
  const std::string again = bank.serialise();
  fuzz::require(EnvironmentBank::deserialise(again, "again").serialise() == again,
                "a bank reads back as it was");
  for (std::int64_t i = 0; i < bank.size(); ++i) {
    const double distance = bank.distance(bank.entry_element(i), bank.entry_raw(i));
    fuzz::require(distance == 0.0, "an entry is at distance 0 of itself");
  }
  return true;
} catch (const InputError &error) {
  fuzz::require_message(error.what());
  return false;
}

}    // namespace

std::vector<std::string> fuzz::corpus() { return {bank_with(0), bank_with(5), bank_with(20)}; }

std::vector<std::string> fuzz::words()
{ return {std::string(8, '\0'), "\1" + std::string(7, '\0'), "MDSVBANK"}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const std::string bytes(reinterpret_cast<const char *>(data), size);
  reads(bytes);
  return reads(repaired(bytes)) ? 0 : -1;
}
