// SPDX-License-Identifier: GPL-2.0-or-later
/// Files of seen frames.
#include "fuzz.h"

#include "byte_record.h"
#include "input_error.h"
#include "seen_frames.h"

#include <cstring>

using namespace mdsieve;

namespace {

std::string seen_with(DifferenceMode mode, int n_vectors)
{
  SeenFrames seen({"hash", {"Ni", "H"}, {{0.0, 1.0}, {2.0}}, {{1.0, 1.0}, {3.0}}, 5, mode, 0.0});
  seen.set_reference(std::string(seen.histogram().signature_bytes(), '\0'));
  for (int i = 0; i < n_vectors; ++i)
    seen.add(Bits(seen.histogram().n_words(), static_cast<std::uint64_t>(i)));
  return seen.serialise();
}

}    // namespace

std::vector<std::string> fuzz::corpus()
{ return {seen_with(DifferenceMode::presence, 0), seen_with(DifferenceMode::count, 3)}; }

std::vector<std::string> fuzz::words()
{ return {std::string(8, '\0'), "\1" + std::string(7, '\0'), "MDSVSEEN"}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  std::string bytes(reinterpret_cast<const char *>(data), size);
  if (size >= 40) {    // length and checksum that fit: the mutations reach what lies between
    const auto put = [&bytes](std::size_t at, std::uint64_t value) { std::memcpy(&bytes[at], &value, 8); };
    put(16, size);
    put(size - 8, fnv1a(std::string_view(bytes).substr(0, size - 8)));
  }
  try {
    const SeenFrames seen = SeenFrames::deserialise(bytes, "file");
    fuzz::require(SeenFrames::deserialise(seen.serialise(), "again").serialise() == seen.serialise(),
                  "seen frames read back as they were");
    return 0;
  } catch (const InputError &error) {
    fuzz::require_message(error.what());
    return -1;
  }
}
