"""The encoder: every family, its processor's rules, threads, and what makes a space."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.unit.tiny_models import FAMILIES, LENGTH, SIDE, save_tiny
from vitrine.encoder import Encoder, PixelBatch, load_encoder
from vitrine.errors import ModelError, VectorError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a tiny model of a family, made once."""
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            made[family] = save_tiny(family, tmp_path_factory.mktemp("models") / family)
        return made[family]

    return folder


@pytest.fixture(scope="module")
def clip(tiny: Callable[[str], Path]) -> Encoder:
    return load_encoder(str(tiny("clip")), device="cpu")


def picture(seed: int, size: tuple[int, int] = (50, 70), mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_unit_vectors_of_one_length(
    family: str, tiny: Callable[[str], Path]
) -> None:
    encoder = load_encoder(str(tiny(family)), device="cpu")
    images = encoder.encode_images([picture(1), picture(2, (90, 40)), picture(3, mode="CMYK")])
    texts = encoder.encode_texts(["black jacket", "红 鞋"])
    assert images.shape == (3, encoder.dimension)
    assert texts.shape == (2, encoder.dimension)
    assert images.dtype == texts.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_vector_does_not_depend_on_its_neighbours(
    family: str, tiny: Callable[[str], Path]
) -> None:
    encoder = load_encoder(str(tiny(family)), device="cpu")
    short, long = "red shoe", "a red dress of cotton with the blue shirt"
    np.testing.assert_allclose(
        encoder.encode_texts([short])[0], encoder.encode_texts([short, long])[0], atol=1e-5
    )
    pictures = [picture(1), picture(2, (30, 100))]
    apart = PixelBatch.join([encoder.preprocess([one]) for one in pictures])
    together = encoder.preprocess(pictures)
    assert len(apart) == len(together) == 2
    assert apart.nbytes == together.nbytes > 0
    np.testing.assert_allclose(
        encoder.encode_pixels(apart), encoder.encode_pixels(together), atol=1e-5
    )


def test_siglip_pads_to_its_full_length_and_clip_does_not(tiny: Callable[[str], Path]) -> None:
    import transformers

    tokens = transformers.AutoTokenizer.from_pretrained(tiny("siglip"))
    network = transformers.SiglipModel.from_pretrained(tiny("siglip")).eval()
    padded = tokens(["red shoe"], padding="max_length", max_length=LENGTH, return_tensors="pt")
    with torch.inference_mode():
        expected = network.get_text_features(**padded).pooler_output[0]
    ours = load_encoder(str(tiny("siglip")), device="cpu").encode_texts(["red shoe"])[0]
    np.testing.assert_allclose(ours, expected / expected.norm(), atol=1e-5)


def test_long_texts_and_odd_characters_are_cut_or_unknown_but_never_fail(clip: Encoder) -> None:
    texts = ["red shoe " * 5_000, "👟🔥", "حذاء أحمر", "nul\0inside", "   "]
    assert clip.encode_texts(texts).shape == (5, clip.dimension)


def test_nothing_in_gives_nothing_out(clip: Encoder) -> None:
    assert clip.encode_texts([]).shape == (0, clip.dimension)
    assert clip.encode_images([]).shape == (0, clip.dimension)


def test_the_processor_says_how_small_a_picture_may_be_decoded(
    clip: Encoder, tiny: Callable[[str], Path]
) -> None:
    assert clip.image_min_side == SIDE
    assert load_encoder(str(tiny("vision-text-vit")), device="cpu").image_min_side == SIDE
    # 16 patches of 8 pixels: 32 × 32 when square, more along the longer side.
    assert load_encoder(str(tiny("siglip2")), device="cpu").image_min_side >= SIDE


def test_threads_share_one_encoder(clip: Encoder) -> None:
    texts = [f"red shoe {'a ' * n}" for n in range(12)]
    pictures = [picture(n) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        words = [pool.submit(clip.encode_texts, [text]) for text in texts * 5]
        images = [pool.submit(clip.encode_images, [one]) for one in pictures * 3]
        got_words = np.concatenate([job.result() for job in words])
        got_images = np.concatenate([job.result() for job in images])
    np.testing.assert_allclose(got_words, np.tile(clip.encode_texts(texts), (5, 1)), atol=1e-5)
    np.testing.assert_allclose(got_images, np.tile(clip.encode_images(pictures), (3, 1)), atol=1e-5)


def test_not_a_number_is_an_error_that_names_the_rows(clip: Encoder) -> None:
    pixels = dict(clip.preprocess([picture(1), picture(2), picture(3)]).tensors)
    pixels["pixel_values"][1] = torch.nan
    with pytest.raises(VectorError, match="NaN or infinite") as caught:
        clip.encode_pixels(PixelBatch(tensors=pixels))
    assert caught.value.rows == (1,)


def test_a_copied_folder_is_the_same_space(
    clip: Encoder, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    copied = tmp_path / "elsewhere" / "clip"
    shutil.copytree(tiny("clip"), copied)
    assert load_encoder(str(copied), device="cpu").identity == clip.identity


def test_other_weights_or_preprocessing_are_another_space(
    clip: Encoder, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    other = save_tiny("clip", tmp_path / "a" / "clip", seed=1)
    identity = load_encoder(str(other), device="cpu").identity
    assert identity.revision != clip.identity.revision
    assert identity.preprocessing == clip.identity.preprocessing

    lighter = tmp_path / "b" / "clip"
    shutil.copytree(tiny("clip"), lighter)
    settings = (lighter / "preprocessor_config.json").read_text()
    changed = settings.replace('"do_center_crop": true', '"do_center_crop": false')
    assert changed != settings
    (lighter / "preprocessor_config.json").write_text(changed)
    assert load_preprocessing(lighter) != clip.identity.preprocessing


def load_preprocessing(folder: Path) -> str:
    return load_encoder(str(folder), device="cpu").identity.preprocessing


def test_importing_the_encoder_leaves_torch_alone() -> None:
    code = "import sys, vitrine.encoder; print({'torch', 'transformers', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def broken(tiny: Callable[[str], Path], tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny("clip"), folder)
    return folder


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        (["config.json"], "no config.json"),
        (["model.safetensors"], "no safetensors weights"),
        (["preprocessor_config.json"], "no preprocessor_config.json"),
        (["tokenizer.json"], "no tokenizer"),
    ],
)
def test_a_missing_part_is_named(
    remove: list[str], message: str, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = broken(tiny, tmp_path)
    for name in remove:
        (folder / name).unlink()
    with pytest.raises(ModelError, match=message):
        load_encoder(str(folder))


def test_pickled_weights_are_refused(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = broken(tiny, tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, which can run code"):
        load_encoder(str(folder))


def test_a_tower_without_weights_is_not_left_random(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = broken(tiny, tmp_path)
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "text" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lack"):
        load_encoder(str(folder))


def test_a_damaged_weights_file_is_an_error(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = broken(tiny, tmp_path)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(str(folder))


def test_a_vision_model_alone_is_refused(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    import transformers

    folder = broken(tiny, tmp_path)
    network = transformers.CLIPModel.from_pretrained(folder)
    transformers.CLIPVisionModel(network.config.vision_config).save_pretrained(folder)
    with pytest.raises(
        ModelError, match="no dual encoder: it lacks the image tower or the text tower"
    ):
        load_encoder(str(folder))


def test_code_in_a_model_folder_is_never_run(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = broken(tiny, tmp_path)
    marker = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass C: pass\n")
    (folder / "config.json").write_text(
        '{"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.C"}}'
    )
    with pytest.raises(ModelError, match=r"config\.json"):
        load_encoder(str(folder))
    assert not marker.exists()


def test_a_hub_id_needs_a_revision() -> None:
    with pytest.raises(ModelError, match="pin the model's commit, for example some/model@<commit>"):
        load_encoder("some/model")


def test_a_model_that_the_hub_cannot_give_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="cannot be fetched from the model hub"):
        load_encoder("some/model@" + "0" * 40)


def test_a_cached_hub_snapshot_loads_offline_under_its_commit(
    tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "a" * 40
    snapshot = tmp_path / "models--some--model" / "snapshots" / commit
    shutil.copytree(tiny("clip"), snapshot)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    identity = load_encoder(f"some/model@{commit}", device="cpu").identity
    assert (identity.model, identity.revision) == ("some/model", commit)


@pytest.mark.parametrize("model", ["/no/such/folder", "./missing", "nowhere"])
def test_a_missing_folder_is_an_error(model: str) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_encoder(model)


def test_an_unknown_or_absent_device_is_an_error(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="use auto, cpu or cuda"):
        load_encoder(str(tiny("clip")), device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="no CUDA device"):
            load_encoder(str(tiny("clip")), device="cuda")
