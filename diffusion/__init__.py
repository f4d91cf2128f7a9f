"""Diffusion models on quotient spaces: interpolants, treatments, samplers."""

from diffusion.couplings import Coupling, Independent, OrbitAligned
from diffusion.errors import DiffusionError, NoClosedScoreError, TimeGridError
from diffusion.grids import power_grid, uniform_grid
from diffusion.interpolant import Interpolant, InterpolantSample
from diffusion.parameterizations import (
    Denoiser,
    Parameterization,
    Velocity,
    denoiser_from_score,
    denoiser_from_velocity,
    noise_from_denoiser,
    score_from_denoiser,
    velocity_from_denoiser,
)
from diffusion.priors import GaussianPrior, Prior
from diffusion.samplers import Euler, Heun, ODEMethod, ODESampler, SamplerResult, SDESampler, VelocityField
from diffusion.schedules import Coefficients, CosineSchedule, LinearSchedule, Schedule
from diffusion.treatments import Equivariant, Quotient, Treatment

__all__ = [
    "Coefficients",
    "CosineSchedule",
    "Coupling",
    "Denoiser",
    "DiffusionError",
    "Equivariant",
    "Euler",
    "GaussianPrior",
    "Heun",
    "Independent",
    "Interpolant",
    "InterpolantSample",
    "LinearSchedule",
    "NoClosedScoreError",
    "ODEMethod",
    "ODESampler",
    "OrbitAligned",
    "Parameterization",
    "Prior",
    "Quotient",
    "SDESampler",
    "SamplerResult",
    "Schedule",
    "TimeGridError",
    "Treatment",
    "Velocity",
    "VelocityField",
    "denoiser_from_score",
    "denoiser_from_velocity",
    "noise_from_denoiser",
    "power_grid",
    "score_from_denoiser",
    "uniform_grid",
    "velocity_from_denoiser",
]
