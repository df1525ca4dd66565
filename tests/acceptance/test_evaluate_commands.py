"""`vitrine evaluate`, `tune` and `experiment`, as an analyst runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.searchable import Product, add_product, make_space
from vitrine.database import Connection

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def filled(connection: Connection) -> Connection:
    """Thirty coats that households buy, and what they bought before and after a moment."""
    make_space(connection)
    connection.execute("SELECT ensure_partitions('2026-01-01', '2026-12-31')")
    for number in range(30):
        add_product(
            connection,
            Product(f"P{number}", categories=["Coats"], popularity=30 - number, brand="A"),
        )
    connection.execute(
        "INSERT INTO event (action_name, client_id, object_id, timestamp) "
        "SELECT 'purchase', 'u' || n % 40, 'P' || n * 7 % 30, "
        "timestamptz '2026-02-01+00' + n * interval '1 hour' FROM generate_series(1, 400) n"
    )
    return connection


def test_an_evaluation_is_a_table_json_and_a_page(
    run_vitrine: Run, database: str, filled: Connection, tmp_path: Path
) -> None:
    done = run_vitrine(
        "evaluate", "--compare", 'plain={"strength": 0}', "--compare", "personal",
        "--json", "figures.json", "--html", "report.html", url=database,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "nDCG@10" in done.stdout
    assert "personal − plain" in done.stdout
    assert "repeat items" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["variations"] == ["plain", "personal"]
    # All shoppers' histories are of one length, so that there is no plot by it.
    assert (tmp_path / "report.html").read_text().count("<svg") == 3
    printed = run_vitrine("evaluate", "--json", "-", url=database)
    assert json.loads(printed.stdout)["variations"] == ["search"]


def test_judgements_come_from_a_file(
    run_vitrine: Run, database: str, filled: Connection, tmp_path: Path
) -> None:
    (tmp_path / "j.csv").write_text(
        'query,filters,external_id,grade\n,"{""category"": ""coats""}",P0,3\n'
    )
    done = run_vitrine("evaluate", "--judgements", "j.csv", url=database)
    assert done.returncode == 0, done.stderr
    assert "1.000 [1.000, 1.000]" in done.stdout


def test_a_refused_evaluation_leaves_no_file_and_keeps_an_old_one(
    run_vitrine: Run, database: str, connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_text("{}")
    done = run_vitrine("evaluate", "--html", "new.html", "--json", "old.json", url=database)
    assert done.returncode == 1, done.stderr
    assert not (tmp_path / "new.html").exists()
    assert (tmp_path / "old.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--compare", "{}"], "has no name"),
        (["evaluate", "--compare", "a={"], "the options are no valid JSON"),
        (["evaluate", "--compare", "a", "--compare", "a"], "two variations are called a"),
        (["evaluate", "--compare", 'a={"nonsense": 1}'], 'unknown option "nonsense"'),
        (["evaluate", "--cut", "soon"], "--cut is soon"),
        (["evaluate", "--k", "0"], "give 1 <= k"),
        (["evaluate", "--html", "none/report.html"], "there is no folder none"),
        (["evaluate", "--html", "."], ". is a folder: name a file, such as report.html"),
        (["evaluate", "--json", "/"], "/ is a folder: name a file, such as /figures.json"),
        (["evaluate", "--json", "/proc/figures.json"], "/proc/figures.json cannot be written"),
        (["evaluate", "--html", "r" * 300], "cannot be written: File name too long"),
        (["evaluate", "--seed", "-1"], "the seed is -1: give a whole number, 0 or more"),
        (["evaluate", "--cases", "-5"], "the number of cases is -5: give 1 to"),
        (["evaluate", "--cases", "0"], "the number of cases is 0: give 1 to"),
        (["evaluate", "--candidates", "0"], "the candidates are 0: give 1 or more"),
        (["evaluate", "--judgements", "none.csv"], "cannot be read"),
        (["tune", "--seed", "-1"], "the seed is -1: give a whole number, 0 or more"),
        (["tune"], "no page was logged"),
        (["tune", "--k", "0"], "k, where a page ends, is 0: give 1 to 1,000"),
        (["tune", "--days", "99999999"], "--days is 99999999: give 1 to 36,525"),
        (["tune", "--days", "-5"], "--days is -5: give 1 to 36,525"),
        (["tune", "--until", "0001-02-01T00:00+00:00"], "there is no date"),
        (["tune", "--pages", "0"], "the most pages to learn from are 0: give 1 to"),
        (["tune", "--clip", "nan"], "the most that one choice counts, is nan: give 1 or more"),
        (["tune", "--list", "--back"], "give one of them"),
        (["tune", "--activate", "3"], "there are no weights of version 3"),
        (["experiment", "create", "x", "--arm", "a"], "--arm a cannot be read"),
        (["experiment", "create", "x", "--arm", "a=1", "--arm", "b=1"], "add up to 2"),
        (
            [
                "experiment",
                "create",
                "x",
                "--kind",
                "interleaving",
                "--metric",
                "revenue",
                "--arm",
                "a=0.5",
                "--arm",
                "b=0.5",
            ],
            "give clicks, carts or purchases, or create an ab experiment",
        ),
        (["experiment", "report", "x"], 'no experiment "x"'),
        (["experiment", "stop", "x"], "there is no experiment"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    run_vitrine: Run, database: str, filled: Connection, arguments: list[str], said: str
) -> None:
    done = run_vitrine(*arguments, url=database)
    assert done.returncode == 1
    assert said in done.stderr.replace("\n", " ")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_no_version_has_a_number_beyond_integers(run_vitrine: Run) -> None:
    done = run_vitrine("tune", "--activate", "99999999999")
    assert done.returncode == 2
    assert "--activate" in done.stderr


def test_versions_of_weights_are_listed_activated_and_taken_back(
    run_vitrine: Run, database: str, connection: Connection
) -> None:
    def tune(*arguments: str) -> str:
        done = run_vitrine("tune", *arguments, url=database)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "the defaults are in force" in tune("--list")
    connection.execute("""SELECT keep_weights('{"taste": 1}', 'a first try')""")
    assert "a first try" in tune("--list")
    assert tune("--activate", "1") == "version 1 is in force\n"
    assert json.loads(tune("--list", "--json"))[0]["active"] is True
    assert tune("--back") == "the defaults are in force\n"


def test_an_experiment_is_created_changed_reported_and_stopped(
    run_vitrine: Run, database: str, filled: Connection
) -> None:
    def experiment(*arguments: str) -> str:
        done = run_vitrine("experiment", *arguments, url=database)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert experiment("list") == "no experiment\n"
    made = experiment(
        "create", "order", "--arm", "control=0.5", "--arm", 'fresh=0.5:{"sort": "newest"}',
        "--starts", "2026-01-01T00:00+00:00",
    )  # fmt: skip
    assert "order: ab of control 50%, fresh 50%, decided by buyers" in made
    assert "no end is planned" in made
    assert "running" in experiment("list")
    filled.execute("INSERT INTO query (client_id) SELECT 'u' || n FROM generate_series(0, 39) n")
    report = experiment("report", "order")
    assert "a look before the end" in report
    assert "buyers" in report
    arms = json.loads(experiment("report", "order", "--json"))["arms"]
    assert sum(arm["shoppers"] for arm in arms) == 40
    assert "fresh 20%" in experiment(
        "shares", "order", "--arm", "control=0.2", "--arm", 'fresh=0.2:{"sort": "newest"}'
    )
    assert experiment("stop", "order") == "order is stopped\n"
    assert json.loads(experiment("list", "--json"))[0]["stopped_at"] is not None
