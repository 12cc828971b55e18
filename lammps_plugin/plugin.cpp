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

using namespace LAMMPS_NS;

namespace {

void *create_fix_select(void *lmp, int narg, char **arg)
{ return new FixSelect(static_cast<LAMMPS *>(lmp), narg, arg); }

void *create_fix_momt(void *lmp, int narg, char **arg)
{ return new FixMomt(static_cast<LAMMPS *>(lmp), narg, arg); }

void *create_pair_bpnnp(void *lmp) { return new PairBpnnp(static_cast<LAMMPS *>(lmp)); }

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

/// selectplugin.so calls it, in the LAMMPS that this library was compiled for and in no other.
extern "C" void mdsieve_register_styles(void *lmp, void *register_function)
{
  auto *const lammps = static_cast<LAMMPS *>(lmp);
  mdsieve::begin_session(lammps);

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
