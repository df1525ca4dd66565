"""How fast pictures are decoded, beside Pillow alone, and what `min_side` gains and costs.

    python benchmarks/image_decode.py [--photos ../shared/data/magento/images] [--rounds 7]

Every round decodes every photo once with every decoder, in turn; the figure is the median over
the rounds of the processor's time, which other work on the machine disturbs less. The cost is the
mean difference, of 255, after both are scaled to 224 pixels.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from vitrine.images.decode import decode

MODEL_SIDE = 224
Decoder = Callable[[bytes], Image.Image]


def pillow(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def vitrine(data: bytes) -> Image.Image:
    return decode(data).image


def vitrine_twice(data: bytes) -> Image.Image:
    return decode(data, min_side=2 * MODEL_SIDE).image


def vitrine_once(data: bytes) -> Image.Image:
    return decode(data, min_side=MODEL_SIDE).image


DECODERS: dict[str, Decoder] = {
    "Pillow alone": pillow,
    "decode": vitrine,
    f"decode, min_side={2 * MODEL_SIDE}": vitrine_twice,
    f"decode, min_side={MODEL_SIDE}": vitrine_once,
}


def shop_photos(folder: Path, count: int = 200) -> list[bytes]:
    """The first photos of a shop, as they are."""
    return [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))[:count]]


def camera_photos(photos: list[bytes], count: int = 6) -> list[bytes]:
    """The same scenes at the 12 megapixels of a phone's camera."""
    large = []
    for data in photos[:count]:
        file = io.BytesIO()
        scene = pillow(data).resize((3024, 4032), Image.Resampling.BICUBIC)
        noise = np.random.default_rng(0).normal(0, 4, (4032, 3024, 1))
        grainy = np.clip(np.asarray(scene) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(grainy).save(file, "JPEG", quality=92)
        large.append(file.getvalue())
    return large


def difference(decoder: Decoder, photos: list[bytes]) -> float:
    """Mean difference to a full decoding, as a model with 224 pixels would see it."""

    def seen(image: Image.Image) -> np.ndarray:
        small = image.resize((MODEL_SIDE, MODEL_SIDE), Image.Resampling.BICUBIC)
        return np.asarray(small).astype(float)

    return statistics.fmean(
        float(np.abs(seen(decoder(data)) - seen(pillow(data))).mean()) for data in photos[:20]
    )


def measure(photos: list[bytes], rounds: int) -> dict[str, float]:
    """Median milliseconds of processor time for one photo, by decoder; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in DECODERS}
    for _ in range(rounds):
        for name, decoder in DECODERS.items():
            start = time.process_time()
            for data in photos:
                decoder(data)
            seconds[name].append((time.process_time() - start) / len(photos))
    return {name: statistics.median(values) * 1000 for name, values in seconds.items()}


def report(title: str, photos: list[bytes], rounds: int) -> None:
    found = measure(photos, rounds)
    print(f"\n{title}: {len(photos)} photos, {rounds} rounds")
    print(f"{'':28}{'CPU ms':>10}{'speed':>8}{'difference':>12}")
    for name, milliseconds in found.items():
        speed = found["Pillow alone"] / milliseconds
        cost = difference(DECODERS[name], photos)
        print(f"{name:28}{milliseconds:10.2f}{speed:7.2f}x{cost:12.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("VITRINE_DATA", "../shared/data"))
    parser.add_argument("--photos", type=Path, default=data / "magento" / "images")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    photos = shop_photos(arguments.photos)
    if not photos:
        sys.exit(f"no .jpg below {arguments.photos}; give --photos or set VITRINE_DATA")
    width, height = pillow(photos[0]).size
    report(f"Shop photos (such as {width} x {height})", photos, arguments.rounds)
    report("Camera photos (3024 x 4032)", camera_photos(photos), arguments.rounds)


if __name__ == "__main__":
    main()
