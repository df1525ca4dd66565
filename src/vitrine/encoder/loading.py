"""Load a dual encoder from the starter, a folder or a pinned hub revision, safely."""

from __future__ import annotations

import importlib.resources
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitrine.encoder.identity import SpaceIdentity, fingerprint, fingerprint_files
from vitrine.encoder.model import Encoder, probe_dimension
from vitrine.errors import ModelError, VectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

__all__ = ["STARTER", "check_weights", "load_encoder", "locate_model", "starter_folder"]

STARTER = "starter"
WANTED_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
PICKLED_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt")
# These families were trained with every text padded to the full length, and answer so only.
FULL_LENGTH_FAMILIES = frozenset({"siglip", "siglip2"})
# Position embeddings of this lineage start after the padding index.
OFFSET_POSITIONS = frozenset({"camembert", "roberta", "xlm-roberta", "xlm-roberta-xl"})


def load_encoder(
    model: str = STARTER, *, revision: str | None = None, device: str = "auto"
) -> Encoder:
    """Load the starter, a folder, or a hub id with a revision (also as `id@revision`).

    `device` is "auto", "cpu" or "cuda"; on CUDA the model runs in bfloat16. Only safetensors
    are read and no code from the model's repository is run. Raises ModelError.
    """
    place = _device(device)
    name, commit, folder = locate_model(model, revision)
    _check_files(folder)
    network = _network(folder)
    image_processor, tokenizer = _processors(folder)
    options = text_options(network.config, tokenizer)
    draft = SpaceIdentity(
        model=name,
        revision=commit or fingerprint_files(_identity_files(folder)),
        dimension=0,
        preprocessing=_preprocessing(image_processor, tokenizer, options),
    )
    encoder = Encoder(
        _placed(network, place),
        image_processor,
        tokenizer,
        identity=draft,
        text_options=options,
        device=place,
    )
    return _finished(encoder, folder)


def starter_folder() -> Path:
    """Where the packaged starter model lies."""
    return Path(str(importlib.resources.files("vitrine"))) / "starter"


def text_options(config: Any, tokenizer: Any) -> dict[str, Any]:
    """How this family pads, and the length in tokens after which it cuts a text off."""
    text_config = getattr(config, "text_config", config)
    longest = int(getattr(text_config, "max_position_embeddings", tokenizer.model_max_length))
    if text_config.model_type in OFFSET_POSITIONS:
        longest -= int(text_config.pad_token_id) + 1
    full = config.model_type in FULL_LENGTH_FAMILIES
    return {
        "padding": "max_length" if full else "longest",
        "truncation": True,
        "max_length": min(longest, int(tokenizer.model_max_length)),
    }


def _device(device: str) -> torch.device:
    import torch

    if device not in {"auto", "cpu", "cuda"}:
        message = f"device is {device!r}; use auto, cpu or cuda"
        raise ModelError(message)
    if device == "cuda" and not torch.cuda.is_available():
        message = "device is cuda but torch sees no CUDA device; use auto or cpu"
        raise ModelError(message)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def locate_model(model: str, revision: str | None) -> tuple[str, str | None, Path]:
    """Name for the identity, commit (None for folders: hashed) and the folder with the files."""
    if model == STARTER:
        return "vitrine/starter", None, starter_folder()
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.resolve().name, None, folder
    if model.startswith((".", "/", "~")) or model.count("/") != 1 or folder.is_file():
        message = f"model folder {model} does not exist; give a folder, or a hub id with a revision"
        raise ModelError(message)
    name, _, pinned = model.partition("@")
    revision = revision or pinned or None
    if revision is None:
        message = (
            f"{model} is a hub id without a revision, and no folder of that name exists; "
            f"pin the model's commit, for example {name}@<commit>"
        )
        raise ModelError(message)
    folder = _download(name, revision)
    # The hub names a snapshot's folder by its commit, also when a branch or a tag was asked for.
    return name, folder.name, folder


def _download(name: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        found = snapshot_download(
            name, revision=revision, allow_patterns=WANTED_FILES, ignore_patterns=["*/*"]
        )
    except (OSError, HfHubHTTPError, HFValidationError) as exc:
        message = (
            f"{name} at revision {revision} cannot be fetched from the model hub and is not in "
            f"its cache; check the id, the revision and the network, or give a folder ({exc})"
        )
        raise ModelError(message) from exc
    return Path(found)


def check_weights(folder: Path) -> None:
    """Refuse a folder without a model, or with weights that could run code. Raises ModelError."""
    if not (folder / "config.json").is_file():
        message = f"{folder} has no config.json; it is not a model's folder"
        raise ModelError(message)
    if not list(folder.glob("*.safetensors")):
        pickled = [path.name for pattern in PICKLED_WEIGHTS for path in folder.glob(pattern)]
        found = f"only {', '.join(sorted(pickled))}, which can run code" if pickled else "none"
        message = (
            f"{folder} has no safetensors weights (found {found}); "
            "save the model with save_pretrained(…, safe_serialization=True)"
        )
        raise ModelError(message)


def _check_files(folder: Path) -> None:
    """Say what a folder lacks before a library does so less clearly."""
    check_weights(folder)
    if not any((folder / name).is_file() for name in PROCESSOR_FILES):
        message = f"{folder} has no preprocessor_config.json; save the model's processor beside it"
        raise ModelError(message)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        message = f"{folder} has no tokenizer (tokenizer.json); save the tokenizer beside the model"
        raise ModelError(message)


def _identity_files(folder: Path) -> list[Path]:
    return [folder / "config.json", *folder.glob("*.safetensors")]


def _network(folder: Path) -> Any:
    """The model with every weight read from the folder; a tower left random is an error."""
    from safetensors import SafetensorError
    from transformers import AutoModel

    _check_dual(folder)
    try:
        with _no_progress_bar():
            network, report = AutoModel.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as exc:
        message = f"the model in {folder} cannot be loaded: {exc}"
        raise ModelError(message) from exc
    missing = sorted(report["missing_keys"])
    if missing:
        message = (
            f"the weights in {folder} lack {len(missing)} tensors, first {missing[0]}; "
            "the folder holds a part of the model or another one"
        )
        raise ModelError(message)
    return _flat_pooling(network.eval().requires_grad_(requires_grad=False))


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """A bar for a load of milliseconds only clutters a worker's log."""
    from transformers.utils import logging as library_logging

    logging: Any = library_logging  # carries no types
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _check_dual(folder: Path) -> None:
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network = MODEL_MAPPING[type(config)]
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError) as exc:
        message = f"{folder}/config.json names no model that transformers knows: {exc}"
        raise ModelError(message) from exc
    if not (hasattr(network, "get_image_features") and hasattr(network, "get_text_features")):
        message = (
            f"{folder} holds a {config.model_type} model, which is no dual encoder: it lacks the "
            "image tower or the text tower; give one such as CLIP, SigLIP or VisionTextDualEncoder"
        )
        raise ModelError(message)


def _flat_pooling(network: Any) -> Any:
    """Let convolutional towers, which pool to (B, C, 1, 1), meet a projection of (B, C)."""
    from torch import nn

    projection = getattr(network, "visual_projection", None)
    if isinstance(projection, nn.Linear):
        network.visual_projection = nn.Sequential(nn.Flatten(1), projection)
    return network


def _placed(network: Any, device: torch.device) -> Any:
    import torch

    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    # Convolutions are faster with channels last; other layers are untouched by it.
    return network.to(device, dtype).to(memory_format=torch.channels_last)


def _processors(folder: Path) -> tuple[Any, Any]:
    import transformers

    auto: Any = transformers  # its from_pretrained methods carry no types
    try:
        image_processor = auto.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as exc:
        message = f"the image processor in {folder} cannot be loaded: {exc}"
        raise ModelError(message) from exc
    try:
        tokenizer = auto.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as exc:
        message = f"the tokenizer in {folder} cannot be loaded: {exc}"
        raise ModelError(message) from exc
    return image_processor, tokenizer


def _preprocessing(image_processor: Any, tokenizer: Any, options: dict[str, Any]) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = json.loads(backend.to_str()) if backend else {"vocabulary": tokenizer.get_vocab()}
    # Padding and truncation are state of the last call; the options below decide them.
    rules = {key: value for key, value in rules.items() if key not in {"padding", "truncation"}}
    return fingerprint({"image": image_processor.to_dict(), "text": rules, "options": options})


def _finished(draft: Encoder, folder: Path) -> Encoder:
    """Fill in the dimension, which only a first run of both towers shows for every family."""
    try:
        dimension = probe_dimension(draft)
    except VectorError as exc:
        message = f"the weights in {folder} are unusable: {exc}"
        raise ModelError(message) from exc
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError) as exc:
        message = f"the model in {folder} does not fit its processor or tokenizer: {exc}"
        raise ModelError(message) from exc
    identity = draft.identity
    draft.identity = SpaceIdentity(
        model=identity.model,
        revision=identity.revision,
        dimension=dimension,
        preprocessing=identity.preprocessing,
    )
    return draft
