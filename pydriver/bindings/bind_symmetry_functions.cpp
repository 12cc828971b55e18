// SPDX-License-Identifier: GPL-2.0-or-later
#include "input_error.h"
#include "kernels.h"
#include "symmetry_functions.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <numeric>
#include <thread>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

namespace {

using ElementArray = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using PairArray = nb::ndarray<const std::size_t, nb::shape<-1, 2>, nb::c_contig, nb::device::cpu>;
using VectorArray = nb::ndarray<const double, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
using Matrix = nb::ndarray<nb::numpy, double, nb::ndim<2>>;
using Block = nb::ndarray<nb::numpy, double, nb::ndim<3>>;
using IndexPairs = nb::ndarray<nb::numpy, std::int64_t, nb::ndim<2>>;

/// A full neighbour list sorted by central atom, structure of arrays.
struct NeighbourTable {
  std::vector<std::size_t> begin;    ///< n_atoms + 1
  std::vector<double> dx, dy, dz;
  std::vector<int> element;
  std::vector<std::size_t> neighbour;

  NeighbourTable(const std::int32_t *elements, std::size_t n_atoms, const PairArray &pairs,
                 const VectorArray &vectors)
  {
    const std::size_t n_pairs = pairs.shape(0);
    if (vectors.shape(0) != n_pairs)
      throw InputError("neighbour list: " + std::to_string(n_pairs) + " pairs, but " +
                       std::to_string(vectors.shape(0)) + " vectors");
    begin.assign(n_atoms + 1, 0);
    const std::size_t *pair = pairs.data();
    for (std::size_t p = 0; p < n_pairs; p++) {
      if (pair[2 * p] >= n_atoms || pair[2 * p + 1] >= n_atoms)
        throw InputError("neighbour list: atom index beyond the " + std::to_string(n_atoms) + " atoms");
      begin[pair[2 * p] + 1]++;
    }
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    for (auto *array : {&dx, &dy, &dz}) array->resize(n_pairs);
    element.resize(n_pairs);
    neighbour.resize(n_pairs);
    std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
    const double *vector = vectors.data();
    for (std::size_t p = 0; p < n_pairs; p++) {
      const std::size_t at = next[pair[2 * p]]++;
      dx[at] = vector[3 * p];
      dy[at] = vector[3 * p + 1];
      dz[at] = vector[3 * p + 2];
      neighbour[at] = pair[2 * p + 1];
      element[at] = int(elements[neighbour[at]]);
    }
  }

  Neighbours of(std::size_t atom) const
  {
    const std::size_t b = begin[atom];
    return {dx.data() + b, dy.data() + b, dz.data() + b, element.data() + b, begin[atom + 1] - b};
  }
};

/// work(atom, workspace) for all atoms of known element, shared out among threads.
template <class Work>
void for_each_atom(const std::int32_t *elements, std::size_t n_atoms, std::size_t n_threads,
                   const Work &work_on)
{
  constexpr std::size_t batch = 32;
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> errors(n_threads);
  const auto work = [&](std::size_t thread) {
    try {
      SymmetryFunctions::Workspace workspace;
      for (std::size_t begin; (begin = next.fetch_add(batch)) < n_atoms;)
        for (std::size_t atom = begin; atom < std::min(begin + batch, n_atoms); atom++) {
          if (elements[atom] < 0) continue;
          try {
            work_on(atom, workspace);
          } catch (const InputError &e) {
            throw InputError("atom " + std::to_string(atom) + ": " + e.what());
          }
        }
    } catch (...) {
      errors[thread] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 1; t < n_threads; t++) threads.emplace_back(work, t);
  work(0);
  for (auto &thread : threads) thread.join();
  for (const auto &error : errors)
    if (error) std::rethrow_exception(error);
}

std::vector<std::size_t> count_atoms(const SymmetryFunctions &functions, const ElementArray &elements)
{
  const std::size_t n_elements = std::size_t(functions.n_elements());
  std::vector<std::size_t> count(n_elements, 0);
  for (std::size_t i = 0; i < elements.shape(0); i++) {
    if (elements(i) >= std::int32_t(n_elements))
      throw InputError("element number " + std::to_string(elements(i)) + ", expected at most " +
                       std::to_string(n_elements - 1));
    if (elements(i) >= 0) count[std::size_t(elements(i))]++;
  }
  return count;
}

template <class Array> Array new_array(std::initializer_list<std::size_t> shape)
{
  using Value = typename Array::Scalar;
  std::size_t size = 1;
  for (std::size_t n : shape) size *= n;
  auto *values = new Value[std::max<std::size_t>(size, 1)];
  nb::capsule owner(values, [](void *p) noexcept { delete[] static_cast<Value *>(p); });
  return Array(values, shape, owner);
}

std::size_t threads_for(std::size_t n_jobs, std::size_t n_atoms)
{ return std::max<std::size_t>(1, std::min(n_jobs, n_atoms / 16 + 1)); }

/// One matrix an element, rows in the order of the atoms.
std::vector<Matrix> compute(const SymmetryFunctions &functions, const ElementArray &elements,
                            const PairArray &pairs, const VectorArray &vectors, std::size_t n_jobs)
{
  const std::size_t n_atoms = elements.shape(0);
  const std::vector<std::size_t> count = count_atoms(functions, elements);
  std::vector<Matrix> matrices;
  std::vector<double *> next_row;
  for (std::size_t e = 0; e < count.size(); e++) {
    matrices.push_back(new_array<Matrix>({count[e], std::size_t(functions.n_features(int(e)))}));
    next_row.push_back(matrices.back().data());
  }
  std::vector<double *> rows(n_atoms, nullptr);
  for (std::size_t i = 0; i < n_atoms; i++) {
    if (elements(i) < 0) continue;
    const std::size_t e = std::size_t(elements(i));
    rows[i] = next_row[e];
    next_row[e] += functions.n_features(int(e));
  }
  {
    nb::gil_scoped_release release;
    const NeighbourTable table(elements.data(), n_atoms, pairs, vectors);
    for_each_atom(elements.data(), n_atoms, threads_for(n_jobs, n_atoms),
                  [&](std::size_t atom, SymmetryFunctions::Workspace &workspace) {
                    functions.compute(elements.data()[atom], table.of(atom), rows[atom], workspace);
                  });
  }
  return matrices;
}

/// For each element the pairs (atom, neighbour) and (atom, atom), vectors and derivatives, atom by atom, the
/// atom itself first.
nb::list derivatives(const SymmetryFunctions &functions, const ElementArray &elements, const PairArray &pairs,
                     const VectorArray &vectors, std::size_t n_jobs)
{
  const std::size_t n_atoms = elements.shape(0);
  const std::size_t n_elements = count_atoms(functions, elements).size();
  const NeighbourTable table(elements.data(), n_atoms, pairs, vectors);
  std::vector<std::size_t> n_entries(n_elements, 0), first_entry(n_atoms, 0);
  for (std::size_t i = 0; i < n_atoms; i++)
    if (elements(i) >= 0) {
      std::size_t &n = n_entries[std::size_t(elements(i))];
      first_entry[i] = n;
      n += table.of(i).size + 1;
    }
  std::vector<IndexPairs> entry_pairs;
  std::vector<Matrix> entry_vectors;
  std::vector<Block> blocks;
  for (std::size_t e = 0; e < n_elements; e++) {
    entry_pairs.push_back(new_array<IndexPairs>({n_entries[e], 2}));
    entry_vectors.push_back(new_array<Matrix>({n_entries[e], 3}));
    blocks.push_back(new_array<Block>({n_entries[e], 3, std::size_t(functions.n_features(int(e)))}));
  }
  {
    nb::gil_scoped_release release;
    for_each_atom(elements.data(), n_atoms, threads_for(n_jobs, n_atoms),
                  [&](std::size_t atom, SymmetryFunctions::Workspace &workspace) {
                    const auto e = std::size_t(elements.data()[atom]);
                    const std::size_t first = first_entry[atom];
                    const Neighbours neighbours = table.of(atom);
                    std::int64_t *pair = entry_pairs[e].data() + 2 * first;
                    double *vector = entry_vectors[e].data() + 3 * first;
                    for (std::size_t k = 0; k <= neighbours.size; k++) {
                      *pair++ = std::int64_t(atom);
                      *pair++ = std::int64_t(k == 0 ? atom : table.neighbour[table.begin[atom] + k - 1]);
                      *vector++ = k == 0 ? 0.0 : neighbours.dx[k - 1];
                      *vector++ = k == 0 ? 0.0 : neighbours.dy[k - 1];
                      *vector++ = k == 0 ? 0.0 : neighbours.dz[k - 1];
                    }
                    const std::size_t size = 3 * std::size_t(functions.n_features(int(e)));
                    functions.derivatives(int(e), neighbours, blocks[e].data() + first * size, workspace);
                  });
  }
  nb::list all;
  for (std::size_t e = 0; e < n_elements; e++)
    all.append(nb::make_tuple(entry_pairs[e], entry_vectors[e], blocks[e]));
  return all;
}

/// The text comes and goes as bytes: comments may hold anything.
SymmetryFunctions make(const nb::bytes &text, const std::string &name, const std::string &precision,
                       const std::string &length_unit)
{
  if (precision != "double" && precision != "mixed")
    throw InputError("precision '" + precision + "', expected double or mixed");
  if (length_unit != "angstrom" && length_unit != "bohr")
    throw InputError("length unit '" + length_unit + "', expected angstrom or bohr");
  return SymmetryFunctions(parse_input_nn({text.c_str(), text.size()}, name,
                                          length_unit == "bohr" ? LengthUnit::bohr : LengthUnit::angstrom),
                           precision == "double" ? Precision::double_ : Precision::mixed);
}

int checked(const SymmetryFunctions &functions, int element)
{
  if (element < 0 || element >= functions.n_elements())
    throw InputError("element number " + std::to_string(element) + ", expected 0 to " +
                     std::to_string(functions.n_elements() - 1));
  return element;
}

/// The columns of one element as dictionaries.
nb::list describe_columns(const SymmetryFunctions &functions, int element)
{
  const Descriptor &d = functions.descriptor();
  const auto symbol = [&](int e) {
    return e < 0 ? nb::object(nb::none()) : nb::cast(d.elements[std::size_t(e)]);
  };
  nb::list columns;
  for (int index : d.columns(checked(functions, element))) {
    const SymmetryFunction &f = d.functions[std::size_t(index)];
    nb::dict column;
    column["type"] = f.type;
    column["central"] = symbol(f.central);
    column["first"] = symbol(f.first);
    column["second"] = symbol(f.second);
    column["eta"] = f.eta;
    column["r_shift"] = f.r_shift;
    column["lambda"] = f.lambda;
    column["zeta"] = f.zeta;
    column["theta_shift"] = f.theta_shift;
    column["r_cutoff"] = f.r_cutoff;
    column["line"] = f.line;
    columns.append(column);
  }
  return columns;
}

}    // namespace

void bind_symmetry_functions(nb::module_ &m)
{
  nb::class_<SymmetryFunctions>(m, "SymmetryFunctions")
      .def(
          "__init__",
          [](SymmetryFunctions *self, const nb::bytes &text, const std::string &name,
             const std::string &precision, const std::string &length_unit) {
            new (self) SymmetryFunctions(make(text, name, precision, length_unit));
          },
          "text"_a, "name"_a = "input.nn", "precision"_a = "double", "length_unit"_a = "angstrom")
      .def("compute", &compute, "elements"_a, "pairs"_a, "vectors"_a, "n_jobs"_a = 1,
           "Fingerprints, one matrix an element; pairs of a full neighbour list and their vectors (j - i).")
      .def(
          "derivatives", &derivatives, "elements"_a, "pairs"_a, "vectors"_a, "n_jobs"_a = 1,
          "For each element pairs (atom, neighbour), their vectors and derivatives [3][column]; first of each "
          "atom's is itself.")
      .def("columns", &describe_columns, "element"_a)
      .def(
          "n_features", [](const SymmetryFunctions &f, int e) { return f.n_features(checked(f, e)); },
          "element"_a)
      .def(
          "n2p2_order",
          [](const SymmetryFunctions &f, int e) { return f.descriptor().n2p2_order(checked(f, e)); },
          "element"_a)
      .def_prop_ro("descriptor", &SymmetryFunctions::descriptor, nb::rv_policy::reference_internal)
      .def_prop_ro("elements", [](const SymmetryFunctions &f) { return f.descriptor().elements; })
      .def_prop_ro("atomic_numbers", [](const SymmetryFunctions &f) { return f.descriptor().atomic_numbers; })
      .def_prop_ro("cutoff", &SymmetryFunctions::cutoff)
      .def_prop_ro("cutoff_type", [](const SymmetryFunctions &f) { return int(f.descriptor().cutoff_type); })
      .def_prop_ro("cutoff_alpha", [](const SymmetryFunctions &f) { return f.descriptor().cutoff_alpha; })
      .def_prop_ro("hash", [](const SymmetryFunctions &f) { return f.descriptor().hash(); })
      .def_prop_ro("text", [](const SymmetryFunctions &f) {
        const std::string &text = f.descriptor().text;
        return nb::bytes(text.data(), text.size());
      });
  m.def("instruction_set", &SymmetryFunctions::instruction_set);
  m.def("fix_moment_limit", &fix_moment_limit, "limit"_a,
        "SymmetryFunctions made from now on use moment tensors for all wide functions of integer zeta up to "
        "the limit and pairs for the others; -1: whichever is faster, the default.");
  m.def("cutoff_value", [](int type, double r, double r_cutoff, double alpha) {
    if (type < 0 || type > 8)
      throw InputError("cutoff_type " + std::to_string(type) + ", known: 0 1 2 3 4 5 6 7 8");
    return cutoff_value(CutoffType(type), r, r_cutoff, alpha);
  });
}
