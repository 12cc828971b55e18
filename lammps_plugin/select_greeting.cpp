// SPDX-License-Identifier: GPL-2.0-or-later

#include "select_greeting.h"

#include "driver_link.h"

#include <cstdio>
#include <type_traits>

namespace mdsieve {

namespace {

std::string json(const std::string &text)
{
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      quoted += escaped;
    } else {
      quoted += c;
    }
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
      .add("mode", mode)
      .add("depth", std::int64_t{options.depth})
      .add("fields", field_names(options.fields))
      .add("lost", options.lost_after);
  return hello.text();
}

}    // namespace mdsieve
