"""What each of the three roles can do, and what not, tried with logins of each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from vitrine.database import Connection, set_search_path

Login = Callable[[str | None], Connection]

CATALOGUE = """
    INSERT INTO product (external_id) VALUES ('P1');
    INSERT INTO variant (product_id, sku, price) SELECT product_id, 'P1-S', 10 FROM product;
    INSERT INTO image (product_id, uri) SELECT product_id, 'p1.jpg' FROM product;
    INSERT INTO caption (product_id, locale, source, text)
    SELECT product_id, 'en', 'catalogue', 'Jacket' FROM product"""
QUEUE = "SELECT kind, input_version FROM work_queue ORDER BY kind, input_version"


@pytest.fixture
def filled(connection: Connection) -> Connection:
    """The owner's connection to a shop with one product and one space."""
    connection.execute("SELECT create_space('model', 'revision', 2, 'plain')")
    connection.execute(CATALOGUE)
    return connection


@pytest.fixture
def login(filled: Connection, database: str) -> Iterator[Login]:
    """Return a function that connects as a fresh login of a role, or of none."""
    opened: list[tuple[sql.Identifier, Connection]] = []

    def connect(role: str | None) -> Connection:
        name = f"login_{uuid.uuid4().hex[:8]}"
        member = sql.SQL("IN ROLE {}").format(sql.Identifier(f"vitrine_{role}"))
        filled.execute(
            sql.SQL("CREATE ROLE {} LOGIN {}").format(
                sql.Identifier(name), member if role else sql.SQL("")
            )
        )
        connection = psycopg.connect(
            psycopg.conninfo.make_conninfo(database, user=name), autocommit=True
        )
        set_search_path(connection, "vitrine")
        opened.append((sql.Identifier(name), connection))
        return connection

    yield connect
    for name, connection in opened:
        connection.close()
        filled.execute(sql.SQL("DROP OWNED BY {}").format(name))
        filled.execute(sql.SQL("DROP ROLE {}").format(name))


@contextmanager
def refused(statement: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        return
    pytest.fail(f"allowed: {statement}")


def test_the_app_writes_catalogue_and_history_and_the_triggers_queue_the_work(
    login: Login, filled: Connection
) -> None:
    app = login("app")
    app.execute("UPDATE variant SET price = 12, stock = 3")
    assert filled.execute(QUEUE).fetchall() == [("caption", 1), ("image", 1)]
    app.execute("UPDATE image SET uri = 'new.jpg'")
    app.execute("INSERT INTO image (product_id, uri) SELECT product_id, 'two.jpg' FROM product")
    assert filled.execute(QUEUE).fetchall() == [("caption", 1), ("image", 1), ("image", 2)]
    app.execute("INSERT INTO category (name) VALUES ('Women')")
    app.execute("UPDATE product SET brand = 'Acme'")
    row = app.execute("SELECT understand('acme') -> 'filters'").fetchone()
    assert row == ({"brand": "Acme"},)
    app.execute("INSERT INTO product_text (product_id, locale, title) SELECT 1, 'en', 'Jacket'")
    app.execute("INSERT INTO query (user_query) VALUES ('jacket')")
    app.execute("INSERT INTO event (action_name, object_id) VALUES ('click', 'P1')")
    app.execute("SELECT ensure_partitions('2015-01-01', '2015-01-31')")
    app.execute(
        "INSERT INTO event (action_name, object_id, timestamp) VALUES ('click', 'P1', '2015-01-09')"
    )
    app.execute("DELETE FROM product")
    assert filled.execute(QUEUE).fetchall() == []


APP_MAY_NOT = [
    "UPDATE work_queue SET priority = 9",
    "DELETE FROM work_queue",
    "INSERT INTO image_vector_1 VALUES (1, 1, '[1,0]', 1, '')",
    "DELETE FROM caption_vector_1",
    "INSERT INTO query_vector VALUES (1, 'text', 'k', 'q', '[1,0]')",
    "SELECT * FROM encoding_request",
    "UPDATE event SET action_name = 'other'",
    "DELETE FROM query",
    "INSERT INTO event_2015_01 (action_name) VALUES ('click')",
    "SELECT * FROM client_secret",
    "SELECT client_pseudonym('u-42')",
    "SELECT * FROM opt_out",
    "SELECT * FROM forgotten",
    "DELETE FROM kept_history",
    "DELETE FROM vocabulary",
    "INSERT INTO vocabulary_doubt (field, name, value) VALUES ('brand', '', 'x')",
    "INSERT INTO space (name, model, revision, dimension, preprocessing)"
    " VALUES ('n', 'm', 'r', 2, 'p')",
    "SELECT create_space('other', 'revision', 2, 'plain')",
    "SELECT create_vector_table('image', 7, 2)",
    "CREATE TABLE mine (id int)",
    "ALTER TABLE product ADD COLUMN mine int",
    "DROP TRIGGER image_enqueue_inserted ON image",
    "TRUNCATE product CASCADE",
    "UPDATE alembic_version SET version_num = 'x'",
]


def test_the_app_can_do_no_more(login: Login) -> None:
    app = login("app")
    app.execute("SELECT ensure_partitions('2015-01-01', '2015-01-31')")
    for statement in APP_MAY_NOT:
        with refused(statement):
            app.execute(statement.encode())


def test_the_worker_writes_vectors_the_queue_and_what_it_saw(login: Login) -> None:
    worker = login("worker")
    worker.execute("UPDATE work_queue SET lease_token = gen_random_uuid()")
    worker.execute(
        "INSERT INTO image_vector_1 (product_id, image_id, embedding, input_version, content)"
        " SELECT product_id, image_id, '[1,0]', input_version, '' FROM image"
    )
    worker.execute("DELETE FROM work_queue")
    worker.execute("UPDATE image SET sha256 = '', byte_size = 1, width = 1, height = 1")
    worker.execute("INSERT INTO query_vector VALUES (1, 'text', 'k', 'q', '[1,0]')")
    worker.execute("DELETE FROM encoding_request")
    row = worker.execute("SELECT create_space('other', 'revision', 3, 'plain')").fetchone()
    assert row
    worker.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(f"image_vector_{row[0]}")))
    worker.execute("SELECT ensure_partitions()")
    worker.execute("SELECT tend_vocabulary()")
    worker.execute("SELECT tend_histories()")
    worker.execute("SELECT tend_shares('0')")
    worker.execute("SELECT fold_facets()")
    worker.execute("SELECT tend_price_bands(1)")


WORKER_MAY_NOT = [
    "UPDATE variant SET price = 0",
    "UPDATE image SET uri = 'other.jpg'",
    "UPDATE image SET input_version = 9",
    "UPDATE caption SET text = 'other'",
    "DELETE FROM product",
    "INSERT INTO product (external_id) VALUES ('P2')",
    "SELECT * FROM event",
    "SELECT * FROM quarantine",
    "SELECT * FROM kept_history",
    "SELECT * FROM search_log",
    "INSERT INTO event (action_name) VALUES ('click')",
    "UPDATE setting SET value = '1'",
    "DELETE FROM space",
    "SELECT create_vector_table('image', 7, 2)",
    "CREATE TABLE mine (id int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
    "TRUNCATE work_queue",
    "DROP INDEX image_vector_1_hnsw_idx",
]


def test_the_worker_can_do_no_more(login: Login) -> None:
    worker = login("worker")
    for statement in WORKER_MAY_NOT:
        with refused(statement):
            worker.execute(statement.encode())


# What an analyst may not read, or not whole.
HIDDEN = {"encoding_request", "client_secret", "forgotten", "opt_out", "forget_gate"}
IN_PART = {"query", "event", "query_vector"}


def test_the_analyst_reads_everything_but_who_the_shoppers_are(login: Login) -> None:
    analyst = login("analyst")
    rows = analyst.execute(
        "SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
        " AND a.attname IN ('client_id', 'session_id')) FROM pg_class c"
        " WHERE c.relnamespace = 'vitrine'::regnamespace AND c.relkind IN ('r', 'p', 'v')"
    ).fetchall()
    assert len(rows) > 20
    for table, keyed in rows:
        statement = sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(table))
        if keyed or table in HIDDEN | IN_PART:
            with refused(table):
                analyst.execute(statement)
        else:
            analyst.execute(statement)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("query", ["client_id", "session_id", "user_query", "query_attributes"]),
        # An object may be anything, such as an address, and not a product.
        (
            "event",
            [
                "client_id",
                "session_id",
                "object_id",
                "order_id",
                "message",
                "event_attributes",
            ],
        ),
        ("query_vector", ["query"]),
    ],
)
def test_the_analyst_reads_the_columns_that_name_nobody(
    login: Login, filled: Connection, table: str, columns: list[str]
) -> None:
    analyst = login("analyst")
    rows = filled.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (table,)
    ).fetchall()
    open_columns = [sql.Identifier(name) for (name,) in rows if name not in columns]
    assert len(open_columns) > 3
    analyst.execute(
        sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(open_columns), sql.Identifier(table))
    )
    for column in columns:
        with refused(f"{table}.{column}"):
            analyst.execute(f"SELECT count({column}) FROM {table}".encode())


def test_the_analyst_searches_and_asks_for_an_encoding(login: Login, filled: Connection) -> None:
    analyst = login("analyst")
    analyst.execute("SELECT * FROM search(NULL, k => 5)")
    analyst.execute("SELECT understand('red jacket under 50')")
    with pytest.raises(psycopg.Error, match="no worker answered"):
        analyst.execute("CALL encode('black jacket', timeout_ms => 1)")
    assert filled.execute("SELECT query FROM encoding_request").fetchall() == [("black jacket",)]
    with pytest.raises(psycopg.Error, match="no worker answered"):
        analyst.execute("CALL encode(image_url => 'https://shop.example/x', timeout_ms => 1)")
    with pytest.raises(psycopg.Error, match="has no vector yet"):
        analyst.execute('SELECT search(terms => \'[{"image": "https://shop.example/x"}]\')')


@pytest.mark.parametrize("role", ["analyst", "worker"])
def test_who_reads_no_events_is_recommended_what_concerns_nobody(
    login: Login, filled: Connection, role: str
) -> None:
    key = filled.execute("SELECT min(external_id) FROM product").fetchone()
    other = login(role)
    for call in ("trending(k => 3)", "new_arrivals(k => 3)", "for_you(k => 3)"):
        other.execute(f"SELECT * FROM {call}".encode())
    for name in ("similar_products", "bought_together", "viewed_after", "complete_the_look"):
        other.execute(f"SELECT * FROM {name}(%s)".encode(), key)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="for a shopper") as refused:
            other.execute(f"SELECT * FROM {name}(%s, client => 'u')".encode(), key)
        assert "_app" in str(refused.value.diag.message_hint)


def test_the_analyst_writes_nothing(login: Login) -> None:
    analyst = login("analyst")
    tables = analyst.execute(
        "SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = 'vitrine'::regnamespace"
        " AND c.relkind IN ('r', 'p', 'v')"
    ).fetchall()
    for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
        allowed = [
            name
            for oid, name in tables
            if analyst.execute("SELECT has_table_privilege(%s::oid, %s)", (oid, right)).fetchone()
            != (False,)
        ]
        assert allowed == [], right
    for call in (
        "SELECT create_space('other', 'revision', 2, 'plain')",
        "SELECT ensure_partitions('2015-01-01', '2015-01-31')",
        "SELECT import_clear()",
        "CREATE TABLE mine (id int)",
    ):
        with refused(call):
            analyst.execute(call)


def test_a_login_without_a_role_reaches_nothing(login: Login) -> None:
    stranger = login(None)
    for statement in (
        "SELECT * FROM vitrine.product",
        "SELECT * FROM vitrine.search('jacket')",
        "CALL vitrine.encode('jacket')",
        "SELECT vitrine.normalize_query('x')",
    ):
        with refused(statement):
            stranger.execute(statement)


def test_public_holds_no_right_in_the_schema(connection: Connection) -> None:
    row = connection.execute(
        "SELECT"
        " (SELECT array_agg((c.relname, a.privilege_type)::text)"
        "  FROM pg_class c, aclexplode(c.relacl) a"
        "  WHERE c.relnamespace = 'vitrine'::regnamespace AND a.grantee = 0),"
        " (SELECT count(*) FROM pg_proc p,"
        "  aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        "  WHERE p.pronamespace = 'vitrine'::regnamespace AND a.grantee = 0),"
        " (SELECT count(*) FROM pg_namespace n, aclexplode(n.nspacl) a"
        "  WHERE n.nspname = 'vitrine' AND a.grantee = 0)"
    ).fetchone()
    assert row == (None, 0, 0)


@pytest.mark.parametrize("role", ["app", "worker", "analyst"])
def test_a_role_has_rights_in_its_own_schema_only(login: Login, role: str) -> None:
    rows = login(role).execute(
        "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'vitrine', 'pg_toast')"
        " AND c.relkind IN ('r', 'v') AND has_table_privilege(c.oid, 'SELECT')"
    )
    assert rows.fetchall() == []


def test_what_runs_as_its_owner_looks_into_the_shop_alone(connection: Connection) -> None:
    rows = connection.execute(
        "SELECT p.proname, p.proconfig FROM pg_proc p"
        " WHERE p.pronamespace = 'vitrine'::regnamespace AND p.prosecdef"
    ).fetchall()
    assert len(rows) > 5
    for name, settings in rows:
        assert "search_path=vitrine, pg_temp" in settings, name


# Each fits a call inside the functions better than the one meant, or shadows what they use.
TRAPS = """
    CREATE FUNCTION {place}.format(text, text, integer) RETURNS text LANGUAGE sql
    AS 'SELECT {place}.spring()::text';
    CREATE FUNCTION {place}.format(text, text, text) RETURNS text LANGUAGE sql
    AS 'SELECT {place}.spring()::text';
    CREATE FUNCTION {place}.concat_ws(text, text, text) RETURNS text LANGUAGE sql
    AS 'SELECT {place}.spring()';
    CREATE FUNCTION {place}.pg_notify(name, text) RETURNS void LANGUAGE sql
    AS 'SELECT {place}.spring()';
    CREATE FUNCTION {place}.glue(name, text) RETURNS text LANGUAGE sql
    AS 'SELECT {place}.spring()::text';
    CREATE OPERATOR {place}.|| (LEFTARG = name, RIGHTARG = text, FUNCTION = {place}.glue)"""


@pytest.mark.parametrize("place", ["public", "pg_temp"])
def test_nothing_outside_the_schema_hijacks_what_runs_as_its_owner(
    login: Login, filled: Connection, place: str
) -> None:
    filled.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    attacker = login("worker")
    attacker.execute(
        f"CREATE FUNCTION {place}.spring() RETURNS text LANGUAGE plpgsql"
        " AS $$BEGIN RAISE 'sprung by %', current_user; END$$".encode()
    )
    attacker.execute(TRAPS.format(place=place).encode())
    attacker.execute("CREATE TEMP TABLE space (space_id int, status text)")
    attacker.execute("SET search_path = pg_temp, public, vitrine")
    attacker.execute("SELECT vitrine.create_space('other', 'revision', 2, 'plain')")
    app = login("app")
    app.execute("SET search_path = pg_temp, public, vitrine")
    app.execute("UPDATE vitrine.image SET uri = 'other.jpg'")
    app.execute("UPDATE vitrine.product SET status = 'retired'")
    app.execute("UPDATE vitrine.product SET status = 'active'")
    app.execute("DELETE FROM vitrine.image")
    app.execute("SELECT vitrine.ensure_partitions('2014-01-01', '2014-02-01')")
