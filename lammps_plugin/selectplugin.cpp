// SPDX-License-Identifier: GPL-2.0-or-later

// The file that LAMMPS opens. It holds no code of its own but two calls into libmdsieve_lammps.so, which
// stays loaded. LAMMPS closes its plugins when it ends, after an error too and before MPI does: that is how the
// driver learns that a run is over. No C++ runtime objects here, or the dynamic linker would keep the file open.

extern "C" {

void mdsieve_register_fixes(void *lmp, void *handle, void *register_function);
void mdsieve_goodbye(int kind);

__attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle, void *register_function)
{
  mdsieve_register_fixes(lmp, handle, register_function);
}

__attribute__((destructor)) static void lammps_closes_the_plugin()
{
  mdsieve_goodbye(0);
}
}
