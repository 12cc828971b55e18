// SPDX-License-Identifier: GPL-2.0-or-later

// A library whose only purpose is to be closed. LAMMPS closes the handles of its plugins when it ends, after
// an error too, and before MPI does; no destructor of a fix runs after an error. It gets the handle of this
// library, opened once, because it may open the plugin file itself any number of times (`clear` does). No C++
// runtime objects here, or the dynamic linker would never really close it.

extern "C" void mdsieve_goodbye(int kind);

__attribute__((destructor)) static void lammps_has_closed_its_plugins() { mdsieve_goodbye(0); }
