// SPDX-License-Identifier: GPL-2.0-or-later

// The file that LAMMPS finds by its name. All code is in libmdsieve_lammps.so, which stays loaded.

extern "C" {

void mdsieve_register_styles(void *lmp, void *register_function);

__attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *, void *register_function)
{ mdsieve_register_styles(lmp, register_function); }
}
