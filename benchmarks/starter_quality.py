"""What the starter knows, on pictures that it never saw: kinds, colours, a real shop's photos.

Run: python benchmarks/starter_quality.py [MODEL_FOLDER] (default: the packaged starter)
Data: ../shared/data, or VITRINE_DATA.
"""

from __future__ import annotations

import csv
import os
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from vitrine.demo.drawing import KINDS, WORN_KINDS, Look, draw
from vitrine.encoder import Encoder, load_encoder

DATA = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[1] / "../shared/data"))
COLOURS = ("black", "white", "red", "blue", "green", "yellow", "purple", "pink")
MORE_COLOURS = (*COLOURS, "gray", "orange", "brown")
UNSEEN_SEED = 987_654


def main() -> None:
    encoder = load_encoder(sys.argv[1] if len(sys.argv) > 1 else "starter", device="cpu")
    print(f"{encoder.identity}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    clothing(encoder)
    groceries(encoder)
    drawings(encoder)
    magento(encoder)
    synonyms(encoder)
    speed(encoder)


def encode_files(encoder: Encoder, paths: list[Path]) -> np.ndarray:
    vectors = []
    for start in range(0, len(paths), 64):
        pictures = [Image.open(path).convert("RGB") for path in paths[start : start + 64]]
        vectors.append(encoder.encode_images(pictures))
    return np.concatenate(vectors)


def named(encoder: Encoder, images: np.ndarray, words: list[str]) -> list[int]:
    """The nearest of the words for each picture."""
    return list((images @ encoder.encode_texts(words).T).argmax(1))


def clothing(encoder: Encoder) -> None:
    with (DATA / "clothing/images.csv").open() as file:
        rows = list(csv.DictReader(file))
    unseen = [row for row in rows if int(row["sender_id"]) % 5 == 0]
    vectors = encode_files(encoder, [DATA / "clothing/images" / row["image"] for row in unseen])
    for where, counted in (("all photos", rows), ("unseen senders", unseen)):
        usable = Counter(
            row["label"] for row in counted if row["label"] not in {"Not sure", "Skip"}
        )
        labels = [label for label, _ in usable.most_common(10)]
        chosen = [i for i, row in enumerate(unseen) if row["label"] in labels]
        truth = [labels.index(unseen[i]["label"]) for i in chosen]
        print(f"clothing, unseen senders, ten labels with most of {where}, n={len(chosen)}")
        for template in ("{}", "a photo of a {}", "a product photo of {}"):
            guess = named(encoder, vectors[chosen], [template.format(x.lower()) for x in labels])
            print(
                f"  {template!r:24} accuracy {accuracy_score(truth, guess):.3f} (target 0.75)  "
                f"mean over labels {balanced_accuracy_score(truth, guess):.3f} (target 0.65)"
            )
    by_label = defaultdict(list)
    for expected, got in zip(truth, guess, strict=True):
        by_label[labels[expected]].append(expected == got)
    print("  " + ", ".join(f"{label} {np.mean(hits):.2f}" for label, hits in by_label.items()))


def groceries(encoder: Encoder) -> None:
    with (DATA / "groceries/products.csv").open() as file:
        products = {row["class_id"]: row for row in csv.DictReader(file)}
    with (DATA / "groceries/val.csv").open() as file:
        rows = list(csv.DictReader(file))
    vectors = encode_files(encoder, [DATA / "groceries" / row["image"] for row in rows])
    for field in ("title", "coarse"):
        names = sorted({product[field] for product in products.values()})
        truth = [names.index(products[row["class_id"]][field]) for row in rows]
        guess = named(encoder, vectors, [name.lower().replace("-", " ") for name in names])
        right = accuracy_score(truth, guess)
        print(f"groceries, photos of other days, {len(names)} {field} names: accuracy {right:.3f}")


def drawings(encoder: Encoder) -> None:
    for colours in (COLOURS, MORE_COLOURS):
        rng = Random(UNSEEN_SEED)
        looks = [
            Look(kind=rng.choice(tuple(KINDS)), color=colour, seed=rng.getrandbits(32))
            for colour in colours
            for _ in range(40)
        ]
        pictures = [
            draw(look, 256, worn=look.kind in WORN_KINDS and rng.random() < 0.4) for look in looks
        ]
        truth = [colours.index(look.color) for look in looks]
        vectors = encoder.encode_images(pictures)
        for template in ("{}", "a {} product", "a photo of something {}"):
            guess = named(encoder, vectors, [template.format(colour) for colour in colours])
            right = accuracy_score(truth, guess)
            print(
                f"drawings, unseen seeds, {len(colours)} colour words, {template!r}: "
                f"accuracy {right:.3f} (target 0.9 for eight), n={len(looks)}"
            )


def magento(encoder: Encoder) -> None:
    shown = colours_by_image()
    paths = sorted(shown)
    vectors = encode_files(encoder, [DATA / "magento/images" / path for path in paths])
    frequent = Counter(colour for colours in shown.values() for colour in colours)
    for template in ("{}", "a photo of something {}"):
        precisions = {}
        for colour in frequent:
            scores = vectors @ encoder.encode_texts([template.format(colour.lower())])[0]
            best = np.argsort(-scores)[:10]
            precisions[colour] = float(np.mean([colour in shown[paths[i]] for i in best]))
        mean = statistics.mean(precisions.values())
        print(f"Magento, {template!r}: precision@10 {mean:.3f} (target 0.6), n={len(paths)} photos")
        print("  " + ", ".join(f"{c} {p:.1f} of {frequent[c]}" for c, p in precisions.items()))


def colours_by_image() -> dict[str, set[str]]:
    """Image path to the colours of the variants that show it, for variants with a colour."""
    shown: dict[str, set[str]] = defaultdict(set)
    with (DATA / "magento/products.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            pairs = (part.partition("=") for part in row["additional_attributes"].split(","))
            colour = {key: value for key, _, value in pairs}.get("color")
            if row["product_type"] != "simple" or not colour:
                continue
            for image in [row["base_image"], *row["additional_images"].split(",")]:
                if image:
                    shown[image.lstrip("/")].add(colour)
    return dict(shown)


def synonyms(encoder: Encoder) -> None:
    """Rarer words, most of them synonyms in the recipe: a check of it, not of generalisation."""
    asked = {
        "sneakers": "shoes",
        "sweatshirt": "hoodie",
        "anorak": "jacket",
        "frock": "dress",
        "loafers": "shoes",
        "bonnet": "hat",
        "chinos": "pants",
        "scarlet": "red",
        "turquoise": "teal",
        "ebony": "black",
    }
    kinds = sorted({*asked.values(), "shorts", "skirt", "apple", "milk", "yellow", "pink"})
    guess = named(encoder, encoder.encode_texts(list(asked)), kinds)
    pairs = [f"{word}→{kinds[i]}" for word, i in zip(asked, guess, strict=True)]
    right = accuracy_score(list(asked.values()), [kinds[i] for i in guess])
    print(f"synonyms: {right:.2f} right ({', '.join(pairs)})")


def speed(encoder: Encoder) -> None:
    path = next((DATA / "magento/images").rglob("*.jpg"))
    pictures = [Image.open(path).convert("RGB") for _ in range(64)]
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(5):  # interleaved, so that a busy moment hits all alike
        start = time.perf_counter()
        for picture in pictures:
            encoder.preprocess([picture])
        times["preprocess"].append((time.perf_counter() - start) / 64)
        pixels = encoder.preprocess(pictures)
        start = time.perf_counter()
        encoder.encode_pixels(pixels)
        times["encode"].append((time.perf_counter() - start) / 64)
        start = time.perf_counter()
        for word in range(16):
            encoder.encode_texts([f"black hooded jacket {word}"])
        times["text"].append((time.perf_counter() - start) / 16)
    medians = {name: 1000 * statistics.median(values) for name, values in times.items()}
    print(
        f"speed, medians: encode {medians['encode']:.2f} ms a picture in batches of 64 "
        f"({1000 / medians['encode']:.0f}/s), preprocess {medians['preprocess']:.2f} ms, "
        f"one text {medians['text']:.2f} ms"
    )


if __name__ == "__main__":
    main()
