"""A worker's pictures a second, fetch, decode and write included, beside the bare model's.

    python benchmarks/worker_throughput.py vit        # against the bare model, random ViT-B/32 CLIP
    python benchmarks/worker_throughput.py starter    # against a straight decode-and-encode loop
    … [--model FOLDER] [--count 1344, vit 256] [--rounds 5] [--batch 16]

Both sides take the same photos (half from the clothing set, half from the Magento export) in turn,
in this process, with the same batch size and the same threads; the figure is the median of the
rounds' ratios. The processor's time for a picture is shown too: it is what counts when other work
keeps the cores busy, and leaves out only PostgreSQL's own. The bare model gets tensors decoded and
preprocessed beforehand; the straight loop reads, decodes and preprocesses a batch and encodes it,
without a database. The worker is `vitrine work --once` from its start to its end on an embedded
PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitrine.database import connect
from vitrine.embedded import start_embedded, stop_embedded
from vitrine.encoder import Encoder, PixelBatch, load_encoder
from vitrine.images.decode import decode
from vitrine.migrate import upgrade
from vitrine.settings import load_settings
from vitrine.vectors import ensure_space
from vitrine.worker import Worker
from vitrine.worker.threads import calm_waiting, torch_threads

DATA = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[1] / "../shared/data")).resolve()


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and of the processor in all threads of this process."""

    seconds: float
    processor: float


class Stopwatch:
    """Measures a block."""

    cost: Cost

    def __enter__(self) -> Stopwatch:
        self._began = (time.perf_counter(), time.process_time())
        return self

    def __exit__(self, *_: object) -> None:
        seconds, processor = self._began
        self.cost = Cost(time.perf_counter() - seconds, time.process_time() - processor)


def photos(count: int) -> list[Path]:
    """As many photos of people's clothes as of a shop's products."""
    clothing = sorted((DATA / "clothing" / "images").iterdir())
    magento = sorted((DATA / "magento" / "images").rglob("*.jpg"))
    return clothing[: count - count // 2] + magento[: count // 2]


def random_vit(folder: Path) -> Path:
    """A CLIP with the vision tower of ViT-B/32 (88 million weights) and a small text tower."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    vision: dict[str, Any] = {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": 224,
        "patch_size": 32,
    }
    text = {
        "vocab_size": 8,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 16,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "pad_token_id": 0,
    }
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder


def word_tokenizer() -> Any:
    """The smallest tokenizer that a text tower takes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "shoe": 4}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=16, **special)


def fill(url: str, encoder: Encoder, files: list[Path]) -> None:
    """A shop with one product for each photo, all of them waiting."""
    upgrade(url)
    with connect(url, "vitrine") as connection:
        ensure_space(connection, encoder.identity)
        connection.execute(
            "INSERT INTO product (external_id) SELECT n::text FROM generate_series(1, %s) n",
            (len(files),),
        )
        connection.execute(
            "INSERT INTO image (product_id, uri) SELECT p.product_id, u.uri "
            "FROM unnest(%s::text[]) WITH ORDINALITY u (uri, n) "
            "JOIN product p ON p.external_id = u.n::text",
            ([str(file.relative_to(DATA)) for file in files],),
        )


def reset(url: str) -> None:
    """Forget what was encoded, so that all of it waits again."""
    with connect(url, "vitrine") as connection:
        connection.execute("TRUNCATE image_vector_1")
        connection.execute("UPDATE image SET sha256 = NULL, etag = NULL")
        connection.execute("SELECT enqueue_missing()")
        connection.execute("VACUUM ANALYZE work_queue, image")


def work(url: str, encoder: Encoder, batch: int, count: int) -> Cost:
    """One `vitrine work --once`, model already loaded."""
    reset(url)
    settings = load_settings(images=str(DATA), batch_size=batch)
    with Stopwatch() as watch:
        result = Worker(url, settings, encoder, once=True).run()
    if result.encoded + result.copied != count or result.failed:
        raise SystemExit(f"the worker did not encode everything: {result}")
    return watch.cost


def decoded(encoder: Encoder, files: list[Path]) -> PixelBatch:
    """Read, decode and preprocess photos as a simple program would."""
    side = encoder.image_min_side or None
    return encoder.preprocess([decode(f.read_bytes(), min_side=side).image for f in files])


def straight_loop(encoder: Encoder, files: list[Path], batch: int) -> Cost:
    """Decode and encode the photos batch by batch, in one thread."""
    with Stopwatch() as watch:
        for start in range(0, len(files), batch):
            encoder.encode_pixels(decoded(encoder, files[start : start + batch]))
    return watch.cost


def bare_model(encoder: Encoder, batches: list[PixelBatch]) -> Cost:
    """The model alone."""
    with Stopwatch() as watch:
        for pixels in batches:
            encoder.encode_pixels(pixels)
    return watch.cost


def compare(encoder: Encoder, other: Callable[[], Cost], name: str, args: Any) -> None:
    """Worker and peer in turn; the order changes every round."""
    count = args.count
    costs: dict[str, list[Cost]] = {"worker": [], name: []}
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as home:
        url = start_embedded(Path(home), args.postgres)
        try:
            fill(url, encoder, photos(count))
            sides = {"worker": lambda: work(url, encoder, args.batch, count), name: other}
            for number in range(args.rounds + 1):
                for side in list(sides)[:: 1 if number % 2 else -1]:
                    cost = sides[side]()
                    if number:  # the first round warms up
                        costs[side].append(cost)
        finally:
            stop_embedded(Path(home), args.postgres)
    print(
        f"{encoder.identity}\n{count} photos, batch {args.batch}, "
        f"{torch_threads()} torch threads, {args.rounds} rounds"
    )
    for side, found in costs.items():
        rates = [count / cost.seconds for cost in found]
        work_each = statistics.median(cost.processor for cost in found) / count * 1000
        print(
            f"{side:14} {statistics.median(rates):6.1f}/s (median; {min(rates):.1f} to "
            f"{max(rates):.1f}), processor {work_each:.1f} ms a picture"
        )
    pairs = list(zip(costs["worker"], costs[name], strict=True))
    speed = statistics.median(peer.seconds / worker.seconds for worker, peer in pairs)
    effort = statistics.median(peer.processor / worker.processor for worker, peer in pairs)
    print(f"ratio {speed:.3f} of the speed (the target is 0.9), {effort:.3f} by processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["vit", "starter"])
    parser.add_argument("--model", help="folder of another model than the packaged starter")
    # Some seconds: the start and end of a worker, a quarter of a second, are no part of a rate.
    parser.add_argument("--count", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--postgres", type=int, default=18)
    args = parser.parse_args()
    calm_waiting()  # as `vitrine work` does before torch loads; both sides have it
    if not DATA.is_dir():
        raise SystemExit(f"the photos are missing: no folder {DATA}; set VITRINE_DATA")
    args.count = args.count or (1344 if args.what == "starter" else 256)
    files = photos(args.count)
    if args.what == "vit":
        with tempfile.TemporaryDirectory() as folder:
            encoder = load_encoder(str(random_vit(Path(folder))))
        starts = range(0, len(files), args.batch)
        batches = [decoded(encoder, files[start : start + args.batch]) for start in starts]
        compare(encoder, lambda: bare_model(encoder, batches), "bare model", args)
    else:
        encoder = load_encoder(args.model or "starter")
        loop = "straight loop"
        compare(encoder, lambda: straight_loop(encoder, files, args.batch), loop, args)


if __name__ == "__main__":
    main()
