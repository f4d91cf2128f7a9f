"""Nothing here is collected without cosmic-ray, an optional dependency."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("cosmic_ray") else ["*.py"]
