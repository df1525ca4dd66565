"""Near-duplicates: how long they take on many pictures, and which bound tells copies from others.

    python benchmarks/near_duplicates.py [--pictures 100000] [--bound]

The pictures' vectors lie between the starter's vectors of real photographs (../shared/data), with
noise; 1,000 near copies, 500 of the same bytes and a placeholder in 300 products are planted. With
`--bound` only the photographs themselves are looked at: pairs of them at each bound, and some that
were changed as copies differ.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance
from temporary_shop import temporary_shop

from vitrine.database import Connection, connect
from vitrine.encoder import load_encoder

Vectors = NDArray[np.float32]
DATA = Path(os.environ.get("VITRINE_DATA", "../shared/data")) / "magento"
BOUNDS = (0.98, 0.99, 0.995, 0.998)
NEAR, SAME, PLACEHOLDERS = 1000, 500, 300
INDEX = (
    "CREATE INDEX image_vector_1_hnsw_idx ON image_vector_1 "
    "USING hnsw (embedding halfvec_ip_ops) WITH (m = 16, ef_construction = 64)"
)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cut(picture: Image.Image, share: float) -> Image.Image:
    x, y = int(picture.width * share), int(picture.height * share)
    return picture.crop((x, y, picture.width - x, picture.height - y))


def logo(picture: Image.Image) -> Image.Image:
    marked = picture.copy()
    corner = (0, 0, picture.width // 6, picture.height // 12)
    ImageDraw.Draw(marked).rectangle(corner, fill=(200, 0, 0))
    return marked


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 75": lambda p: jpeg(p, 75),
    "JPEG 40": lambda p: jpeg(p, 40),
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.LANCZOS),
    "2 % cut off": lambda p: cut(p, 0.02),
    "5 % cut off": lambda p: cut(p, 0.05),
    "logo in a corner": logo,
    "10 % brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.1),
}


def unit(vectors: Any) -> Vectors:
    array = np.asarray(vectors, np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def encode(encoder: Any, pictures: list[Image.Image]) -> Vectors:
    parts = [encoder.encode_images(pictures[i : i + 50]) for i in range(0, len(pictures), 50)]
    return unit(np.concatenate(parts))


def photographs() -> list[Path]:
    """Every photograph that the catalogue names, sorted."""
    with (DATA / "products.csv").open(encoding="utf-8-sig", newline="") as file:
        named = {
            name
            for row in csv.DictReader(file)
            for cell in (row["base_image"], row["additional_images"])
            for name in cell.split(",")
            if name
        }
    found = sorted(DATA / "images" / name.lstrip("/") for name in named)
    return [path for path in found if path.is_file()]


def bounds(encoder: Any, paths: list[Path], vectors: Vectors) -> None:
    """Which share of changed photographs, and how many pairs of others, lie above each bound."""
    styles = np.array([path.name.split("-")[0] for path in paths])
    colours = np.array([path.name.split("_")[0] for path in paths])
    first, second = np.triu_indices(len(paths), 1)
    similar = (vectors @ vectors.T)[first, second]
    same_style = styles[first] == styles[second]
    same_colour = colours[first] == colours[second]
    print("pairs: of one style and colour, of one style, of others")
    for bound in BOUNDS:
        above = similar >= bound
        counts = [
            int((above & kind).sum())
            for kind in (same_colour, same_style & ~same_colour, ~same_style)
        ]
        print(f"  {bound}: {counts}")
    chosen = np.random.default_rng(0).choice(len(paths), 250, replace=False)
    pictures = [Image.open(paths[number]).convert("RGB") for number in chosen]
    for name, change in CHANGES.items():
        changed = (encode(encoder, [change(p) for p in pictures]) * vectors[chosen]).sum(1)
        shares = ", ".join(f"{bound}: {np.mean(changed >= bound):.2f}" for bound in BOUNDS)
        print(f"{name}: {shares}")


def planted(real: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
    """Vectors between real ones with some planted, and a number of the content of each."""
    rng = np.random.default_rng(5)
    dimension = real.shape[1]
    share = rng.uniform(0, 0.5, (count, 1))
    ends = real[rng.integers(0, len(real), (2, count))]
    noise = rng.normal(size=(count, dimension)) / np.sqrt(dimension)
    vectors = unit((1 - share) * ends[0] + share * ends[1] + 0.25 * noise)
    contents = np.arange(count)
    order = rng.permutation(count)
    source, copy = order[: NEAR + SAME], order[NEAR + SAME : 2 * (NEAR + SAME)]
    slightly = 0.05 * rng.normal(size=(NEAR, dimension)) / np.sqrt(dimension)
    vectors[copy] = vectors[source]
    vectors[copy[:NEAR]] = unit(vectors[copy[:NEAR]] + slightly)
    contents[copy[NEAR:]] = contents[source[NEAR:]]
    placeholder = order[2 * (NEAR + SAME) :][:PLACEHOLDERS]
    vectors[placeholder] = vectors[placeholder[0]]
    contents[placeholder] = contents[placeholder[0]]
    return vectors, contents


def fill(connection: Connection, vectors: Vectors, contents: NDArray[np.int64]) -> None:
    """A product for every two and a half pictures, and all their vectors."""
    count = len(vectors)
    products = np.random.default_rng(6).integers(1, count * 2 // 5 + 1, count)
    connection.execute("SELECT create_space('bench', '1', %s, 'none')", (vectors.shape[1],))
    connection.execute(
        "INSERT INTO product (external_id) SELECT 'P' || n FROM generate_series(1, %s) n",
        (count * 2 // 5,),
    )
    with connection.cursor().copy("COPY image (product_id, uri) FROM STDIN") as rows:
        for number, product in enumerate(products):
            rows.write_row((int(product), f"{number}.jpg"))
    connection.execute("DROP INDEX image_vector_1_hnsw_idx")
    columns = "product_id, image_id, embedding, input_version, content"
    for start in range(0, count, 10_000):
        with connection.cursor().copy(f"COPY image_vector_1 ({columns}) FROM STDIN") as rows:
            for number in range(start, min(start + 10_000, count)):
                vector = "[" + ",".join(f"{x:.4f}" for x in vectors[number]) + "]"
                content = str(contents[number]).encode()
                rows.write_row((int(products[number]), number + 1, vector, 1, content))
    connection.execute("SET maintenance_work_mem = '2GB'")
    connection.execute(INDEX)


def measure(connection: Connection) -> None:
    times = []
    for number in range(200):
        name = f"P{1 + number * 13}"
        began = time.perf_counter()
        connection.execute("SELECT * FROM near_duplicates(product => %s)", (name,)).fetchall()
        times.append((time.perf_counter() - began) * 1000)
    print(f"one product: p50 {np.median(times):.1f} ms, p95 {np.quantile(times, 0.95):.1f} ms")
    began = time.perf_counter()
    rows = connection.execute("SELECT same_bytes FROM near_duplicate").fetchall()
    seconds = time.perf_counter() - began
    same = sum(row[0] for row in rows)
    print(f"all: {seconds:.1f} s; {len(rows):,} pairs, {same:,} of the same bytes; planted")
    print(f"  {NEAR + SAME + PLACEHOLDERS - 1:,} and {SAME + PLACEHOLDERS - 1:,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--bound", action="store_true")
    options = parser.parse_args()
    encoder = load_encoder("starter")
    paths = photographs()
    real = encode(encoder, [Image.open(path).convert("RGB") for path in paths])
    print(f"{len(paths)} photographs, {real.shape[1]} dimensions")
    if options.bound:
        bounds(encoder, paths, real)
        return
    with temporary_shop() as url, connect(url, "vitrine") as connection:
        fill(connection, *planted(real, options.pictures))
        measure(connection)


if __name__ == "__main__":
    main()
