"""A language model's understanding: used where the vocabulary bears it out, else dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers as tf

from tests.integration.searchable import Product, add_product
from tests.integration.test_understand import sold
from tests.unit.tiny_models import WORDS, tiny_tokenizer
from vitrine.database import Connection
from vitrine.errors import ModelError
from vitrine.understander import Understander, load_understander, read_answer

QUERY = "something crimson, below fifty"
RED = '{"text": "crimson", "filter": {"options": {"color": "red"}}}'
CHEAP = '{"text": "below fifty", "filter": {"price": {"lt": 50}}}'


class Scripted(Understander):
    """Writes a given text."""

    def __init__(self, text: str) -> None:
        super().__init__(None, None)
        self.text = text

    def write(self, query: str) -> str:
        return self.text


@pytest.fixture
def shop(connection: Connection) -> Connection:
    add_product(connection, Product("A", categories=["Hats"], variants=sold("A", color="Red")))
    return connection


def test_an_answer_that_the_vocabulary_bears_out_is_used(shop: Connection) -> None:
    model = Scripted(f'Sure: {{"words": "crimson", "chips": [{RED}, {CHEAP}]}} and so on')
    answer = model.understand(shop, "vitrine", QUERY)
    assert answer.words == "crimson"
    assert answer.filters == {"all": [{"options": {"color": "red"}}, {"price": {"lt": 50}}]}
    assert [chip.text for chip in answer.chips] == ["crimson", "below fifty"]


@pytest.mark.parametrize(
    "written",
    [
        "I do not know",
        "{",
        '{"words": 3, "chips": []}',
        '{"words": "x", "chips": [3]}',
        '{"words": "x", "chips": [{"text": "not there", "filter": {"price": 3}}]}',
        '{"words": "x", "chips": [{"text": "crimson", "filter": {"options": {"color": "mauve"}}}]}',
        '{"words": "x", "chips": [{"text": "crimson", "filter": {"brand": "Nike"}}]}',
        '{"words": "x", "chips": [{"text": "crimson", "filter": {"category": "shoes"}}]}',
        '{"words": "x", "chips": [{"text": "crimson", "filter": {"price": "cheap"}}]}',
        '{"words": "x", "chips": [{"text": "crimson", "filter": {"sku": "A"}}]}',
        '{"words": "x", "chips": [{"text": "crimson", "filter": {"colour": "red"}}]}',
        '{"words": "x", "chips": [{"text": "crimson", "filter": {"any": 3}}]}',
        '{"words": "x", "chips": [{"text": "crimson", "filter": {"category": {"a": 1}}}]}',
        f'{{"words": "x", "chips": {"[" * 2000}',
    ],
)
def test_what_cannot_be_used_is_dropped_for_the_rules(shop: Connection, written: str) -> None:
    answer = Scripted(written).understand(shop, "vitrine", f"{QUERY} or under 40")
    assert answer.filters == {"price": {"lt": 40}}


def test_a_removed_part_is_not_brought_back(shop: Connection) -> None:
    model = Scripted(f'{{"words": "crimson", "chips": [{CHEAP}]}}')
    assert model.understand(shop, "vitrine", QUERY, without=["below fifty"]).filters == {}


def save_tiny(folder: Path, *, seq2seq: bool) -> Path:
    """A random model that writes words of the tiny tokenizer."""
    torch.manual_seed(0)
    size = len(WORDS) + 4
    special = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    network: tf.PreTrainedModel
    if seq2seq:
        shape = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
        network = tf.T5ForConditionalGeneration(
            tf.T5Config(vocab_size=size, decoder_start_token_id=0, **shape, **special)
        )
    else:
        shape = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 512}
        network = tf.GPT2LMHeadModel(tf.GPT2Config(vocab_size=size, **shape, **special))
    network.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("seq2seq", [False, True])
def test_a_real_model_is_loaded_and_asked(shop: Connection, tmp_path: Path, seq2seq: bool) -> None:
    model = load_understander(str(save_tiny(tmp_path / "tiny", seq2seq=seq2seq)))
    assert isinstance(model.write("red jacket"), str)
    assert model.understand(shop, "vitrine", "red under 50").filters == {
        "options": {"color": "Red"},
        "price": {"lt": 50},
    }


def test_pickled_weights_and_unpinned_hub_ids_are_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "tiny", seq2seq=False)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_understander(str(folder))
    with pytest.raises(ModelError, match="revision"):
        load_understander("some/model")


def test_an_answer_is_read_from_what_stands_around_it() -> None:
    assert read_answer("", "red") is None
    answer = read_answer('x {"words": "", "chips": []} y', "red")
    assert answer is not None
    assert (answer.words, answer.filters) == (None, {})
