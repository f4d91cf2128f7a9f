"""Diffusion models on quotient spaces: interpolants, treatments, samplers."""

from diffusion.aligned_oracle import OrbitAlignedMixture
from diffusion.conversions import (
    denoiser_from_score,
    denoiser_from_velocity,
    noise_from_denoiser,
    score_from_denoiser,
    velocity_from_denoiser,
)
from diffusion.correctors import PredictorCorrectorSampler
from diffusion.couplings import Coupling, Independent, OrbitAligned
from diffusion.equivariance import equivariance_error
from diffusion.errors import DiffusionError, NoClosedScoreError, NotEquivariantError, TimeGridError
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
from diffusion.model import Network, QuotientModel, StatefulNetwork
from diffusion.model_files import (
    CorruptModelError,
    IncompatibleModelError,
    ModelNotFoundError,
    load_model,
    save_model,
)
from diffusion.oracle import OrbitMixture
from diffusion.parameterizations import Denoiser, Parameterization, Velocity
from diffusion.priors import GaussianPrior, HarmonicPrior, Prior, UniformSpherePrior
from diffusion.reweighting import BoltzmannWeights, boltzmann_weights
from diffusion.rivals import AlignedOptimum, AlignedPredictionOptimum, AlignedTargetOptimum, ProcrustesMean
from diffusion.samplers import Euler, Heun, ODEMethod, ODESampler, Sampler, SamplerResult, SDESampler, VelocityField
from diffusion.schedules import Coefficients, CosineSchedule, LinearSchedule, Schedule, VarianceExplodingSchedule
from diffusion.self_conditioning import AbstractRecallingNetwork, SelfConditioned, SelfConditioning
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
    "AbstractRecallingNetwork",
    "AlignedOptimum",
    "AlignedPrediction",
    "AlignedPredictionOptimum",
    "AlignedTarget",
    "AlignedTargetOptimum",
    "BoltzmannWeights",
    "Coefficients",
    "CorruptModelError",
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
    "IncompatibleModelError",
    "Independent",
    "Interpolant",
    "InterpolantSample",
    "LinearSchedule",
    "LogLikelihood",
    "ModelNotFoundError",
    "Network",
    "NoClosedScoreError",
    "NotEquivariantError",
    "ODEMethod",
    "ODESampler",
    "OrbitAligned",
    "OrbitAlignedMixture",
    "OrbitAveraged",
    "OrbitMixture",
    "Parameterization",
    "PredictorCorrectorSampler",
    "Prior",
    "ProcrustesMean",
    "Quotient",
    "QuotientModel",
    "SDESampler",
    "Sampler",
    "SamplerResult",
    "Schedule",
    "SelfConditioned",
    "SelfConditioning",
    "Setting",
    "StatefulNetwork",
    "TimeGridError",
    "Treatment",
    "UniformSpherePrior",
    "VarianceExplodingSchedule",
    "Velocity",
    "VelocityField",
    "boltzmann_weights",
    "denoiser_from_score",
    "denoiser_from_velocity",
    "equivariance_error",
    "load_model",
    "log_likelihood",
    "logarithmic_grid",
    "noise_from_denoiser",
    "noise_level_grid",
    "power_grid",
    "quotient_log_density",
    "save_model",
    "score_from_denoiser",
    "uniform_grid",
    "velocity_from_denoiser",
]
