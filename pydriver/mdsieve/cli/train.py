# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve train``: an ensemble of networks from labelled frames."""

from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.outputs import check_outputs
from mdsieve.cli.select_options import LengthUnitOption, TypesOption, UnitsOption
from mdsieve.cli.training_options import (
    ActivationOption,
    BatchOption,
    CacheOption,
    DeviceOption,
    EnergyWeightOption,
    EpochsOption,
    ForceWeightOption,
    FramesArgument,
    FunctionsOption,
    HiddenOption,
    JobsOption,
    MembersOption,
    MemoryOption,
    PatienceOption,
    RateOption,
    ScheduleOption,
    SeedOption,
    StressWeightOption,
    ValidationOption,
    check_device,
    hidden_layers,
    read_functions,
    showing,
    shown_errors,
    write_json,
)


def train(
    context: typer.Context,
    frames: FramesArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The ensemble, HDF5.")],
    functions: FunctionsOption = None,
    length_unit: LengthUnitOption = "angstrom",
    start: Annotated[
        Path | None, typer.Option("--start", help="An ensemble to begin with, instead of random weights.")
    ] = None,
    members: MembersOption = 5,
    hidden: HiddenOption = "32,32",
    activation: ActivationOption = "t",
    epochs: EpochsOption = 200,
    batch_size: BatchOption = 16,
    learning_rate: RateOption = 1e-2,
    schedule: ScheduleOption = "cosine",
    patience: PatienceOption = None,
    energy_weight: EnergyWeightOption = 1.0,
    force_weight: ForceWeightOption = 0.1,
    stress_weight: StressWeightOption = 0.0,
    validation: ValidationOption = 0.2,
    seed: SeedOption = 0,
    cache: CacheOption = None,
    memory: MemoryOption = 2.0,
    jobs: JobsOption = None,
    device: DeviceOption = "cpu",
    types: TypesOption = None,
    n2p2_units: UnitsOption = "metal",
    json: Annotated[Path | None, typer.Option("--json", help="Write the whole record of training.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a killed run was; begin if there was none.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Train an ensemble of networks on energies and forces.

    mdsieve train frames.extxyz --functions ni.nn -o ensemble.h5 --members 5 --hidden 32,32 --epochs 100
    """
    import os
    import shlex
    import sys

    from mdsieve.cli.threads import let_threads_sleep

    let_threads_sleep()
    from mdsieve.io.trajectories import iterate_frames
    from mdsieve.potentials.architecture import Architecture
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.potentials.networks import ElementNetworks, torch
    from mdsieve.potentials.trained_networks import new_ensemble
    from mdsieve.potentials.training import EnsembleTrainer
    from mdsieve.potentials.training_data import TrainingFrames
    from mdsieve.potentials.training_settings import TrainingSettings

    check_device(device)
    if start is not None:
        _require_no_shape(context)
    checkpoint = output.with_name(output.name + ".training.npz")
    if output.exists() and not overwrite and not (resume and checkpoint.exists()):
        raise FileExistsError(17, "the file exists already; say --overwrite to replace it", str(output))
    if checkpoint.exists() and not (resume or overwrite):
        state = "the state of a training that was killed; say --resume to go on, --overwrite to begin anew"
        raise FileExistsError(17, state, str(checkpoint))
    check_outputs([output], overwrite or resume)
    check_outputs([json], overwrite or resume)
    settings = TrainingSettings(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        patience=patience,
        energy_weight=energy_weight,
        force_weight=force_weight,
        stress_weight=stress_weight,
        validation_share=validation,
        seed=seed,
    )
    n_jobs = jobs or os.cpu_count() or 1
    torch.set_num_threads(n_jobs)
    before = None if start is None else NetworkEnsemble.load(start)
    if before is None:
        described = read_functions(functions, length_unit)
        shape = Architecture.uniform(
            described.elements, hidden=hidden_layers(hidden), activations=activation, n_members=members
        )
        networks = ElementNetworks(shape, described.n_features, seed=seed)
    else:
        described, networks = before.functions, before.networks
    structures = [f.atoms for f in iterate_frames(frames, types.split(",") if types else None, n2p2_units)]
    data = TrainingFrames(
        described,
        stress=stress_weight > 0,
        forces=force_weight > 0,
        memory=memory * 1e9,
        cache=cache,
        n_jobs=n_jobs,
        seed=seed,
    )
    with showing(len(structures), "describing frames") as line:
        data.add(structures, report=lambda done, _: line(done))
    ensemble = new_ensemble(data, networks) if before is None else before
    with showing(epochs, "training") as line:
        trainer = EnsembleTrainer(
            ensemble,
            data,
            settings,
            device=device,
            checkpoint=checkpoint,
            resume=resume,
            report=lambda entry: line(entry["epoch"], shown_errors(entry)),
        )
        record = trainer.run()
    ensemble.provenance["command"] = shlex.join(["mdsieve", *sys.argv[1:]])
    ensemble.save(output)
    if json is not None:
        write_json(json, vars(record))
    checkpoint.unlink(missing_ok=True)
    mean = {
        name: [best[name] for best in record.best] for name in record.best[0] if name.startswith("validation")
    }
    typer.echo(
        f"{output}: {ensemble.n_members} members trained on {len(data)} frames, {record.n_epochs} epochs in "
        f"{record.seconds:.0f} s; {shown_errors(mean)}"
    )


def _require_no_shape(context: typer.Context) -> None:
    """Refuse what an ensemble that is begun with brings itself."""
    for name in ("functions", "members", "hidden", "activation"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ValueError(f"--start and --{name}: expected one of them, the ensemble has its own")
