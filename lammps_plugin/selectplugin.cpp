// SPDX-License-Identifier: GPL-2.0-or-later

// The file that LAMMPS finds by its name. All styles are in libmdsieve_lammps.so, which uses LAMMPS' classes
// as they were when it was compiled: it is loaded into that LAMMPS only. In another one the styles are
// registered too, and end with the reason; a script that does not use them runs.

#include "lammps_abi.h"
#include "lammps_identity.h"

#include <dlfcn.h>

#include <exception>
#include <string>
#include <utility>

namespace LAMMPS_NS {

/// What LAMMPS throws after an error; it is caught by its name and asked for `what` alone. No header of
/// LAMMPS is used in this file: they are those of one version.
class LAMMPSException : public std::exception {
 public:
  explicit LAMMPSException(std::string message) : message_(std::move(message)) {}
  const char *what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

}    // namespace LAMMPS_NS

namespace {

constexpr int error_on_all_ranks = 2;
constexpr const char *library_name = "libmdsieve_lammps.so";

typedef void (*RegisterStyles)(void *lmp, void *register_function);

RegisterStyles load_styles()
{
  Dl_info here;
  dladdr(reinterpret_cast<void *>(&load_styles), &here);
  const std::string path = here.dli_fname;
  void *const library =
      dlopen((path.substr(0, path.rfind('/') + 1) + library_name).c_str(), RTLD_NOW | RTLD_GLOBAL);
  return library ? reinterpret_cast<RegisterStyles>(dlsym(library, "mdsieve_register_styles")) : nullptr;
}

/// Why the styles cannot be used in this LAMMPS, empty if they can; and where they are.
std::string find_styles(void *lmp, RegisterStyles &styles)
{
  std::string problem = mdsieve::difference_from_lammps(lmp);
  if (!problem.empty()) return problem;
  styles = load_styles();
  if (styles) return "";
  const char *const reason = dlerror();
  return std::string("mdsieve cannot be loaded into this LAMMPS: ") + (reason ? reason : library_name);
}

/// LAMMPS prints the line; its own exception then ends the script, in a program and in a library alike.
[[noreturn]] void refuse(void *lmp)
{
  RegisterStyles styles = nullptr;
  const std::string problem = find_styles(lmp, styles);
  lammps_error(lmp, error_on_all_ranks, problem.c_str());
  throw LAMMPS_NS::LAMMPSException("ERROR: " + problem);
}

void *refuse_pair(void *lmp) { refuse(lmp); }

void *refuse_fix(void *lmp, int, char **) { refuse(lmp); }

void register_refusals(void *lmp, void *handle, void *register_function)
{
  const auto add = [&](const char *style, const char *name) {
    mdsieve_lammps_plugin plugin{};
    plugin.version = MDSIEVE_LAMMPS_VERSION_STRING;
    plugin.style = style;
    plugin.name = name;
    plugin.info = "mdsieve, built for another LAMMPS";
    plugin.author = "the mdsieve developers";
    plugin.handle = handle;
    if (std::string(style) == "pair")
      plugin.creator.v1 = refuse_pair;
    else
      plugin.creator.v2 = refuse_fix;
    reinterpret_cast<mdsieve_lammps_register>(register_function)(&plugin, lmp);
  };
  add("fix", "select");
  add("fix", "momt");
  add("pair", "bpnnp");
}

}    // namespace

extern "C" {

__attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle,
                                                              void *register_function)
{
  RegisterStyles styles = nullptr;
  if (find_styles(lmp, styles).empty())
    styles(lmp, register_function);
  else
    register_refusals(lmp, handle, register_function);
}

/// Why mdsieve cannot be used in a LAMMPS, for a program that reads a script through LAMMPS' library.
/// \return one line, nullptr if it can
__attribute__((visibility("default"))) const char *mdsieve_refusal(void *lmp)
{
  static std::string problem;
  RegisterStyles styles = nullptr;
  problem = find_styles(lmp, styles);
  return problem.empty() ? nullptr : problem.c_str();
}
}
