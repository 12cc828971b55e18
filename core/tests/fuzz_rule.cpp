// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include "input_error.h"
#include "rule.h"

using namespace mdsieve;

std::vector<std::string> fuzz::corpus()
{
  return {"", "keep novelty > 1",
          "keep novelty >= 1.5 junk spread > 20 stop frame != -2.5e-08 soft gap 50 max 500",
          "stop novelty < 0.1 continue gap 9007199254740993"};
}

std::vector<std::string> fuzz::words()
{
  return {" keep ",   " junk ", " stop ", " gap ", " max ", " novelty ",           " > ", " <= ", " 1e308 ",
          " 1e-320 ", " nan ",  " soft",  " hard", " -1 ",  " 999999999999999999 "};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  static const std::vector<std::string> known{"novelty", "frame", "spread"};
  try {
    const Rule rule = parse_rule({reinterpret_cast<const char *>(data), size}, known);
    const std::string text = rule.text();
    fuzz::require(parse_rule(text, known).text() == text, "a rule's text reads back:", text);
    const Decision decision = decide(rule, {{"novelty", 2.0}, {"frame", 0.5}}, {{"frame", 0.5}}, 100, 50, 3);
    fuzz::require(!decision.stop || !rule.stop.empty(), "only a stop condition stops");
    return 0;
  } catch (const InputError &error) {
    fuzz::require_message(error.what());
    return -1;
  }
}
