// SPDX-License-Identifier: GPL-2.0-or-later

#include "fix_momt.h"
#include "fix_select.h"
#include "lammps_abi.h"
#include "lammps_session.h"
#include "pair_bpnnp.h"

#include "error.h"
#include "lammps.h"

#include <dlfcn.h>

#include <string>

#ifndef MDSIEVE_LAMMPS_VERSION_NUMBER
#error "MDSIEVE_LAMMPS_VERSION_NUMBER must be the version of the LAMMPS headers, e.g. 20250722"
#endif

using namespace LAMMPS_NS;

namespace {

/// LAMMPS only prints a note when a plugin was built for another version, and its members are then misread.
void require_same_version(LAMMPS *lmp)
{
  const int version = lammps_version(lmp);
  if (version != MDSIEVE_LAMMPS_VERSION_NUMBER)
    lmp->error->all(FLERR,
                    "mdsieve was built for LAMMPS version {} but is loaded into version {}: "
                    "rebuild it against this LAMMPS",
                    MDSIEVE_LAMMPS_VERSION_NUMBER, version);
}

void *create_fix_select(void *lmp, int narg, char **arg)
{
  require_same_version(static_cast<LAMMPS *>(lmp));
  return new FixSelect(static_cast<LAMMPS *>(lmp), narg, arg);
}

void *create_fix_momt(void *lmp, int narg, char **arg)
{
  require_same_version(static_cast<LAMMPS *>(lmp));
  return new FixMomt(static_cast<LAMMPS *>(lmp), narg, arg);
}

void *create_pair_bpnnp(void *lmp)
{
  require_same_version(static_cast<LAMMPS *>(lmp));
  return new PairBpnnp(static_cast<LAMMPS *>(lmp));
}

/// Handle of the library that tells when LAMMPS closes its plugins; it lies beside this one.
void *open_ending(LAMMPS *lmp)
{
  static void *handle = nullptr;
  if (handle) return handle;
  Dl_info here;
  dladdr(reinterpret_cast<void *>(&create_fix_select), &here);
  const std::string path = std::string(here.dli_fname);
  const std::string ending = path.substr(0, path.rfind('/') + 1) + "libmdsieve_ending.so";
  handle = dlopen(ending.c_str(), RTLD_NOW);
  if (!handle) lmp->error->all(FLERR, "mdsieve is not installed completely: {}", dlerror());
  return handle;
}

}    // namespace

extern "C" void mdsieve_register_styles(void *lmp, void *register_function)
{
  auto *const lammps = static_cast<LAMMPS *>(lmp);
  if (lammps_version(lmp) == MDSIEVE_LAMMPS_VERSION_NUMBER) mdsieve::begin_session(lammps);

  const auto add = [&](const char *style, const char *name, const char *info, auto set_creator) {
    mdsieve_lammps_plugin plugin{};
    plugin.version = MDSIEVE_LAMMPS_VERSION_STRING;
    plugin.style = style;
    plugin.name = name;
    plugin.info = info;
    plugin.author = "the mdsieve developers";
    set_creator(plugin);
    plugin.handle = open_ending(lammps);
    reinterpret_cast<mdsieve_lammps_register>(register_function)(&plugin, lmp);
  };
  add("fix", "select", "mdsieve " MDSIEVE_VERSION ": fix select, novel frames only",
      [](auto &plugin) { plugin.creator.v2 = create_fix_select; });
  add("fix", "momt", "mdsieve " MDSIEVE_VERSION ": fix momt, solid and liquid in one run",
      [](auto &plugin) { plugin.creator.v2 = create_fix_momt; });
  add("pair", "bpnnp", "mdsieve " MDSIEVE_VERSION ": pair_style bpnnp, Behler-Parrinello networks",
      [](auto &plugin) { plugin.creator.v1 = create_pair_bpnnp; });
}
