// SPDX-License-Identifier: GPL-2.0-or-later
#include "input_error.h"
#include "text_table.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>

namespace nb = nanobind;
using namespace nb::literals;
using namespace mdsieve;

namespace {

template <typename T> using Table = nb::ndarray<nb::numpy, T, nb::ndim<2>>;

template <typename T> Table<T> owned_table(std::vector<T> values, std::size_t n_rows)
{
  const std::size_t n_columns = n_rows ? values.size() / n_rows : 0;
  auto *owned = new std::vector<T>(std::move(values));
  nb::capsule owner(owned, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
  return Table<T>(owned->data(), {n_rows, n_columns}, owner);
}

std::vector<ColumnKind> kinds_of(const std::string &letters)
{
  std::vector<ColumnKind> kinds;
  for (const char letter : letters) switch (letter) {
    case '-': kinds.push_back(ColumnKind::skipped); break;
    case 'r': kinds.push_back(ColumnKind::real); break;
    case 'i': kinds.push_back(ColumnKind::whole); break;
    case 'w': kinds.push_back(ColumnKind::word); break;
    default: throw InputError("kinds of columns '" + letters + "': expected letters of r, i, w and -");
    }
  return kinds;
}

std::string_view text_of(const nb::bytes &bytes, std::size_t begin)
{
  const std::string_view text(bytes.c_str(), bytes.size());
  if (begin > text.size())
    throw InputError("place " + std::to_string(begin) + " in " + std::to_string(text.size()) + " bytes");
  return text.substr(begin);
}

using Found = std::tuple<Table<double>, Table<std::int64_t>, Table<std::int32_t>, std::vector<std::string>,
                         std::size_t>;

std::optional<Found> bound_read_text_table(const nb::bytes &bytes, std::size_t begin, std::size_t n_rows,
                                           const std::string &letters)
{
  const auto kinds = kinds_of(letters);
  const std::string_view text = text_of(bytes, begin);
  std::optional<TextTable> table;
  {
    nb::gil_scoped_release release;
    table = read_text_table(text, n_rows, kinds);
  }
  if (!table) return std::nullopt;
  return Found{owned_table(std::move(table->reals), n_rows), owned_table(std::move(table->wholes), n_rows),
               owned_table(std::move(table->words), n_rows), std::move(table->dictionary),
               begin + table->length};
}

}    // namespace

void bind_text_table(nb::module_ &m)
{
  m.def(
      "read_text_table", &bound_read_text_table, "text"_a, "begin"_a, "n_rows"_a, "kinds"_a,
      "Lines of words, from the byte `begin` on. `kinds` has a letter a column: r real, i whole, w word, - skipped.\n\n"
      "Returns reals float64[n_rows, k], wholes int64[n_rows, k], words int32[n_rows, k] (numbers in the "
      "dictionary), the dictionary, and the place after the last row; None where anything is out of the ordinary.");
  m.def(
      "after_lines",
      [](const nb::bytes &bytes, std::size_t begin, std::size_t n) -> std::optional<std::size_t> {
        text_of(bytes, begin);
        const std::string_view text(bytes.c_str(), bytes.size());
        const std::size_t place = after_lines(text, begin, n);
        if (place == std::string_view::npos) return std::nullopt;
        return place;
      },
      "text"_a, "begin"_a, "n"_a,
      "The place after the n-th line end from the byte `begin` on; None if there are fewer.");
}
