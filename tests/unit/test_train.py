"""Training: pairs are read with clear errors, a run learns, and a stopped run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from tests.unit.tiny_models import save_tiny
from vitrine.cli import build
from vitrine.encoder import load_encoder
from vitrine.errors import CatalogueError, ImageError, ModelError, SettingsError
from vitrine.train.loop import Stage, Trainer, TrainOptions
from vitrine.train.pairs import FactIndex, PairSet, read_pairs
from vitrine.train.recipe import clothing_pairs, drawn_pairs
from vitrine.train.runs import RunOptions, fine_tune, parse_stages, starting_folder

COLOURS = {"red": (200, 20, 20), "blue": (20, 40, 200), "black": (10, 10, 10)}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads only wait for one another on models this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Twelve plain pictures with their colour as caption."""
    rows = []
    for number in range(12):
        word = list(COLOURS)[number % 3]
        shade = tuple(min(255, channel + number) for channel in COLOURS[word])
        Image.new("RGB", (40, 50), shade).save(tmp_path / f"{number}.png")
        rows.append({"image": f"{number}.png", "caption": f"a {word} shirt"})
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def options(tmp_path: Path) -> Callable[..., RunOptions]:
    """Return a function that makes the options of a short run."""

    def make(steps: int = 40, folder: str = "run") -> RunOptions:
        stages = (Stage(side=32, steps=steps),)
        return RunOptions(folder=tmp_path / folder, stages=stages, batch=12, rate=3e-3)

    return make


def test_a_run_learns_and_its_model_loads_as_an_encoder(
    table: Path, options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    start = save_tiny("vision-text-resnet", tmp_path / "tiny")
    lines: list[str] = []
    folder = fine_tune(table, start, options(100), lines.append)
    encoder = load_encoder(str(folder), device="cpu")
    pictures = [Image.new("RGB", (60, 60), shade) for shade in COLOURS.values()]
    similarity = (
        encoder.encode_images(pictures)
        @ encoder.encode_texts([f"a {word} shirt" for word in COLOURS]).T
    )
    assert similarity.argmax(1).tolist() == [0, 1, 2]
    assert "step 100/100" in lines[-2]
    assert encoder.identity != load_encoder(str(start), device="cpu").identity


def trainer(table: Path, start: Path, steps: int = 6) -> Trainer:
    import transformers

    network = transformers.VisionTextDualEncoderModel.from_pretrained(start)
    tokenizer = transformers.AutoTokenizer.from_pretrained(start)
    settings = TrainOptions(stages=(Stage(side=32, steps=steps),), batch=6)
    return Trainer(network, tokenizer, read_pairs(table, 40), settings)


def test_a_stopped_run_ends_like_one_that_was_not(table: Path, tmp_path: Path) -> None:
    start = save_tiny("vision-text-resnet", tmp_path / "tiny")
    whole = trainer(table, start)
    whole.run(say=lambda line: None)
    stopped = trainer(table, start)
    stopped.run(tmp_path / "half", say=lambda line: None, until=3)
    resumed = trainer(table, start)
    assert resumed.resume(tmp_path / "half")
    assert resumed.step == 3
    resumed.run(say=lambda line: None)
    expected = whole.average.module.visual_projection.weight
    got = resumed.average.module.visual_projection.weight
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def test_a_checkpoint_of_another_model_is_refused(table: Path, tmp_path: Path) -> None:
    trainer(table, save_tiny("vision-text-resnet", tmp_path / "a")).save(tmp_path / "run")
    other = trainer(table, save_tiny("vision-text-vit", tmp_path / "b"))
    with pytest.raises(ModelError, match="belongs to another run"):
        other.resume(tmp_path / "run")


def test_stages_change_the_side() -> None:
    settings = TrainOptions(stages=parse_stages("96:2,128:3"))
    assert [settings.side_at(step) for step in range(5)] == [96, 96, 128, 128, 128]
    assert settings.steps == 5


@pytest.mark.parametrize("text", ["96", "96:x", "100:5", "96:0", ""])
def test_stages_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="stages"):
        parse_stages(text)


def test_equal_captions_are_equal_facts(table: Path) -> None:
    pairs = read_pairs(table, 16)
    assert pairs.pixels.shape == (12, 16, 16, 3)
    assert pairs.truths[0].tolist() == pairs.truths[3].tolist()
    assert pairs.truths[0].tolist() != pairs.truths[1].tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,caption\n0.png,\n", "row 1: caption is missing"),
        ("picture,caption\n0.png,red\n", "row 1: image is missing"),
        ("image,caption\n", "no rows"),
    ],
)
def test_a_bad_table_is_explained(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(content)
    with pytest.raises(CatalogueError, match=message):
        read_pairs(path, 16)


def test_a_missing_table_or_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"none\.csv"):
        read_pairs(tmp_path / "none.csv", 16)
    (tmp_path / "pairs.csv").write_text("image,caption\nmissing.jpg,a red shoe\n")
    with pytest.raises(ImageError, match=r"missing\.jpg"):
        read_pairs(tmp_path / "pairs.csv", 16)


def test_a_model_to_start_from_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        starting_folder(str(tmp_path / "nothing"))


def claims_hold(pairs: PairSet, draws: int = 300) -> bool:
    rng = Random(5)
    for _ in range(draws):
        row = rng.randrange(len(pairs))
        caption = pairs.speak(row, -1, rng)
        truths = pairs.truths[row].tolist()
        said = zip(truths, caption.claims, strict=True)
        if any(claim not in {-1, truth} for truth, claim in said):
            return False
    return True


def test_captions_of_drawings_say_only_what_is_true_of_them() -> None:
    pairs = drawn_pairs(30, 32, FactIndex(), seed=4)
    assert pairs.pixels.dtype == torch.uint8
    assert claims_hold(pairs)


def test_the_recipe_never_sees_the_held_out_senders(tmp_path: Path) -> None:
    folder = tmp_path / "clothing"
    (folder / "images").mkdir(parents=True)
    rows = ["image,label,kids,sender_id"]
    for sender, label in [(5, "Dress"), (6, "Dress"), (7, "Not sure"), (10, "Hat"), (11, "Hat")]:
        noise = np.random.default_rng(sender).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"{sender}.png")
        rows.append(f"{sender}.png,{label},False,{sender}")
    (folder / "images.csv").write_text("\n".join(rows))
    pairs = clothing_pairs(folder, 40, FactIndex())
    assert len(pairs) == 2
    assert claims_hold(pairs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either a table of pairs or --recipe"),
        (["pairs.csv", "--recipe", "starter"], "either a table of pairs or --recipe"),
        (["--recipe", "other"], "no recipe 'other'"),
        (["--recipe", "starter"], "needs --data"),
        (["pairs.csv", "--model", "/no/such/folder"], "does not exist"),
        (["pairs.csv", "--stages", "soon"], "stages 'soon'"),
    ],
)
def test_the_command_says_what_is_missing(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(build(), ["train", *arguments])
    assert isinstance(done.exception, SettingsError | ModelError)
    assert message in str(done.exception)
