"""What PostgreSQL's catalog says of one schema or of a whole database, as comparable lines."""

from __future__ import annotations

from typing import Any

import psycopg

from vitrine.database import Connection

# Everything that a schema holds, each with its definition, owner, rights and comment. Numbers that
# differ from one making to the next (OIDs) are resolved to names by the server's own functions.
SCHEMA_PARTS = {
    "schema": """
        SELECT n.nspname, pg_get_userbyid(n.nspowner), n.nspacl::text[],
            obj_description(n.oid, 'pg_namespace')
        FROM pg_namespace n WHERE n.oid = %(schema)s::regnamespace""",
    "relation": """
        SELECT c.relname, c.relkind, c.relpersistence, pg_get_userbyid(c.relowner),
            c.relacl::text[], c.reloptions::text, c.relrowsecurity, pg_get_partkeydef(c.oid),
            pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid, 'pg_class'),
            CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END
        FROM pg_class c WHERE c.relnamespace = %(schema)s::regnamespace""",
    "column": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attstorage,
            a.attcompression, a.attcollation::regcollation::text, a.attacl::text[],
            col_description(a.attrelid, a.attnum)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = %(schema)s::regnamespace AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraint": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid), convalidated,
            obj_description(oid, 'pg_constraint')
        FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace
            AND contype <> 't' -- those are triggers, see below""",
    "index": """
        SELECT c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisprimary
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = %(schema)s::regnamespace""",
    "routine": """
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner),
            p.proacl::text[], obj_description(p.oid, 'pg_proc')
        FROM pg_proc p WHERE p.pronamespace = %(schema)s::regnamespace AND p.prokind <> 'a'""",
    "trigger": """
        SELECT t.tgrelid::regclass::text, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = %(schema)s::regnamespace AND NOT t.tgisinternal""",
    "sequence": """
        SELECT c.relname, s.seqtypid::regtype::text, s.seqstart, s.seqincrement, s.seqmax
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        WHERE c.relnamespace = %(schema)s::regnamespace""",
    "type": """
        SELECT t.typname, t.typtype FROM pg_type t
        WHERE t.typnamespace = %(schema)s::regnamespace AND t.typtype NOT IN ('c', 'b')""",
}
# What an upgrade might touch outside its schema, and must not.
DATABASE_PARTS = {
    "database": """
        SELECT datname, pg_get_userbyid(datdba), datacl::text, datconnlimit,
            shobj_description(oid, 'pg_database')
        FROM pg_database WHERE datname = current_database()""",
    "setting": """
        SELECT setdatabase, setrole::regrole::text, setconfig::text FROM pg_db_role_setting""",
    "namespace": """
        SELECT nspname, pg_get_userbyid(nspowner), nspacl::text,
            obj_description(oid, 'pg_namespace')
        FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'""",
    "extension": "SELECT extname, extversion, extnamespace::regnamespace::text FROM pg_extension",
    "role": """
        SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
            rolreplication, rolbypassrls, rolconfig::text FROM pg_roles""",
    "membership": """
        SELECT roleid::regrole::text, member::regrole::text, admin_option FROM pg_auth_members""",
    "event trigger": "SELECT evtname, evtevent FROM pg_event_trigger",
    "default right": "SELECT defaclrole::regrole::text, defaclacl::text FROM pg_default_acl",
}


def schema_lines(connection: Connection, schema: str) -> list[str]:
    """One line for everything in a schema; the schema's own name is written as <shop>."""
    with connection.transaction():
        # Names outside pg_catalog are written in full, so that both sides are told alike.
        connection.execute("SET LOCAL search_path = pg_catalog")
        return sorted(
            f"{part}: {_in_order(row)}".replace(schema, "<shop>")
            for part, query in SCHEMA_PARTS.items()
            for row in connection.execute(
                query, {"schema": psycopg.sql.Identifier(schema).as_string()}
            )
        )


def database_lines(connection: Connection) -> list[str]:
    """One line for everything about a database and its server that belongs to no shop's schema."""
    return sorted(
        f"{part}: {row}"
        for part, query in DATABASE_PARTS.items()
        for row in connection.execute(query)
    )


def _in_order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Rights have no order; they are the only arrays."""
    return tuple(sorted(value) if isinstance(value, list) else value for value in row)


def difference(left: list[str], right: list[str]) -> list[str]:
    """The lines that only one side has, signed."""
    return [f"- {line}" for line in left if line not in set(right)] + [
        f"+ {line}" for line in right if line not in set(left)
    ]
