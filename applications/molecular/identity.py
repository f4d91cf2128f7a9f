"""What says in an account which model made the results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from applications.molecular.choices import Coupling, Symmetry


class _Spec(Protocol):
    """A specification of a model of this application."""

    @property
    def symmetry(self) -> Symmetry: ...

    @property
    def coupling(self) -> Coupling: ...

    def to_json(self) -> dict[str, Any]: ...


def model_identity(spec: _Spec, card: Mapping[str, Any]) -> dict[str, Any]:
    """Name of a model, SHA-256 of its weights and its specification, as plain values."""
    digest = str(card.get("sha256", "not saved"))
    return {
        "model": f"{spec.symmetry.value} {spec.coupling.value} {digest[:12]}",
        "weights_sha256": digest,
        "model_spec": spec.to_json(),
    }
