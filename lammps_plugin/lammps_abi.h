// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// Declarations that LAMMPS has but does not install with its headers: the plugin registration record
// (stable since 2021) and the one neighbour-list request method that the fixes call.

namespace LAMMPS_NS {

class NeighRequest {
 public:
  void set_cutoff(double cutoff);
};

}    // namespace LAMMPS_NS

extern "C" {

/// What a plugin hands to LAMMPS for each style; layout fixed by LAMMPS.
struct mdsieve_lammps_plugin {
  const char *version;
  const char *style;
  const char *name;
  const char *info;
  const char *author;
  union {
    void *(*v1)(void *);
    void *(*v2)(void *, int, char **);
  } creator;
  void *handle;
};

typedef void (*mdsieve_lammps_register)(struct mdsieve_lammps_plugin *, void *);

// LAMMPS' C library interface, which is the same in all versions.

/// Version number of the LAMMPS instance, e.g. 20250722.
int lammps_version(void *handle);
/// Size in bytes of an integer type ("bigint", "tagint", "imageint"), and other settings; -1 if unknown.
int lammps_extract_setting(void *handle, const char *name);
/// Address of a value, here of the text "lammps_version"; nullptr if unknown.
void *lammps_extract_global(void *handle, const char *name);
/// Prints an error as LAMMPS does. It returns: the exception that follows is caught by this function.
void lammps_error(void *handle, int kind, const char *text);
}
