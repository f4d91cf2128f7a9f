"""The account of a generation: what was run, with which weights and versions, and what identifies it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from applications.molecular.identity import model_identity
from applications.molecular.model import ConformerModel
from applications.molecular.requests import Request
from applications.molecular.sampling_settings import SamplingSettings
from applications.molecular.settings import GenerationSettings
from applications.molecular.versions import versions


def generation_account(
    model: ConformerModel, sampling: SamplingSettings, settings: GenerationSettings
) -> dict[str, Any]:
    """What `out.json` says about a run before its results."""
    return {
        **model_identity(model.spec, model.card),
        "config": {
            "n_conformers": settings.n_conformers,
            "seed": settings.seed,
            "stereo": settings.stereo.value,
            "mirror_if_all_wrong": settings.mirror_if_all_wrong,
            "attempts": settings.attempts,
            "relax": settings.relaxation.value,
            "duplicate_rmsd": settings.duplicate_rmsd,
            "sampler": sampling.kind.value,
            "steps": sampling.steps,
            "noise_scale": sampling.noise_scale,
        },
        "versions": versions(("quotient-diffusion", "torch", "rdkit", "numpy")),
    }


def fingerprint(account: dict[str, Any], requests: Sequence[Request], settings: GenerationSettings) -> str:
    """Identifies results: weights, configuration and requests, but not versions, device or batch size."""
    asked = [(request.name, request.given) for request in requests]
    text = json.dumps([account["weights_sha256"], account["model_spec"], account["config"], settings.window, asked])
    return hashlib.sha256(text.encode()).hexdigest()
