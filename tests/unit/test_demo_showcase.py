"""What the demo asks and what it suggests: commands that a shell reads as they were meant."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from vitrine.demo.asking import Answer
from vitrine.demo.next_steps import next_steps
from vitrine.demo.personal import Asked, Personal
from vitrine.demo.products import products
from vitrine.demo.shoppers import Shopper
from vitrine.demo.showcase import Search, draw_query, showcase
from vitrine.settings import Settings


@pytest.fixture(scope="module")
def searches():
    return showcase(tuple(products(60)), Path("images"), Path("out folder/query.jpg"))


def commands(searches, url_option=None, **settings):
    answers = [Answer(search=each, found=[], encoding=None, seconds=0.1) for each in searches]
    return [command for _, command in next_steps(Settings(**settings), answers, url_option)]


def test_every_sort_of_search_is_shown(searches):
    assert {each.sort for each in searches} == {
        "words", "words and filters", "picture", "similar", "similar, but",
    }  # fmt: skip
    assert all((each.words, each.picture, each.product).count(None) == 2 for each in searches)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_any_shop_can_be_asked(count):
    found = tuple(products(count))
    asked = {each.product for each in showcase(found, Path(), Path("q.jpg")) if each.product}
    assert asked <= {product.sku for product in found}


def test_a_command_says_all_that_was_asked():
    search = Search(title="x", words="it's a mug", filters={"price": {"lt": 20}})
    name, words, option, filters = shlex.split(search.command)
    assert (name, words, option) == ("search", "it's a mug", "--filters")
    assert json.loads(filters) == {"price": {"lt": 20}}
    assert shlex.split(Search(title="x", product="A B").command) == ["similar", "A B"]
    picture = Search(title="x", picture=Path("my photo.jpg"))
    assert shlex.split(picture.command) == ["search", "--image", "my photo.jpg"]


def test_the_query_is_drawn_the_same_again(tmp_path):
    one, two = draw_query(tmp_path / "one.jpg"), draw_query(tmp_path / "two.jpg")
    assert one.read_bytes() == two.read_bytes()


def test_the_suggestions_name_the_schema_and_stop_the_embedded_server(searches):
    found = commands(searches, VITRINE_SCHEMA="my demo")
    asking = [shlex.split(each) for each in found if " search " in each or " similar " in each]
    assert len(asking) == 5
    assert all(words[-2:] == ["--schema", "my demo"] for words in asking)
    assert found[-1].endswith("database stop")


def test_the_suggestions_carry_the_model_and_the_database_of_the_run(searches):
    url = "postgresql://me@host/shop?sslmode=require&application_name=a"
    found = commands(searches, url, database_url=url, model="my model")
    assert shlex.split(found[0])[0] == "VITRINE_MODEL=my model"
    assert shlex.split(found[0])[-2:] == ["--database-url", url]
    assert not [each for each in found if "database stop" in each]


@pytest.mark.parametrize("schema", ["vitrine_demo", "Mein Laden", 'od"d'])
def test_the_suggested_sql_survives_the_shell(searches, schema):
    [command] = [each for each in commands(searches, VITRINE_SCHEMA=schema) if "psql" in each]
    statement = shlex.split(command)[-1]
    quoted = schema if schema == "vitrine_demo" else '"' + schema.replace('"', '""') + '"'
    assert statement.startswith(f"SELECT * FROM {quoted}.search('")


def test_a_search_for_a_shopper_is_suggested_where_there_is_one(searches):
    personal = Personal(
        asked=[Asked(title="x", category="women"), Asked(title="y", words="it's a jacket")],
        shoppers=[Shopper(client="o'neil", likes=())],
        general=[],
        answers={},
        for_you={},
    )
    answers = [Answer(search=each, found=[], encoding=None, seconds=0.1) for each in searches]
    found = [command for _, command in next_steps(Settings(), answers, None, personal)]
    [search, recommended] = [shlex.split(each)[-1] for each in found if "o'" in each]
    assert ".search('it''s a jacket', client => 'o''neil', k => 5)" in search
    assert ".for_you('o''neil', k => 5)" in recommended
    assert len(found) == len(commands(searches)) + 2
