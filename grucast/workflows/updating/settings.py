"""The settings of a model as the options that ask for them: what `update --full` trains with."""

from __future__ import annotations

from grucast.core.config import (
    FitOptions,
    NetworkOptions,
    StructureOptions,
    TrainOptions,
    ValueOptions,
    WindowOptions,
)
from grucast.core.results import Manifest
from grucast.preprocessing.holidays import words_of


def options_of(manifest: Manifest) -> TrainOptions:
    """The options with which `train` makes such a model again. What follows from the data is found anew."""
    window, training, values = manifest.window, manifest.training, manifest.values
    return TrainOptions(
        WindowOptions(window.horizon, window.context_length, seasons_of(manifest) or (1,), words_of(manifest.holidays)),
        _network(manifest),
        FitOptions(
            loss=training.loss,
            optimizer=training.optimizer,
            learning_rate=training.learning_rate,
            clip=training.clip,
            epochs=training.epochs,
            batch_size=training.batch_size,
            patience=training.patience,
            preset="best" if training.members > 1 else "balanced",
            seed=training.seed,
        ),
        ValueOptions(
            transform=values.get("transform", "none"),
            min=values.get("min"),
            max=values.get("max"),
            levels=tuple(values.get("levels", ValueOptions().levels)),
        ),
    )


def seasons_of(manifest: Manifest) -> tuple[int, ...]:
    """All seasons that were found or asked for, those without a table in the network too."""
    return tuple(int(season) for season in manifest.accuracy.get("season", ()))


def _network(manifest: Manifest) -> NetworkOptions:
    """Distances in steps become rows again; none reaches further back than the context."""
    model, structure = manifest.model, manifest.model.structure
    rows = manifest.window.segment if model.network == "segment" else 1  # of one step
    context = manifest.window.context_length
    return NetworkOptions(
        network=model.network,
        cell=model.cell,
        layers=model.layers,
        hidden=model.hidden,
        dropout=model.dropout,
        objective=model.objective,
        structure=StructureOptions(
            bidirectional=structure.bidirectional,
            attention=structure.attention,
            activation=structure.activation,
            delay=min(structure.delay * rows, context - rows) or None,
            skip=min(structure.skip * rows, context) or None,
            dilations=tuple(min(one * rows, context) for one in structure.dilations),
            hybrid=structure.hybrid,
        ),
    )
