import json
from pathlib import Path

import pytest
import torch
from rdkit import Chem

from applications.molecular.checkpoint import load_model, save_model, shipped_model_path
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.features import Hydrogens
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import EquivariantConfig, NetworkConfig, PlainConfig
from diffusion.model_files import CorruptModelError, IncompatibleModelError, ModelNotFoundError

CONFIGS = [
    PlainConfig(width=16, pairs=8, heads=2, blocks=1),
    EquivariantConfig(scalars=16, vectors=4, pairs=8, heads=2, forces=2, blocks=1),
]


def make(config: NetworkConfig = CONFIGS[1]) -> ConformerModel:
    torch.manual_seed(0)
    spec = ModelSpec(
        network=config,
        hydrogens=Hydrogens.PLACED,
        symmetry=Symmetry.QUOTIENT,
        coupling=Coupling.ORBIT_ALIGNED,
        scale=1.875,
    )
    return ConformerModel.untrained(spec)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_saved_model_comes_back(config: NetworkConfig, tmp_path: Path) -> None:
    model = make(config)
    model.card["held_out"] = {"amr_recall": 0.5}
    weights = save_model(model, tmp_path)
    for path in (tmp_path, weights):
        again = load_model(path)
        assert again.spec == model.spec
        assert again.card["held_out"] == {"amr_recall": 0.5}
        batch = again.featurize([Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("C[C@H](O)F")])
        x = again.quotient(batch).center(torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1)))
        t = torch.tensor(0.3)
        assert torch.equal(again.velocity(batch)(x, t), model.velocity(batch)(x, t))
        assert again.velocity(batch)(x, t)[0, 3].abs().max() == 0.0


def test_half_precision_files_are_half_as_large_and_nearly_the_same(tmp_path: Path) -> None:
    model = make()
    full = save_model(model, tmp_path / "full").stat().st_size
    half = save_model(model, tmp_path / "half", dtype=torch.float16).stat().st_size
    assert half < 0.75 * full
    again = load_model(tmp_path / "half")
    for name, value in model.network.state_dict().items():
        assert again.network.state_dict()[name].dtype == torch.float32
        torch.testing.assert_close(again.network.state_dict()[name], value, rtol=1e-3, atol=1e-6)


def test_missing_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"expected a \.safetensors file or a folder"):
        load_model(tmp_path / "nothing")
    with pytest.raises(ModelNotFoundError, match=r"expected a \.safetensors file or a folder"):
        load_model(tmp_path)
    weights = save_model(make(), tmp_path)
    weights.with_suffix(".json").unlink()
    with pytest.raises(ModelNotFoundError, match="without a card"):
        load_model(tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    weights = save_model(make(), tmp_path)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(CorruptModelError, match="SHA-256"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(CorruptModelError, match="unreadable card"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(CorruptModelError, match="not a JSON object"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 999}, "version 999"),
        ({"format": "another"}, "of format 'another'"),
        ({"spec": {}}, "specification is not understood"),
    ],
)
def test_other_formats_are_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    save_model(make(), tmp_path)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(IncompatibleModelError, match=message):
        load_model(tmp_path)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    save_model(make(), tmp_path)
    path = tmp_path / "model.json"
    card = json.loads(path.read_text())
    card["spec"]["network"]["scalars"] = 32
    path.write_text(json.dumps(card))
    with pytest.raises(IncompatibleModelError, match="do not fit the network"):
        load_model(tmp_path)


def test_the_shipped_model_is_found_beside_the_code() -> None:
    path = shipped_model_path()
    assert path.parent.name == "weights"
    if path.is_file():
        assert path.stat().st_size < 5_000_000
        assert load_model().card["sha256"]
    else:
        with pytest.raises(ModelNotFoundError, match="this installation has no model"):
            load_model()
