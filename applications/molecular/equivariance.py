"""How far a model is from generating the same shapes when its noise is rotated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from diffusion import ODESampler, QuotientModel, equivariance_error, uniform_grid
from groups import RotationAction
from quotient import CounterNoise

if TYPE_CHECKING:
    from rdkit.Chem.rdchem import Mol

    from applications.molecular.model import ConformerModel


@final
@dataclass(frozen=True, kw_only=True)
class RotationDeviation:
    """What rotating the noise changes, for each of B molecules.

    Attributes:
        shape_rmsd: Å between the two generated shapes, superposed, root mean square over atoms, shape (B,).
        rigid_rmsd: Å between the conformer from rotated noise and the rotated conformer, without superposition,
            root mean square over atoms, shape (B,); at least `shape_rmsd`, but for rounding.
        times: Times along the way, shape (T,).
        velocity: Relative deviation of the projected velocity on the way at those times, |P v(R x) - R P v(x)| /
            |P v(x)|, shape (T, B).
    """

    shape_rmsd: Tensor
    rigid_rmsd: Tensor
    times: Tensor
    velocity: Tensor


@torch.no_grad()
def rotation_deviation(
    model: ConformerModel,
    mols: Sequence[Mol],
    *,
    seeds: Sequence[int],
    generator: torch.Generator,
    steps: int = 50,
    n_times: int = 5,
) -> RotationDeviation:
    """Generate from noise and from the same noise rotated, by the probability-flow ODE, and compare.

    Zero up to rounding for an equivariant network whatever its weights; for a plain transformer it is what training
    has left of the deviation. The mean over molecules and seeds is a figure to report beside a loss.

    Args:
        model: The model; its precision and device are used.
        mols: Molecules, with repetitions for several seeds; they go through the network as one batch.
        seeds: Seed of the noise of each.
        generator: Of the rotations, one for each molecule, Haar-distributed; on the device of the model.
        steps: Euler steps, at least one.
        n_times: Number of times at which the velocity is compared, from the first step to the last.

    Returns:
        The deviations. Cost: 2 `steps` + 2 `n_times` evaluations of the network.
    """
    batch = model.featurize(mols)
    return rotation_deviation_on(
        model.diffusion,
        batch,
        mask=batch.mask,
        scale=model.scale,
        seeds=seeds,
        generator=generator,
        dtype=batch.atoms.dtype,
        steps=steps,
        n_times=n_times,
    )


@torch.no_grad()
def rotation_deviation_on(
    diffusion: QuotientModel,
    condition: Any,
    *,
    mask: Tensor,
    scale: float,
    seeds: Sequence[int],
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    steps: int = 50,
    n_times: int = 5,
) -> RotationDeviation:
    """The same for any model of point clouds in space.

    A network with a memory generates with it; the velocities that are compared are those of its first evaluation.

    Args:
        diffusion: The model.
        condition: What the network needs to know of the clouds.
        mask: True at real points, shape (B, N).
        scale: Å per model unit.
        seeds: Seed of the noise of each cloud.
        generator: Of the rotations, on the device of the mask.
        dtype: Precision.
        steps: Euler steps, at least one.
        n_times: Number of times at which the velocity is compared.
    """
    space, action = diffusion.space(condition), RotationAction(3)
    noise = CounterNoise(torch.tensor(list(seeds), dtype=torch.int64, device=mask.device))
    like = torch.zeros(*mask.shape, 3, dtype=dtype, device=mask.device)
    start = diffusion.path(condition).initial(space, like, noise)
    turn = action.group.random((mask.shape[0],), generator, like)
    sampler = ODESampler(uniform_grid(steps))
    still = sampler.sample(space, start, diffusion.velocity(condition), keep_trajectory=True)
    moved = sampler.sample(space, action.act(turn, start), diffusion.velocity(condition)).x
    assert still.trajectory is not None

    def memoryless(x: Tensor, t: Tensor) -> Tensor:
        return diffusion.velocity(condition)(x, t)

    chosen = torch.linspace(0, steps - 1, n_times).round().int().tolist()
    errors = [
        equivariance_error(space, action, memoryless, still.trajectory[k], still.ts[k], generator) for k in chosen
    ]
    to_angstrom = scale / mask.sum(-1).to(like.dtype).sqrt()
    difference = moved - action.act(turn, still.x)
    return RotationDeviation(
        shape_rmsd=to_angstrom * space.dist(moved, still.x),
        rigid_rmsd=to_angstrom * difference.square().sum((-2, -1)).sqrt(),
        times=still.ts[chosen],
        velocity=torch.stack(errors),
    )
