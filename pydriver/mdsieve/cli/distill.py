# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve distill``: the few frames of a pool that train an ensemble as well as all."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mdsieve.cli.select_options import LengthUnitOption, TypesOption, UnitsOption
from mdsieve.cli.training_options import (
    ActivationOption,
    BatchOption,
    CacheOption,
    DeviceOption,
    EnergyWeightOption,
    EpochsOption,
    ForceWeightOption,
    FunctionsOption,
    HiddenOption,
    JobsOption,
    MembersOption,
    MemoryOption,
    RateOption,
    SeedOption,
    StressWeightOption,
    ValidationOption,
    check_device,
    hidden_layers,
    read_functions,
    showing_steps,
)


def distill(
    pool: Annotated[
        list[Path],
        typer.Argument(help="The pool: labelled frames in files that ASE reads, n2p2 data, DeePMD folders."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of all results and of the state.")],
    functions: FunctionsOption = None,
    length_unit: LengthUnitOption = "angstrom",
    start: Annotated[int, typer.Option("--start", help="Frames drawn at random to begin with.")] = 2000,
    batch: Annotated[int, typer.Option("--batch", help="Frames that each iteration looks at.")] = 2000,
    iterations: Annotated[int, typer.Option("--iterations", help="At most.")] = 10,
    kappa: Annotated[
        float, typer.Option("--kappa", help="An environment is uncertain if σ > mean + κ·std of σ.")
    ] = 3.0,
    pooling: Annotated[
        Literal["frame", "batch"],
        typer.Option("--pooling", help="Mean and std over a frame, or over the batch."),
    ] = "frame",
    most: Annotated[
        int | None, typer.Option("--most", help="Frames that a batch adds at most.", show_default=False)
    ] = None,
    whole_frames: Annotated[
        bool,
        typer.Option(
            "--whole-frames",
            help="Train on all forces of added frames, not on those of uncertain environments.",
        ),
    ] = False,
    warm: Annotated[
        bool, typer.Option("--warm", help="Begin each training with the weights before, not from scratch.")
    ] = False,
    warm_epochs: Annotated[int, typer.Option("--warm-epochs", help="Of trainings that begin so.")] = 40,
    members: MembersOption = 5,
    hidden: HiddenOption = "32,32",
    activation: ActivationOption = "t",
    epochs: EpochsOption = 100,
    batch_size: BatchOption = 16,
    learning_rate: RateOption = 1e-2,
    energy_weight: EnergyWeightOption = 1.0,
    force_weight: ForceWeightOption = 0.1,
    stress_weight: StressWeightOption = 0.0,
    validation: ValidationOption = 0.2,
    evaluate: Annotated[
        list[Path] | None,
        typer.Option("--evaluate", help="A further set to judge ensembles on; may be repeated."),
    ] = None,
    force_frames: Annotated[
        int, typer.Option("--force-frames", help="Frames of each set whose forces are judged.")
    ] = 400,
    baselines: Annotated[
        str, typer.Option("--baselines", help="With commas: random, grid, bank; as many frames, chosen so.")
    ] = "",
    grid: Annotated[
        str,
        typer.Option(
            "--grid", help="Its axes: E or H (with --pressure), V, O (fcc order), or a key of the frames."
        ),
    ] = "E,V",
    grid_bins: Annotated[int, typer.Option("--grid-bins", help="Of each axis.")] = 40,
    pressure: Annotated[float, typer.Option("--pressure", help="Of the enthalpy, bar.")] = 1.0,
    seed: SeedOption = 0,
    cache: CacheOption = None,
    memory: MemoryOption = 2.0,
    jobs: JobsOption = None,
    device: DeviceOption = "cpu",
    types: TypesOption = None,
    n2p2_units: UnitsOption = "metal",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what the folder holds.")] = False,
) -> None:
    """Distil a pool: train an ensemble, add the environments its members disagree about, train again.

    mdsieve distill pool.extxyz -f ni.nn -o distilled --start 2000 --batch 2000 --iterations 10 --kappa 3
    """
    import os
    import shlex
    import sys

    from mdsieve.cli.threads import let_threads_sleep

    let_threads_sleep()
    from mdsieve.distill.loop import Distillation
    from mdsieve.distill.pool import Pool
    from mdsieve.distill.settings import DistillationSettings
    from mdsieve.io.trajectories import iterate_frames
    from mdsieve.potentials.networks import torch
    from mdsieve.potentials.training_settings import TrainingSettings

    check_device(device)
    axes = tuple(grid.split(","))
    settings = DistillationSettings(
        start=start,
        batch=batch,
        iterations=iterations,
        kappa=kappa,
        pooling=pooling,
        most=most,
        masked=not whole_frames,
        warm=warm,
        warm_epochs=warm_epochs,
        n_members=members,
        hidden=hidden_layers(hidden),
        activation=activation,
        force_frames=force_frames,
        baselines=tuple(word for word in baselines.split(",") if word),
        grid_axes=axes,  # type: ignore[arg-type]
        grid_bins=grid_bins,
        pressure=pressure,
        seed=seed,
        training=TrainingSettings(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            energy_weight=energy_weight,
            force_weight=force_weight,
            stress_weight=stress_weight,
            validation_share=validation,
            seed=seed,
        ),
    )
    if (output / "record.json").exists() and not resume:
        raise FileExistsError(17, "a distillation is there already; say --resume to go on", str(output))
    n_jobs = jobs or os.cpu_count() or 1
    torch.set_num_threads(n_jobs)
    described = read_functions(functions, length_unit)
    symbols = types.split(",") if types else None
    with showing_steps() as report:

        def read(paths: list[Path], name: str) -> Pool:
            frames = [found.atoms for found in iterate_frames(paths, symbols, n2p2_units)]
            return Pool(
                described,
                frames,
                name,
                n_jobs=n_jobs,
                report=lambda done: report(f"describing {name}", done, len(frames), ""),
            )

        distillation = Distillation(
            read(pool, "pool"),
            output,
            settings,
            others=[read([path], path.name) for path in evaluate or []],
            resume=resume,
            n_jobs=n_jobs,
            memory=memory * 1e9,
            cache=cache,
            device=device,
            command=shlex.join(["mdsieve", *sys.argv[1:]]),
            report=report,
        )
        record = distillation.run()
    for row in record["rows"]:
        errors = row["errors"]["pool"]
        force = "" if errors["force_mae"] is None else f", {1000 * errors['force_mae']:.1f} meV/Å"
        title = row["method"] if row["iteration"] is None else f"iteration {row['iteration']}"
        typer.echo(
            f"{title}: {row['frames']} frames ({100 * row['share']:.1f} %), MAE on the pool "
            f"{1000 * errors['energy_mae']:.2f} meV/atom{force}"
        )
    last = f"ensemble-{len(record['picks']) - 1}.h5"
    typer.echo(f"{output}: distilled.extxyz, {last}, table.csv, curve.png, record.json")
