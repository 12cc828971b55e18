// SPDX-License-Identifier: GPL-2.0-or-later
#include "environment_bank.h"
#include "input_error.h"
#include "rows.h"
#include "scaling.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

namespace {

using HintArray = nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OriginArray = nb::ndarray<const std::int64_t, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
std::int64_t *hints_of(const std::optional<HintArray> &hints, std::size_t n)
{
  if (!hints) return nullptr;
  if (hints->shape(0) != n)
    throw InputError("hints: expected " + std::to_string(n) + " numbers, got " +
                     std::to_string(hints->shape(0)));
  return hints->data();
}

ScalingKind kind_of(const std::string &name)
{
  if (name == "none") return ScalingKind::none;
  if (name == "minmax") return ScalingKind::minmax;
  if (name == "std") return ScalingKind::std;
  throw InputError("scaling '" + name + "': expected minmax, std or none");
}

std::string name_of(ScalingKind kind)
{ return kind == ScalingKind::none ? "none" : kind == ScalingKind::minmax ? "minmax" : "std"; }

EnvironmentBank make_bank(std::string descriptor_text, std::string descriptor_hash,
                          std::vector<std::string> elements, std::vector<int> n_features,
                          std::vector<double> cutoffs, std::vector<double> thresholds, Scaling scaling)
{
  BankHeader header;
  header.descriptor_text = std::move(descriptor_text);
  header.descriptor_hash = std::move(descriptor_hash);
  header.elements = std::move(elements);
  header.n_features = std::move(n_features);
  header.cutoffs = std::move(cutoffs);
  header.thresholds = std::move(thresholds);
  header.scaling = std::move(scaling);
  return EnvironmentBank(std::move(header));
}

Array<std::int64_t> select_new(const EnvironmentBank &bank, const ElementArray &elements,
                               const ValueArray &fingerprints, const std::optional<HintArray> &hints)
{
  std::vector<std::int64_t> picked;
  {
    nb::gil_scoped_release release;
    const auto rows = rows_of(bank.header().n_features, elements, fingerprints);
    picked = bank.select_new(rows.size(), elements.data(), rows.data(), hints_of(hints, rows.size()));
  }
  return owned_array(std::move(picked));
}

Array<double> distances(const EnvironmentBank &bank, const ElementArray &elements,
                        const ValueArray &fingerprints, const std::optional<HintArray> &hints)
{
  std::vector<double> result;
  {
    nb::gil_scoped_release release;
    const auto rows = rows_of(bank.header().n_features, elements, fingerprints);
    std::int64_t *const hint = hints_of(hints, rows.size());
    result.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      result[i] = bank.distance(elements(i), rows[i], 0.0, hint ? hint + i : nullptr);
  }
  return owned_array(std::move(result));
}

nb::tuple largest_novelty(const EnvironmentBank &bank, const ElementArray &elements,
                          const ValueArray &fingerprints)
{
  FrameNovelties found;
  {
    nb::gil_scoped_release release;
    const auto rows = rows_of(bank.header().n_features, elements, fingerprints);
    found = bank.largest_novelty(rows.size(), elements.data(), rows.data());
  }
  return nb::make_tuple(found.novelty, found.index, found.unseen);
}

void add(EnvironmentBank &bank, const ElementArray &elements, const OriginArray &origins,
         const ValueArray &fingerprints)
{
  nb::gil_scoped_release release;
  const auto rows = rows_of(bank.header().n_features, elements, fingerprints);
  if (origins.shape(0) != rows.size())
    throw InputError("origins: expected " + std::to_string(rows.size()) + " rows, got " +
                     std::to_string(origins.shape(0)));
  for (std::size_t i = 0; i < rows.size(); ++i)
    bank.add(elements(i), rows[i], {origins(i, 0), origins(i, 1), origins(i, 2)});
}

std::tuple<int, std::tuple<std::int64_t, std::int64_t, std::int64_t>, Array<double>>
entry(const EnvironmentBank &bank, std::int64_t position)
{
  if (position < 0 || position >= bank.size())
    throw nb::index_error(
        ("entry " + std::to_string(position) + ": the bank has " + std::to_string(bank.size())).c_str());
  const int element = bank.entry_element(position);
  const Origin origin = bank.entry_origin(position);
  const double *raw = bank.entry_raw(position);
  const int n = bank.header().n_features[static_cast<std::size_t>(element)];
  return {element, {origin.run, origin.step, origin.atom_id}, owned_array(std::vector<double>(raw, raw + n))};
}

std::tuple<Array<std::int32_t>, Array<std::int64_t>, Array<double>> entries_since(const EnvironmentBank &bank,
                                                                                  std::int64_t revision)
{
  if (revision < 0 || revision > bank.size())
    throw InputError("revision " + std::to_string(revision) + ": expected 0 to " +
                     std::to_string(bank.size()));
  std::vector<std::int32_t> elements;
  std::vector<std::int64_t> origins;
  std::vector<double> fingerprints;
  for (std::int64_t i = revision; i < bank.size(); ++i) {
    const int element = bank.entry_element(i);
    const Origin origin = bank.entry_origin(i);
    const double *raw = bank.entry_raw(i);
    elements.push_back(element);
    origins.insert(origins.end(), {origin.run, origin.step, origin.atom_id});
    fingerprints.insert(fingerprints.end(), raw,
                        raw + bank.header().n_features[static_cast<std::size_t>(element)]);
  }
  const std::size_t n = elements.size();
  return {owned_array(std::move(elements)), owned_array(std::move(origins), {n, std::size_t{3}}),
          owned_array(std::move(fingerprints))};
}

void bind_scaling(nb::module_ &m)
{
  nb::class_<Scaling>(m, "Scaling", "The frozen column scaling of a bank: (raw - shift) * factor.")
      .def(
          "__init__",
          [](Scaling *self, const std::string &kind, std::vector<std::vector<double>> shift,
             std::vector<std::vector<double>> factor) {
            new (self) Scaling{kind_of(kind), std::move(shift), std::move(factor)};
          },
          "kind"_a, "shift"_a, "factor"_a)
      .def_static("identity", &Scaling::identity, "n_features"_a, "No scaling: shift 0, factor 1.")
      .def_prop_ro(
          "kind", [](const Scaling &s) { return name_of(s.kind); }, "'minmax', 'std' or 'none'.")
      .def_ro("shift", &Scaling::shift, "[element][column]")
      .def_ro("factor", &Scaling::factor, "[element][column]")
      .def(
          "__eq__", [](const Scaling &a, const Scaling &b) { return a == b; }, nb::is_operator(),
          nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__repr__", [](const Scaling &s) { return "Scaling('" + name_of(s.kind) + "')"; });

  nb::class_<ColumnStatistics>(m, "ColumnStatistics",
                               "Running minimum, maximum, mean and variance of every column.")
      .def(
          "__init__",
          [](ColumnStatistics *self, const std::vector<int> &n_features) {
            new (self) ColumnStatistics(n_features);
          },
          "n_features"_a)
      .def(
          "add",
          [](ColumnStatistics &self, const ElementArray &elements, const ValueArray &fingerprints) {
            nb::gil_scoped_release release;
            const auto rows = rows_of(self.n_features(), elements, fingerprints);
            for (std::size_t i = 0; i < rows.size(); ++i) self.add(elements(i), rows[i]);
          },
          "elements"_a, "fingerprints"_a)
      .def("count", &ColumnStatistics::count, "element"_a)
      .def(
          "scaling",
          [](const ColumnStatistics &self, const std::string &kind,
             const std::vector<std::string> &elements) { return self.scaling(kind_of(kind), elements); },
          "kind"_a, "elements"_a)
      .def("to_scaling_data", &ColumnStatistics::to_scaling_data, "descriptor"_a,
           "Text of an n2p2 `scaling.data` file.");

  m.def(
      "parse_scaling_data",
      [](std::string_view text, const std::string &name, const Descriptor &descriptor,
         const std::string &kind) { return parse_scaling_data(text, name, descriptor, kind_of(kind)); },
      "text"_a, "name"_a, "descriptor"_a, "kind"_a, "Read an n2p2 `scaling.data` file.");
}

}    // namespace

void bind_environment_bank(nb::module_ &m)
{
  bind_scaling(m);
  nb::class_<EnvironmentBank>(
      m, "EnvironmentBank",
      "Stored fingerprints, one set an element, and the greedy rule on them.\n\n"
      "Environments go in and out as parallel arrays: elements int32[n] and their unscaled "
      "fingerprints one after the other in one float64 array.")
      .def(nb::new_(&make_bank), "descriptor_text"_a, "descriptor_hash"_a, "elements"_a, "n_features"_a,
           "cutoffs"_a, "thresholds"_a, "scaling"_a)
      .def("__len__", [](const EnvironmentBank &bank) { return bank.size(); })
      .def(
          "size", [](const EnvironmentBank &bank) { return bank.size(); }, "Entries of all elements.")
      .def("size", nb::overload_cast<int>(&EnvironmentBank::size, nb::const_), "element"_a)
      .def_prop_ro("descriptor_text",
                   [](const EnvironmentBank &b) {    // comments of a file may be in any encoding
                     const std::string &text = b.header().descriptor_text;
                     return nb::steal<nb::str>(
                         PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
                   })
      .def_prop_ro("descriptor_hash", [](const EnvironmentBank &b) { return b.header().descriptor_hash; })
      .def_prop_ro("elements", [](const EnvironmentBank &b) { return b.header().elements; })
      .def_prop_ro("n_features", [](const EnvironmentBank &b) { return b.header().n_features; })
      .def_prop_ro("cutoffs", [](const EnvironmentBank &b) { return b.header().cutoffs; })
      .def_prop_ro("thresholds", [](const EnvironmentBank &b) { return b.header().thresholds; })
      .def_prop_ro("scaling", [](const EnvironmentBank &b) { return b.header().scaling; })
      .def_prop_ro("memory_bytes", &EnvironmentBank::memory_bytes)
      .def(
          "select_new", &select_new, "elements"_a, "fingerprints"_a, "hints"_a = nb::none(),
          "Indices int64[k] of the environments that the greedy rule adds when it sees these in this order. The bank "
          "is not changed. hints int64[n], changed in place: the entry of its element that covered an environment "
          "last time, or -1.")
      .def("distances", &distances, "elements"_a, "fingerprints"_a, "hints"_a = nb::none(),
           "Distance float64[n] to the nearest entry in scaled units, inf if the element has none.")
      .def(
          "largest_novelty", &largest_novelty, "elements"_a, "fingerprints"_a,
          "Of `distances` / threshold: the largest among environments whose element has an entry, the index of the "
          "first that has it (-1: none), and of the first whose element has no entry (-1: none).")
      .def("add", &add, "elements"_a, "origins"_a, "fingerprints"_a,
           "Store entries unconditionally; origins int64[n, 3] are run, step and atom ID.")
      .def("entry", &entry, "position"_a,
           "One entry of the history: element, (run, step, atom ID), fingerprint float64[n_features].")
      .def(
          "entries_since", &entries_since, "revision"_a,
          "Entries from position `revision` on: elements int32[e], origins int64[e, 3], fingerprints float64[flat].")
      .def(
          "require_compatible",
          [](const EnvironmentBank &self, const EnvironmentBank &other, const std::string &name) {
            self.require_compatible(other.header(), name);
          },
          "other"_a, "name"_a,
          "Raise ValueError that says what differs if entries of `other` may not be mixed in.")
      .def(
          "serialise",
          [](const EnvironmentBank &bank) {
            std::string bytes;
            {
              nb::gil_scoped_release release;
              bytes = bank.serialise();
            }
            return nb::bytes(bytes.data(), bytes.size());
          },
          "The bytes of a bank file.")
      .def_static(
          "deserialise",
          [](const nb::bytes &bytes, const std::string &name) {
            nb::gil_scoped_release release;
            return EnvironmentBank::deserialise({bytes.c_str(), bytes.size()}, name);
          },
          "bytes"_a, "name"_a = "bank",
          "Raises ValueError 'name: ...' if the bytes are not a whole, sound bank.");
}
