"""Whether an installation works: versions, devices, the model in the package, and a self-test of seconds."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from applications.molecular.versions import NOT_INSTALLED, versions

_PACKAGES: Final = (
    "quotient-diffusion", "torch", "geomstats", "numpy", "scipy", "sympy", "rdkit", "lightning", "hypothesis",
    "posebusters", "biotite", "numba",
)  # fmt: skip
_OPTIONAL: Final = ("posebusters", "biotite", "numba")


@final
@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes:
        name: what was looked at.
        detail: what was found.
        ok: whether that is as it should be.
    """

    name: str
    detail: str
    ok: bool = True


def examine() -> Iterator[Finding]:
    """Look at the installation, then try the floors from the geometry to a conformer, one finding at a time."""
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in _PACKAGES:
        found = versions([name])[name]
        yield Finding(name, found, ok=name in _OPTIONAL or found != NOT_INSTALLED)
    for name, test in _TESTS.items():
        try:
            yield Finding(name, test())
        except Exception as error:
            # whatever is wrong with an installation is a finding
            yield Finding(name, f"{type(error).__name__}: {error}", ok=False)


def _devices() -> str:
    import torch

    gpus = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return f"{torch.get_num_threads()} threads on the CPU, {', '.join(gpus) or 'no GPU'}"


def _geometry() -> str:
    """The derived quotient against the closed form, and the growth law tr P - <x, H> = 3 (N - 1)."""
    import torch

    from groups import RigidMotionAction
    from quotient import GroupQuotient, PointClouds, ShapeSpace

    shapes, derived = ShapeSpace(5, 3), GroupQuotient(PointClouds(5, 3), RigidMotionAction(3))
    generator = torch.Generator().manual_seed(0)
    x, v = (shapes.center(torch.randn(4, 5, 3, generator=generator, dtype=torch.float64)) for _ in range(2))
    error = shapes.horizontal_projection(v, x) - derived.horizontal_projection(v, x)
    curvature = shapes.mean_curvature(x)
    growth = 9.0 - (x * curvature).sum((-2, -1))
    worst = max(float(error.abs().max()), float((growth - 12.0).abs().max()))
    if worst > 1e-9:
        raise ArithmeticError(f"projection or curvature off by {worst:.1e}")
    return f"projection and curvature drift right to {max(worst, 1e-16):.0e}"


def _model() -> str:
    from applications.molecular.checkpoint import load_model

    return _identity(load_model().card)


def _backbone_model() -> str:
    from applications.molecular.proteins.checkpoint import load_backbone_model

    return _identity(load_backbone_model().card)


def _identity(card: Mapping[str, Any]) -> str:
    return f"sha256 {card['sha256'][:16]}, {card['parameters']:,} parameters"


def _conformer() -> str:
    """One conformer of a molecule with a stereocentre, from SMILES to checked coordinates."""
    import io

    from applications.molecular.checkpoint import load_model
    from applications.molecular.generate import generate_window
    from applications.molecular.requests import collect_requests
    from applications.molecular.sampling import ModelSampler
    from applications.molecular.sampling_settings import SamplingSettings
    from applications.molecular.settings import GenerationSettings

    requests = collect_requests(["C[C@H](N)C(=O)O"], stdin=io.StringIO())
    sampler = ModelSampler(load_model(), SamplingSettings(steps=20))
    (result,), seconds = generate_window(requests, sampler, GenerationSettings())
    row = result.row
    if not (row.ok and row.stereo_ok) or row.bad_bonds or row.clashes:
        raise ArithmeticError(f"alanine: {row.reason or f'{row.bad_bonds} bad bonds, {row.clashes} clashes'}")
    return f"alanine with the right hand in {seconds:.1f} s"


_TESTS: Final[dict[str, Callable[[], str]]] = {
    "devices": _devices,
    "geometry": _geometry,
    "shipped model": _model,
    "backbone model": _backbone_model,
    "first conformer": _conformer,
}
