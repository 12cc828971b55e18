// SPDX-License-Identifier: GPL-2.0-or-later

#include "select_greeting.h"

#include "link_message.h"

#include <cstdio>
#include <string_view>
#include <type_traits>

namespace mdsieve {

namespace {

/// Length of the UTF-8 character at the beginning of some bytes, 0 if there is none.
std::size_t character_length(std::string_view bytes)
{
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t n = first >= 0xc2 && first < 0xe0   ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (n == 0 || bytes.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const unsigned second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate_or_beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || surrogate_or_beyond ? 0 : n;
}

/// Files may hold comments in any encoding: bytes that are no UTF-8 become the replacement character.
std::string json(const std::string &text)
{
  std::string quoted = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = character_length(std::string_view(text).substr(at));
    const char c = text[at];
    if (n == 0) {
      quoted += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      quoted += escaped;
    } else {
      quoted.append(text, at, n);
    }
    at += n > 0 ? n : 1;
  }
  return quoted + '"';
}

std::string json(double value)
{
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.17g", value);
  return digits;
}

std::string json(std::int64_t value) { return std::to_string(value); }

template <typename T> std::string json(const std::vector<T> &values)
{
  std::string list;
  for (const auto &value : values) list += (list.empty() ? "" : ", ") + json(value);
  return "[" + list + "]";
}

/// Builds one JSON object, member by member.
class Object {
 public:
  template <typename T> Object &add(const char *name, const T &value) { return add_text(name, json(value)); }
  Object &add_text(const char *name, const std::string &value)
  {
    members_ += (members_.empty() ? "" : ", ") + json(std::string(name)) + ": " + value;
    return *this;
  }
  std::string text() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

std::string source_name(SelectOptions::ScalingSource source)
{
  switch (source) {
  case SelectOptions::ScalingSource::file: return "file";
  case SelectOptions::ScalingSource::pilot: return "pilot";
  case SelectOptions::ScalingSource::none: return "none";
  default: return "bank";
  }
}

std::string kind_name(ScalingKind kind)
{
  switch (kind) {
  case ScalingKind::minmax: return "minmax";
  case ScalingKind::std: return "std";
  default: return "none";
  }
}

std::vector<std::string> field_names(const SelectOptions::Fields &fields)
{
  std::vector<std::string> names;
  if (fields.velocities) names.emplace_back("v");
  if (fields.forces) names.emplace_back("f");
  if (fields.energy) names.emplace_back("pe");
  if (fields.stress) names.emplace_back("stress");
  return names;
}

std::string difference_words(const SelectOptions::Difference &difference)
{
  if (!difference.wanted) return "null";
  static const char *const names[] = {"presence", "count", "fraction"};
  return Object()
      .add("mode", std::string(names[static_cast<int>(difference.mode)]))
      .add("step", difference.step)
      .add("bins", std::int64_t{difference.n_bins})
      .text();
}

}    // namespace

std::string greeting(const SelectOptions &options, const BankHeader &header, const std::string &scaling_text,
                     const GreetingOrigin &origin)
{
  const std::string bohr = options.length_unit == LengthUnit::bohr ? "bohr" : "angstrom";
  const std::string precision = options.precision == Precision::mixed ? "mixed" : "double";
  const std::string mode = options.mode == SelectOptions::Mode::stream ? "stream" : "wait";
  Object scaling;
  scaling.add("source", source_name(options.scaling_source))
      .add("kind", kind_name(options.scaling_kind))
      .add("pilot", options.pilot)
      .add("name", options.scaling_file)
      .add("text", scaling_text);
  Object hello;
  hello.add("protocol", protocol_version)
      .add("mdsieve", std::string(MDSIEVE_VERSION))
      .add("lammps", origin.lammps_version)
      .add("world_ranks", std::int64_t{origin.world_ranks})
      .add("partition", std::int64_t{origin.partition})
      .add("fix", origin.fix_id)
      .add("units", origin.units)
      .add("nevery", std::int64_t{options.nevery})
      .add("elements", header.elements)
      .add("descriptor_name", options.descriptor_file)
      .add("descriptor_hash", header.descriptor_hash)
      .add("descriptor_text", header.descriptor_text)
      .add("length_unit", bohr)
      .add("precision", precision)
      .add("thresholds", header.thresholds)
      .add_text("scaling", scaling.text())
      .add("rule", options.rule.text())
      .add_text("difference", difference_words(options.difference))
      .add("mode", mode)
      .add("depth", std::int64_t{options.depth})
      .add("fields", field_names(options.fields))
      .add("lost", options.lost_after);
  return hello.text();
}

}    // namespace mdsieve
