// SPDX-License-Identifier: GPL-2.0-or-later

#include "lammps_identity.h"

#include "lammps_abi.h"

#include <link.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#ifndef MDSIEVE_LAMMPS_TEXT
#error "MDSIEVE_LAMMPS_TEXT must be version and update of the LAMMPS headers, e.g. 22 Jul 2025 - Update 4"
#endif

namespace mdsieve {

namespace {

#ifdef LAMMPS_BIGBIG
constexpr int tagint_size = 8;
#else
constexpr int tagint_size = 4;
#endif
constexpr const char *how_to_rebuild =
    "rebuild it for this LAMMPS: pip install --no-build-isolation --no-deps --force-reinstall . in mdsieve's "
    "source folder, for a LAMMPS of your own with -C cmake.define.LAMMPS_SOURCE_DIR=.../lammps/src";

/// What `lmp -h` prints before version and update.
constexpr std::string_view title = "Massively Parallel Simulator - ";

struct Search {
  std::uintptr_t inside;    // an address inside the program or library to search
  std::string found{};      // what follows the title
};

/// Rest of the line after the title in some constant memory, empty if there is no title.
std::string after_title(std::string_view memory)
{
  const std::size_t at = memory.find(title);
  if (at == std::string_view::npos) return "";
  const auto rest = memory.substr(at + title.size());
  return std::string(rest.substr(0, rest.find_first_of(std::string_view("\n\0", 2))));
}

int search_object(dl_phdr_info *object, std::size_t, void *data)
{
  auto &search = *static_cast<Search *>(data);
  const auto begin = [&](const ElfW(Phdr) &segment) {
    return static_cast<std::uintptr_t>(object->dlpi_addr + segment.p_vaddr);
  };
  bool is_it = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto &segment = object->dlpi_phdr[i];
    is_it = is_it || (segment.p_type == PT_LOAD && search.inside >= begin(segment) &&
                      search.inside < begin(segment) + segment.p_memsz);
  }
  for (int i = 0; is_it && search.found.empty() && i < object->dlpi_phnum; ++i) {
    const auto &segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & (PF_R | PF_W)) != PF_R) continue;
    search.found = after_title({reinterpret_cast<const char *>(begin(segment)), segment.p_filesz});
  }
  return is_it;
}

}    // namespace

std::string running_lammps(void *lmp)
{
  Search search{reinterpret_cast<std::uintptr_t>(&lammps_version)};
  dl_iterate_phdr(search_object, &search);
  if (!search.found.empty()) return search.found;
  const auto *const version = static_cast<const char *>(lammps_extract_global(lmp, "lammps_version"));
  return version ? version : std::to_string(lammps_version(lmp));
}

std::string difference_from_lammps(void *lmp)
{
  const std::string built_for = MDSIEVE_LAMMPS_TEXT, running = running_lammps(lmp);
  const auto sizes = [](int tagint) { return tagint == 8 ? " (bigbig)" : " (smallbig)"; };
  const int tagint = lammps_extract_setting(lmp, "tagint");
  if (built_for == running && tagint == tagint_size) return "";
  return "mdsieve was built for LAMMPS " + built_for + sizes(tagint_size) + " but is loaded into LAMMPS " +
         running + sizes(tagint) + ": " + how_to_rebuild;
}

}    // namespace mdsieve
