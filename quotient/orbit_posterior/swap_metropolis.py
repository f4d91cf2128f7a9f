"""Many like particles: Metropolis chains of swaps."""

from __future__ import annotations

import math
from typing import final

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from groups import PermutationAction
from quotient.orbit_posterior._arrays import prepare, result_dtype
from quotient.orbit_posterior._chains import chain_diagnostics
from quotient.orbit_posterior.base import OrbitEstimate, OrbitPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError

_TEMPERATURES = 17


def _clenshaw_curtis(count: int) -> Tensor:
    """Weights of the nodes (1 - cos(pi k / (count - 1))) / 2 on [0, 1], for an odd count."""
    k = np.arange(count)
    moments = np.where(k % 2 == 0, 1.0 / np.where(k % 2 == 0, 1.0 - k**2, 1.0), 0.0)
    values = np.cos(np.pi * np.outer(k, k) / (count - 1))
    return torch.from_numpy(np.linalg.solve(values, moments))


@final
class SwapMetropolis(OrbitPosterior):
    """Permutations drawn from exp<y, g x> by chains that propose to swap the places of two particles.

    A sweep is n proposals. Chains run at 17 inverse temperatures b from 0 to 1; those at 1 give the mean, and

        log Z = int_0^1 E_b <y, g x> db,    b = u^2, by the rule of Clenshaw and Curtis in u.

    The errors are Monte Carlo standard errors from the effective sample size; for log Z, the difference from the rule
    with 9 temperatures is added. ``r_hat`` is that of <y, g x>, over the halves of all chains: above about 1.05 the
    chains have not mixed, which sharp posteriors of many particles do not do by swaps. Every call runs anew.
    Differentiable once in the sense of Monte Carlo: gradients are the covariances in the sample.

    Args:
        action: permutations of at least two particles.
        generator: source of randomness.
        chains: chains for each temperature and item, at least 2.
        sweeps: sweeps kept, at least 8.
        burn_in: sweeps thrown away first.

    Raises:
        OrbitPosteriorError: for fewer particles, chains or sweeps.
    """

    def __init__(
        self,
        action: PermutationAction,
        generator: torch.Generator,
        *,
        chains: int = 4,
        sweeps: int = 400,
        burn_in: int = 100,
    ) -> None:
        self._size = action.group.shape[0]
        if self._size < 2 or chains < 2 or sweeps < 8:
            raise OrbitPosteriorError(
                f"SwapMetropolis needs two particles, two chains and eight sweeps, got {self._size}, {chains}, {sweeps}"
            )
        self.action = action
        self.generator = generator
        self.chains = chains
        self.sweeps = sweeps
        self.burn_in = burn_in

    def _run(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Energies ``[sweeps, temperatures, chains, items]`` and the permutations at temperature one.

        Permutations are ``[sweeps, chains, items, n]``: the place of each particle.
        """
        n, items, device = self._size, len(logits), logits.device
        u = (1 - torch.cos(math.pi * torch.arange(_TEMPERATURES, dtype=logits.dtype) / (_TEMPERATURES - 1))) / 2
        inverse_temperature = (u**2).to(device)[:, None, None]
        batch = (_TEMPERATURES, self.chains, items)
        places = torch.rand(*batch, n, generator=self.generator, dtype=logits.dtype).argsort(-1).to(device)
        rows = torch.arange(items, device=device)
        energies, kept = [], []
        for sweep in range(self.burn_in + self.sweeps):
            for _ in range(n):
                first = torch.randint(n, batch, generator=self.generator).to(device)
                other = (first + torch.randint(1, n, batch, generator=self.generator).to(device)) % n
                draw = torch.rand(batch, generator=self.generator, dtype=logits.dtype).to(device)
                pair = torch.stack([first, other], -1)
                at = places.gather(-1, pair)
                now = logits[rows[:, None], at, pair].sum(-1)
                then = logits[rows[:, None], at.flip(-1), pair].sum(-1)
                accept = torch.log(draw) < inverse_temperature * (then - now)
                places = places.scatter(-1, pair, torch.where(accept.unsqueeze(-1), at.flip(-1), at))
            if sweep >= self.burn_in:
                energies.append(logits[rows[:, None], places, torch.arange(n, device=device)].sum(-1))
                kept.append(places[-1])
        return torch.stack(energies), torch.stack(kept)

    @override
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return self.estimate(dual, point).log_normalizer

    @override
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        return self.estimate(dual, point).mean

    @override
    def estimate(self, dual: Tensor, point: Tensor) -> OrbitEstimate:
        dtype, real = result_dtype(dual, point)
        y, x = prepare(self.action, dual, point)
        batch = x.shape[:-2]
        y, x = y.reshape(-1, *y.shape[-2:]), x.reshape(-1, *x.shape[-2:])
        energies, places = self._run((y @ x.mT).detach())
        sources = places.argsort(-1).flatten(0, 1)
        moved = x[torch.arange(len(x), device=x.device)[:, None], sources]
        # constants with a derivative: the weights of the sample as functions of y and x
        exponents = (y * moved).sum((-2, -1))
        shares = torch.softmax(exponents - exponents.detach(), 0)
        mean = (shares[..., None, None] * moved).sum(0)
        log_normalizer, error = self._integrate(energies)
        slope = torch.logsumexp(exponents - exponents.detach(), 0) - math.log(len(exponents))
        r_hat, size = chain_diagnostics(energies[:, -1])
        by_coordinate = moved.detach().unflatten(0, places.shape[:2])
        _, sizes = chain_diagnostics(by_coordinate)
        spread = (by_coordinate.var((0, 1)) / sizes).sqrt()
        return OrbitEstimate(
            log_normalizer=(log_normalizer + slope).reshape(batch).to(real),
            mean=mean.reshape(*batch, *x.shape[-2:]).to(dtype),
            log_normalizer_error=error.reshape(batch).to(real),
            mean_error=spread.reshape(*batch, *x.shape[-2:]).to(real),
            effective_sample_size=size.reshape(batch).to(real),
            r_hat=r_hat.reshape(batch).to(real),
        )

    def _integrate(self, energies: Tensor) -> tuple[Tensor, Tensor]:
        """Thermodynamic integral and its error from energies ``[sweeps, temperatures, chains, items]``."""
        angle = math.pi * torch.arange(_TEMPERATURES, dtype=energies.dtype) / (_TEMPERATURES - 1)
        density = 1 - torch.cos(angle)
        fine = (_clenshaw_curtis(_TEMPERATURES) * density).to(energies.device)
        coarse = (_clenshaw_curtis(_TEMPERATURES // 2 + 1) * density[::2]).to(energies.device)
        means = energies.mean((0, 2))
        _, sizes = chain_diagnostics(energies.transpose(1, 2))
        variance = energies.var((0, 2)) / sizes
        total = (fine[:, None] * means).sum(0)
        rough = (coarse[:, None] * means[::2]).sum(0)
        return total, ((fine[:, None] ** 2) * variance).sum(0).sqrt() + (total - rough).abs()
