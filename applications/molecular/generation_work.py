"""The work of generation as it is sent to other processes: weights as bytes, and all that decides results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self, final

import torch
from typing_extensions import override

from applications.freed_memory import keep_freed_memory
from applications.molecular.checkpoint import load_model, shipped_model_path
from applications.molecular.generate import AbstractConformerSampler, generate_window
from applications.molecular.records import RunLabel, WindowRecords, window_records
from applications.molecular.requests import Request
from applications.molecular.sampling import ModelSampler
from applications.molecular.sampling_settings import SamplingSettings
from applications.molecular.settings import GenerationSettings
from applications.workers import AbstractWork
from diffusion.model_files import CARD_NAME, WEIGHTS_NAME


@final
@dataclass(frozen=True, kw_only=True)
class GenerationWork(AbstractWork[tuple[Request, ...], WindowRecords]):
    """Windows of requests in, records out. The other process needs no file of this one.

    Attributes:
        weights: content of the model's `.safetensors` file.
        card: content of the card beside it.
        sampling: steps and process.
        settings: how many, seeds, gates.
        label: what each record says about the run.
        device: asked in the other process for the name of the device there; must be picklable.
        threads: of torch in each process.
    """

    weights: bytes = field(repr=False)
    card: bytes = field(repr=False)
    sampling: SamplingSettings
    settings: GenerationSettings
    label: RunLabel
    device: Callable[[], str]
    threads: int

    @classmethod
    def of_model(
        cls,
        path: Path | None,
        *,
        sampling: SamplingSettings,
        settings: GenerationSettings,
        label: RunLabel,
        device: Callable[[], str],
        threads: int,
    ) -> Self:
        """Read the files of a model that `load_model` accepts, None for the one that comes with the package."""
        weights = shipped_model_path() if path is None else path / WEIGHTS_NAME if path.is_dir() else path
        return cls(
            weights=weights.read_bytes(),
            card=weights.with_suffix(".json").read_bytes(),
            sampling=sampling,
            settings=settings,
            label=label,
            device=device,
            threads=threads,
        )

    @override
    def open(self) -> Callable[[tuple[Request, ...]], WindowRecords]:
        torch.set_num_threads(self.threads)
        keep_freed_memory()
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / WEIGHTS_NAME).write_bytes(self.weights)
            (folder / CARD_NAME).write_bytes(self.card)
            model = load_model(folder, device=self.device())
        return partial(_window, sampler=ModelSampler(model, self.sampling), settings=self.settings, label=self.label)


def _window(
    requests: Sequence[Request], *, sampler: AbstractConformerSampler, settings: GenerationSettings, label: RunLabel
) -> WindowRecords:
    conformers, seconds = generate_window(requests, sampler, settings)
    return window_records(conformers, label=label, sampling_seconds=seconds)
