"""Diffusion models on quotient spaces: interpolants, treatments, samplers."""

from diffusion.conversions import (
    denoiser_from_score,
    denoiser_from_velocity,
    noise_from_denoiser,
    score_from_denoiser,
    velocity_from_denoiser,
)
from diffusion.correctors import PredictorCorrectorSampler
from diffusion.couplings import Coupling, Independent, OrbitAligned
from diffusion.errors import DiffusionError, NoClosedScoreError, TimeGridError
from diffusion.grids import logarithmic_grid, noise_level_grid, power_grid, uniform_grid
from diffusion.interpolant import Interpolant, InterpolantSample
from diffusion.likelihood import (
    Divergence,
    ExactDivergence,
    Hutchinson,
    LogLikelihood,
    log_likelihood,
    quotient_log_density,
)
from diffusion.oracle import OrbitMixture
from diffusion.parameterizations import Denoiser, Parameterization, Velocity
from diffusion.priors import GaussianPrior, HarmonicPrior, Prior, UniformSpherePrior
from diffusion.samplers import Euler, Heun, ODEMethod, ODESampler, SamplerResult, SDESampler, VelocityField
from diffusion.schedules import Coefficients, CosineSchedule, LinearSchedule, Schedule, VarianceExplodingSchedule
from diffusion.treatments import (
    AlignedPrediction,
    AlignedTarget,
    Equivariant,
    OrbitAveraged,
    Quotient,
    Setting,
    Treatment,
)

__all__ = [
    "AlignedPrediction",
    "AlignedTarget",
    "Coefficients",
    "CosineSchedule",
    "Coupling",
    "Denoiser",
    "DiffusionError",
    "Divergence",
    "Equivariant",
    "Euler",
    "ExactDivergence",
    "GaussianPrior",
    "HarmonicPrior",
    "Heun",
    "Hutchinson",
    "Independent",
    "Interpolant",
    "InterpolantSample",
    "LinearSchedule",
    "LogLikelihood",
    "NoClosedScoreError",
    "ODEMethod",
    "ODESampler",
    "OrbitAligned",
    "OrbitAveraged",
    "OrbitMixture",
    "Parameterization",
    "PredictorCorrectorSampler",
    "Prior",
    "Quotient",
    "SDESampler",
    "SamplerResult",
    "Schedule",
    "Setting",
    "TimeGridError",
    "Treatment",
    "UniformSpherePrior",
    "VarianceExplodingSchedule",
    "Velocity",
    "VelocityField",
    "denoiser_from_score",
    "denoiser_from_velocity",
    "log_likelihood",
    "logarithmic_grid",
    "noise_from_denoiser",
    "noise_level_grid",
    "power_grid",
    "quotient_log_density",
    "score_from_denoiser",
    "uniform_grid",
    "velocity_from_denoiser",
]
