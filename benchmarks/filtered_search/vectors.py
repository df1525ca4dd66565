"""The data sets' vectors: real sentences, a million spread around them, tight clusters, photos.

Each maker returns unit vectors as float16, (rows, dimension) for products and (queries, dimension)
for queries that are no product. What is slow to make is kept in a cache folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.filtered_search.groups import Array, unit
from benchmarks.filtered_search.sentences import product_sentences

__all__ = ["DATASETS", "clusters", "make_vectors", "photos", "sentences", "spread"]

SENTENCES = 122_000
HELD_OUT = 2_000  # sentences that are no products; queries come from their end
SPREAD = 1_000_000
NEIGHBOURS = 10
BLOCK = 2_000

Vectors = tuple[Array, Array]


def make_vectors(
    dataset: str, rows: int, queries: int, cache: Path, dimension: int = 384
) -> Vectors:
    """Product vectors and query vectors of a data set by name; `dimension` is for clusters."""
    if dataset == "clusters":
        return clusters(rows, queries, dimension)
    return DATASETS[dataset](rows, queries, cache)


def sentences(rows: int, queries: int, cache: Path) -> Vectors:
    """Real vectors of a sentence encoder (MiniLM, 384 dimensions): at most 120,000 products."""
    vectors = _sentences(cache)
    return _enough(vectors[:-HELD_OUT], rows), _enough(vectors[-HELD_OUT:][::-1], queries)[::-1]


def spread(rows: int, queries: int, cache: Path) -> Vectors:
    """The sentences, then vectors made between real neighbours, with noise of their distance."""
    made = _cached(cache / f"spread-{SPREAD}.npy", lambda: _spread(_sentences(cache)[:-HELD_OUT]))
    return _enough(made, rows), sentences(1, queries, cache)[1]


def clusters(rows: int, queries: int, dimension: int = 384, seed: int = 11) -> Vectors:
    """Tight clusters: at most 2,000 centres, each vector 0.15 of a length away from one."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(max(min(2_000, rows // 20), 1), dimension)))
    made = np.empty((rows + queries, dimension), np.float16)
    for start in range(0, len(made), 50_000):
        part = made[start : start + 50_000]
        noise = unit(rng.normal(size=part.shape)) * 0.15
        part[:] = unit(centres[rng.integers(0, len(centres), len(part))] + noise)
    return made[:rows], made[rows:]


def photos(rows: int, queries: int, cache: Path) -> Vectors:
    """Pictures of the folder VITRINE_DATA (default ../shared/data) by the starter encoder."""
    vectors = _cached(cache / "photos.npy", _photos)
    mixed = vectors[np.random.default_rng(5).permutation(len(vectors))]
    return _enough(mixed[queries:], min(rows, len(mixed) - queries)), mixed[:queries]


DATASETS: dict[str, Callable[[int, int, Path], Vectors]] = {
    "sentences": sentences,
    "spread": spread,
    "clusters": lambda rows, queries, _: clusters(rows, queries),
    "photos": photos,
}


def _enough(vectors: Array, rows: int) -> Array:
    if rows > len(vectors):
        raise SystemExit(f"this data set has {len(vectors):,} vectors for that, not {rows:,}")
    return vectors[:rows]


def _cached(file: Path, make: Callable[[], Array]) -> Array:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        making = file.with_suffix(f".{os.getpid()}.npy")
        np.save(making, make())
        making.replace(file)
    return np.asarray(np.load(file))


def _sentences(cache: Path) -> Array:
    return _cached(cache / f"sentences-{SENTENCES}.npy", _encode_sentences)


def _encode_sentences() -> Array:
    from vitrine.train.runs import teacher_folder
    from vitrine.train.teacher import load_teacher

    print(f"encoding {SENTENCES:,} sentences, which takes minutes and is kept", flush=True)
    encoder = load_teacher(teacher_folder(None))
    texts = product_sentences(SENTENCES)
    parts = [
        encoder.encode(texts[start : start + BLOCK]).numpy().astype(np.float16)
        for start in range(0, len(texts), BLOCK)
    ]
    return np.concatenate(parts)


def _neighbours(vectors: Array) -> tuple[Array, Array]:
    """The nearest other vectors (n, 10) by inner product, and their similarities."""
    import torch

    every = torch.tensor(vectors)
    found = [
        (every[i : i + BLOCK] @ every.T).topk(NEIGHBOURS + 1) for i in range(0, len(every), BLOCK)
    ]
    return (
        np.concatenate([part.indices[:, 1:].numpy() for part in found]),
        np.concatenate([part.values[:, 1:].numpy() for part in found]),
    )


def _spread(real: Array) -> Array:
    """A mix of a vector and one of its neighbours, plus noise half as long as their distance."""
    print(f"making {SPREAD:,} vectors, which takes minutes and is kept", flush=True)
    real = unit(real)
    neighbours, similarity = _neighbours(real)
    rng = np.random.default_rng(1)
    made = np.empty((SPREAD, real.shape[1]), np.float16)
    made[: len(real)] = real
    for start in range(len(real), SPREAD, 100_000):
        part = made[start : start + 100_000]
        one, place = rng.integers(0, len(real), len(part)), rng.integers(0, NEIGHBOURS, len(part))
        share = rng.random((len(part), 1), dtype=np.float32)
        mixed = real[one] * (1 - share) + real[neighbours[one, place]] * share
        distance = np.sqrt(np.maximum(2 - 2 * similarity[one, place], 1e-6))[:, None]
        noise = rng.normal(size=mixed.shape) * (distance / 2 / np.sqrt(mixed.shape[1]))
        part[:] = unit(mixed + noise)
    return made


def _photos() -> Array:
    from PIL import Image

    from vitrine.encoder import load_encoder

    data = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[2] / "../shared/data"))
    files = sorted(f for f in data.rglob("*") if f.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not files:
        raise SystemExit("the photos are missing: set VITRINE_DATA to their folder")
    print(f"encoding {len(files):,} photos, which is kept", flush=True)
    encoder = load_encoder("starter", device="cpu")
    parts = []
    for start in range(0, len(files), 64):
        pictures = [Image.open(file).convert("RGB") for file in files[start : start + 64]]
        parts.append(unit(np.asarray(encoder.encode_images(pictures))).astype(np.float16))
    return np.concatenate(parts)
