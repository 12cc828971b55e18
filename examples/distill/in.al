# 108 aluminium atoms by the reference at 1 bar: the solid at 800 K, then the liquid at 1300 K; 100 frames of each
units metal
atom_modify map yes
lattice fcc 4.05
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 26.98
include al.potential
velocity all create 1600 4711
timestep 0.002
fix md all npt temp 800 800 0.1 iso 1 1 1
run 5000
dump frames all custom 500 al-md.dump id element xu yu zu
dump_modify frames element Al sort id
run 50000
undump frames
fix md all npt temp 2500 2500 0.1 iso 1 1 1
run 20000
fix md all npt temp 1300 1300 0.1 iso 1 1 1
run 10000
dump frames all custom 500 al-md.dump id element xu yu zu
dump_modify frames element Al sort id append yes
run 50000
