"""Settings of the whole suite: one thread a worker, and the profiles of hypothesis."""

from datetime import timedelta

import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("dev", deadline=timedelta(seconds=5))
settings.register_profile("ci", deadline=timedelta(seconds=10), derandomize=True, print_blob=True)
settings.load_profile("dev")
