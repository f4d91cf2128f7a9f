"""Settings of the whole suite: types checked at run time, one thread a worker, the profiles of hypothesis."""

from datetime import timedelta
from importlib import import_module

import torch
from hypothesis import settings
from jaxtyping import install_import_hook

# Not the floors above: pickle cannot find the methods that the hook wraps, and checkpoints hold some.
install_import_hook(["groups", "quotient"], "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
# tests that use geomstats themselves import it before us: the backend must have been chosen by then
import_module("groups")
torch.set_num_threads(1)

settings.register_profile("dev", deadline=timedelta(seconds=5))
settings.register_profile("ci", deadline=timedelta(seconds=10), derandomize=True, print_blob=True)
# a long campaign of the fuzz tests: fifty times the examples
settings.register_profile("fuzz", deadline=None, max_examples=5000, print_blob=True)
settings.load_profile("dev")
