"""What a shop's schema stands on: the extension, the schema itself and the three roles."""

from __future__ import annotations

import psycopg
from psycopg import sql

from vitrine.database import Connection
from vitrine.errors import DatabaseError

__all__ = ["ROLES", "advice", "become_owner", "create_extension", "create_roles", "create_schema"]

ROLES = ("app", "worker", "analyst")


def create_extension(connection: Connection) -> None:
    """Create pgvector in the schema public, unless the database has it anywhere.

    Raises:
        DatabaseError: the login may not; the message is what an administrator runs.

    """
    found = connection.execute("SELECT FROM pg_extension WHERE extname = 'vector'").fetchone()
    if found is not None:
        return
    try:
        with connection.transaction():
            # Named, or a search_path of the login's own would decide where every shop finds it.
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"the login {_login(connection)} may not create the extension; let an administrator "
            "run in this database: CREATE EXTENSION vector SCHEMA public",
            sqlstate=error.sqlstate,
        ) from error


def create_schema(connection: Connection, schema: str) -> None:
    """Create the shop's schema, or make sure that the one of this name is a shop's or empty.

    Raises:
        DatabaseError: the login may not create it, or it holds somebody else's tables.

    """
    found = connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    if found is None:
        try:
            with connection.transaction():
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        except psycopg.errors.InsufficientPrivilege as error:
            login = _login(connection)
            statement = sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(
                sql.Identifier(schema), sql.Identifier(login)
            )
            raise DatabaseError(
                f"the login {login} may not create the schema; let an administrator run in this "
                f"database: {statement.as_string(connection)}",
                sqlstate=error.sqlstate,
            ) from error
        return
    extension = connection.execute(
        "SELECT FROM pg_extension WHERE extname = 'vector' "
        "AND extnamespace = quote_ident(%s)::regnamespace",
        (schema,),
    ).fetchone()
    if extension is not None:
        raise DatabaseError(
            f"the schema {schema} holds the extension, which is on the search path of every shop "
            "in this database; choose a schema of its own for the shop with VITRINE_SCHEMA"
        )
    others = _tables_of_others(connection, schema)
    if others:
        raise DatabaseError(
            f"the schema {schema} holds tables that are not Vitrine's ({', '.join(others)}); "
            "choose a schema of its own for the shop with VITRINE_SCHEMA"
        )


def become_owner(connection: Connection, schema: str) -> None:
    """Go on as the schema's owner, so that all in it has one owner, whoever runs the upgrade.

    Lasts until the end of the transaction.

    Raises:
        DatabaseError: the schema belongs to a role that the login is no member of.

    """
    row = connection.execute(
        "SELECT r.rolname, r.rolname = current_user, pg_has_role(r.oid, 'SET') "
        "FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = %s",
        (schema,),
    ).fetchone()
    if row is None:
        raise DatabaseError(f"the schema {schema} has gone; run `vitrine upgrade` again")
    owner, is_owner, may_become = row
    if is_owner or owner == "pg_database_owner":
        return
    if not may_become:
        raise DatabaseError(
            f"the schema {schema} belongs to {owner}: run `vitrine upgrade` as that login, or let "
            f"an administrator make {_login(connection)} a member of it"
        )
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))


def create_roles(connection: Connection, schema: str) -> list[str]:
    """Create the three roles that are missing; return a note where the login may not."""
    skipped = []
    for role in (f"{schema}_{suffix}" for suffix in ROLES):
        found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        if found is not None:
            continue
        create = sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role))
        try:
            with connection.transaction():
                connection.execute(create)
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            continue  # an upgrade of another database of this server was quicker
        except psycopg.errors.InsufficientPrivilege:
            skipped.append(create.as_string(connection))
    if not skipped:
        return []
    return [
        f"skipped the roles, because {_login(connection)} lacks CREATEROLE; let an administrator "
        f"run: {'; '.join(skipped)}; then run `vitrine upgrade` again for their rights"
    ]


def advice(connection: Connection, schema: str) -> list[str]:
    """What the operator should mend around the schema, where Vitrine itself touches nothing."""
    rows = connection.execute(
        "SELECT n.nspname, has_schema_privilege('public', n.oid, 'CREATE') "
        "FROM pg_namespace n WHERE n.nspname = %s "
        "OR n.oid = (SELECT extnamespace FROM pg_extension WHERE extname = 'vector')",
        (schema,),
    ).fetchall()
    notes = [
        f"every login may create objects in the schema {name}, on the shop's search path, and so "
        f"slip in functions of its own; let an administrator run: REVOKE CREATE ON SCHEMA {name} "
        "FROM PUBLIC"
        for name, open_to_all in rows
        if open_to_all
    ]
    blocked = connection.execute(
        "SELECT n.nspname, string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname) "
        "FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "JOIN pg_roles r ON r.rolname = ANY(%s) "
        "WHERE e.extname = 'vector' AND NOT has_schema_privilege(r.oid, n.oid, 'USAGE') "
        "GROUP BY n.nspname",
        ([f"{schema}_{suffix}" for suffix in ROLES],),
    ).fetchone()
    if blocked is not None:
        notes.append(
            f"the roles cannot reach pgvector; let an administrator run: GRANT USAGE ON SCHEMA "
            f"{blocked[0]} TO {blocked[1]}"
        )
    return notes


def _tables_of_others(connection: Connection, schema: str) -> list[str]:
    """Up to five tables of a schema that Vitrine has not made; none where it has been before."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = quote_ident(%(schema)s)"
            "::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
            "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass "
            "AND d.objid = c.oid AND d.deptype = 'e') "
            "AND 3 > (SELECT count(*) FROM pg_class known "
            "WHERE known.relnamespace = c.relnamespace "
            "AND known.relname IN ('alembic_version', 'product', 'setting')) "
            "ORDER BY c.relname LIMIT 5",
            {"schema": schema},
        )
    ]


def _login(connection: Connection) -> str:
    row = connection.execute("SELECT current_user").fetchone()
    return str(row[0]) if row else "in use"
