"""Meaning of words from a sentence encoder: a trimmed vocabulary, first weights and a target.

Only training uses the teacher; what it knows is distilled into the text tower, so that words
which no caption contains (*sneakers* beside *shoes*) still land near those that do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import normalize

from vitrine.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

__all__ = ["Teacher", "load_teacher"]

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Teacher:
    """A BERT-like sentence encoder with mean pooling, such as all-MiniLM-L6-v2."""

    def __init__(self, network: Any, tokenizer: Any) -> None:
        self._network = network
        self._tokenizer = tokenizer

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], batch: int = 256) -> Tensor:
        """Unit vectors (N, W) of texts."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding
        vectors = torch.zeros(len(texts), self._network.config.hidden_size)
        for start in range(0, len(texts), batch):
            rows = order[start : start + batch]
            tokens = self._tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=64,
                return_tensors="pt",
            )
            hidden = self._network(**tokens).last_hidden_state  # (B, T, W)
            mask = tokens["attention_mask"][..., None]
            mean = (hidden * mask).sum(1) / mask.sum(1)
            vectors[rows] = normalize(mean, dim=-1)
        return vectors

    def vocabulary(self, texts: Sequence[str], size: int) -> list[str]:
        """The teacher's `size` most useful tokens: those of `texts`, then the commonest words.

        The teacher's vocabulary is ordered by frequency; single characters and word pieces that
        are kept let any word be spelled.
        """
        backend = self._tokenizer.backend_tokenizer
        used = {
            token for encoding in backend.encode_batch(list(texts)) for token in encoding.tokens
        }
        ranked = sorted(self._tokenizer.get_vocab().items(), key=lambda item: item[1])
        plain = [t for t, _ in ranked if t.removeprefix("##").isascii() and not t.startswith("[")]
        single = [t for t in plain if len(t.removeprefix("##")) == 1]
        chosen = dict.fromkeys([*SPECIAL_TOKENS, *single, *sorted(used), *plain])
        return list(chosen)[:size]

    def word_vectors(self, tokens: Sequence[str], width: int) -> Tensor:
        """First word embeddings (V, width): the teacher's, reduced by principal components."""
        known = self._tokenizer.get_vocab()
        rows = torch.tensor([known[token] for token in tokens])
        table = self._network.get_input_embeddings().weight.detach()[rows]  # (V, W)
        centred = table - table.mean(0)
        directions = torch.linalg.svd(centred.T @ centred).U[:, :width]  # (W, width)
        reduced = centred @ directions
        scaled: Tensor = reduced * (0.05 / reduced.std())
        return scaled


def load_teacher(folder: Path) -> Teacher:
    """Load a sentence encoder from a folder with safetensors; raises ModelError."""
    from transformers import AutoModel, AutoTokenizer

    try:
        network = AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as exc:
        message = f"the teacher in {folder} cannot be loaded: {exc}"
        raise ModelError(message) from exc
    return Teacher(network.eval().float(), tokenizer)


def build_tokenizer(tokens: Sequence[str], max_tokens: int) -> Any:
    """An uncased WordPiece tokenizer over `tokens`."""
    from transformers import BertTokenizer

    vocabulary = {token: number for number, token in enumerate(tokens)}
    return BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=max_tokens)
