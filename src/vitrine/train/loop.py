"""The training loop: two towers, one symmetric contrastive loss, nothing hidden."""

from __future__ import annotations

import math
import pickle
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import normalize
from torch.optim.swa_utils import AveragedModel

from vitrine.errors import ModelError
from vitrine.train.augment import augment, recolour
from vitrine.train.loss import contrastive_loss, matches
from vitrine.train.network import image_vectors, text_vectors, trainable_groups
from vitrine.train.pairs import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    from vitrine.train.pairs import PairSet

__all__ = ["Distillation", "Stage", "TrainOptions", "Trainer", "fast_precision"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """So many steps on pictures of `side` × `side` pixels; small first is cheap and as good."""

    side: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What a run is made of; the same options, data and seed give the same run on one machine."""

    stages: tuple[Stage, ...]
    batch: int = 128
    captions: int = 1  # of each picture in a step; words cost far less than pictures
    rate: float = 2e-3
    warm_up: float = 0.2
    weight_decay: float = 0.05
    averaging: float = 0.99
    distillation: float = 2.0
    seed: int = 0
    bf16: bool = False
    log_every: int = 50
    save_every: int = 200

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def side_at(self, step: int) -> int:
        """The picture's side in pixels at a step, counted from 0."""
        for stage in self.stages:
            if step < stage.steps:
                return stage.side
            step -= stage.steps
        return self.stages[-1].side


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """Texts and the teacher's unit vectors (N, W) of them."""

    texts: Sequence[str]
    targets: Tensor


def fast_precision() -> bool:
    """Whether bfloat16 is the faster choice: on CUDA, and on CPUs with AVX-512 (measured 1.7×)."""
    return torch.cuda.is_available() or torch.backends.cpu.get_cpu_capability() == "AVX512"


def running_mean(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average that forgets its beginning fast, so a short run can use it."""

    def mean(average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not average.is_floating_point():
            return current  # counters are copied
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        return torch.lerp(current, average, kept)

    return mean


class Trainer:
    """Holds what a checkpoint must hold: network, average, optimizer, schedule and step."""

    def __init__(
        self,
        network: Any,
        tokenizer: Any,
        pairs: PairSet,
        options: TrainOptions,
        *,
        distillation: Distillation | None = None,
        max_tokens: int = 24,
    ) -> None:
        self.options, self.pairs, self.tokenizer = options, pairs, tokenizer
        self.max_tokens = max_tokens
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.distillation = distillation
        width = distillation.targets.shape[1] if distillation else 1
        # The student's pooled text predicts the teacher's vector; thrown away after training.
        self.head = torch.nn.Linear(network.config.text_config.hidden_size, width).to(self.device)
        self.average = AveragedModel(
            self.network, avg_fn=running_mean(options.averaging), use_buffers=True
        )
        groups = trainable_groups(self.network, options.weight_decay)
        groups.append({"params": list(self.head.parameters()), "weight_decay": 0.0})
        self.optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98))
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, options.rate, total_steps=options.steps, pct_start=options.warm_up
        )
        self.step = 0

    def run(
        self,
        folder: Path | None = None,
        say: Callable[[str], None] = print,
        until: int | None = None,
    ) -> None:
        """Train up to step `until` (default: the end), saving checkpoints into `folder`."""
        options = self.options
        last = min(until or options.steps, options.steps)
        started, first, recent = time.monotonic(), self.step, math.nan
        while self.step < last:
            loss = self._step(options.side_at(self.step))
            recent = loss if math.isnan(recent) else 0.95 * recent + 0.05 * loss
            self.step += 1
            if self.step % options.log_every == 0 or self.step == last:
                pace = (time.monotonic() - started) / (self.step - first)
                left = pace * (last - self.step) / 60
                side = options.side_at(self.step - 1)
                say(
                    f"step {self.step}/{last}  {side} px  loss {recent:.3f}  "
                    f"{options.batch / pace:.0f} pairs/s  {left:.0f} min left"
                )
            if folder and (self.step % options.save_every == 0 or self.step == last):
                self.save(folder)

    def _step(self, side: int) -> float:
        """One batch, forwards and backwards; returns the loss."""
        options, network = self.options, self.network.train()
        # Every draw follows from seed and step, so a resumed run continues as if never stopped.
        seed = options.seed * 1_000_003 + self.step
        rng = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # dropout
        words = Random(seed)  # noqa: S311 - captions, not secrets
        batch = min(options.batch, len(self.pairs))
        rows = torch.multinomial(self.pairs.weights, batch, generator=rng)  # (B,)
        matrices, colours = recolour(self.pairs.colours[rows], rng)
        pixels = augment(self.pairs.pixels[rows], matrices, side, rng)  # (B, 3, S, S)
        captions = [
            self.pairs.speak(row, colour, words)
            for _ in range(options.captions)
            for row, colour in zip(rows.tolist(), colours.tolist(), strict=True)
        ]
        truths = self._truths(rows, colours)  # (B, K)
        claims = torch.tensor([caption.claims for caption in captions])  # (C, K)
        positive, usable = matches(truths, claims)  # (B, C) each
        with torch.autocast(self.device.type, torch.bfloat16, enabled=options.bf16):
            images = image_vectors(network, pixels.to(self.device))  # (B, D)
            texts, _ = text_vectors(network, self._tokens([c.text for c in captions]))  # (C, D)
        scale = network.logit_scale.exp().clamp(max=50)
        loss = contrastive_loss(
            images, texts, scale, positive.to(self.device), usable.to(self.device)
        )
        if self.distillation:
            loss = loss + options.distillation * self._distil(self.distillation, rng)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(network)
        return loss.item()

    def _truths(self, rows: Tensor, colours: Tensor) -> Tensor:
        """Facts (B, K) of the pictures as they now look."""
        truths = self.pairs.truths[rows].clone()
        measured = ~self.pairs.colours[rows].isnan().any(1)
        truths[measured, FACTS.index("colour")] = colours[measured]
        return truths

    def _distil(self, lesson: Distillation, rng: torch.Generator) -> Tensor:
        """Mean of one minus the cosine of student and teacher, half a batch."""
        rows = torch.randint(len(lesson.texts), (self.options.batch // 2,), generator=rng)
        texts = [lesson.texts[row] for row in rows.tolist()]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.bf16):
            _, pooled = text_vectors(self.network, self._tokens(texts))
        guess = normalize(self.head(pooled), dim=-1)  # (B, W)
        return 1 - (guess * lesson.targets[rows].to(self.device)).sum(-1).mean()

    def _tokens(self, texts: Sequence[str]) -> dict[str, Tensor]:
        tokens = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        )
        return {name: tensor.to(self.device) for name, tensor in tokens.items()}

    def save(self, folder: Path) -> None:
        """Write the checkpoint whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / "checkpoint.pt.part"
        torch.save({name: part.state_dict() for name, part in self._parts().items()}, draft)
        draft.replace(folder / "checkpoint.pt")

    def resume(self, folder: Path) -> bool:
        """Continue from the folder's checkpoint; false when there is none."""
        path = folder / "checkpoint.pt"
        if not path.is_file():
            return False
        try:
            # Tensors and numbers only: a checkpoint cannot run code.
            states = torch.load(path, map_location=self.device, weights_only=True)
            for name, part in self._parts().items():
                part.load_state_dict(states[name])
        except (RuntimeError, KeyError, ValueError, pickle.UnpicklingError) as exc:
            message = f"{path} belongs to another run: {exc}; choose another folder"
            raise ModelError(message) from exc
        self.step = int(self.schedule.last_epoch)
        return True

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "average": self.average,
            "head": self.head,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }
