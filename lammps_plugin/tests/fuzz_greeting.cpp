// SPDX-License-Identifier: GPL-2.0-or-later
/// Whatever stands in the files of a fix, its HELLO is JSON in UTF-8.
#include "fuzz.h"

#include "select_greeting.h"

using namespace mdsieve;

namespace {

/// The end of the JSON string that begins here: escapes that exist, no control character, UTF-8.
std::size_t end_of_string(const std::string &json, std::size_t at)
{
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    const auto c = static_cast<unsigned char>(json[at]);
    fuzz::require(c >= 0x20, "a JSON string holds no control character");
    if (c == '\\') {
      ++at;
      fuzz::require(at < json.size() && std::string("\"\\u").find(json[at]) != std::string::npos,
                    "an escape exists");
    } else if (c >= 0x80) {
      const int more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
      fuzz::require(c >= 0xc2 && c < 0xf5 && at + static_cast<std::size_t>(more) < json.size(),
                    "UTF-8 begins");
      for (int i = 0; i < more; ++i)
        fuzz::require((static_cast<unsigned char>(json[++at]) & 0xc0) == 0x80, "UTF-8 goes on");
    }
  }
  fuzz::require(at < json.size(), "a JSON string ends");
  return at;
}

/// Brackets that close, and nothing outside of strings but numbers and punctuation.
void require_json(const std::string &json)
{
  std::string open;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '"') {
      at = end_of_string(json, at);
    } else if (c == '{' || c == '[') {
      open += c == '{' ? '}' : ']';
    } else if (c == '}' || c == ']') {
      fuzz::require(!open.empty() && open.back() == c, "a bracket closes what was opened");
      open.pop_back();
    } else {
      fuzz::require(std::string("0123456789.e+-:, nul").find(c) != std::string::npos,
                    "only numbers stand bare");
    }
  }
  fuzz::require(open.empty(), "all brackets are closed");
}

}    // namespace

std::vector<std::string> fuzz::corpus()
{
  return {"elements Ni # \"quoted\" \\ \xc3\x85ngstr\xc3\xb6m\n", "Latin-1: \xc5ngstr\xf6m",
          "\xf0\x9f\x98\x80"};
}

std::vector<std::string> fuzz::words()
{
  return {"\"",   "\\",          "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", std::string(1, '\0'),
          "\x7f", "\xe2\x80\xa8"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const std::string text(reinterpret_cast<const char *>(data), size), half = text.substr(0, size / 2);
  SelectOptions options;
  options.nevery = 1;
  options.descriptor_file = options.scaling_file = half;
  BankHeader header;
  header.descriptor_text = text;
  header.elements = {"Ni"};
  header.thresholds = {1e-300 * static_cast<double>(size)};
  require_json(greeting(options, header, half, {half, half, half, 1, 0}));
  return 0;
}
