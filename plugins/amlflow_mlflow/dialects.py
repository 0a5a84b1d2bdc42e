"""What differs in the SQL of the databases that are read in bulk."""

from __future__ import annotations

from typing import NamedTuple


class Dialect(NamedTuple):
    """The SQL that is different in each database.

    * ``find``: the function that finds a text in another one.
    * ``among``: the test whether an id is in a JSON list.
    * ``by_code_points``: makes texts compare by their code points.
    * ``is_whole``: the test whether a text is a whole number.
    * ``has_id``: the test whether a run's id is a text.
    * ``has_own_id``: the test whether a run's id has the form of the ids that MLflow makes.
    * ``is_key_of_point``: the test whether a row of ``metrics`` is of the metric ``{0}``.
    * ``joins_exists``: whether EXISTS is a join of two tables. If not, it is a lookup for each run.
    * ``set_up``: a statement to run first in each transaction.
    """

    find: str
    among: str
    by_code_points: str
    is_whole: str
    has_id: str
    has_own_id: str
    is_key_of_point: str
    joins_exists: bool
    set_up: str


DIALECTS = {
    "sqlite": Dialect(
        "instr",
        "IN (SELECT value FROM json_each(:ids))",
        "COLLATE BINARY",
        "({} GLOB '[0-9]*' AND {} NOT GLOB '*[^0-9]*' AND length({}) < 16)",
        "typeof(r.run_uuid) = 'text'",
        # length and GLOB end at a NUL; the length of the bytes does not.
        "length(CAST(r.run_uuid AS BLOB)) = 32 AND length(r.run_uuid) = 32"
        " AND r.run_uuid NOT GLOB '*[^0-9a-f]*'",
        # A range, since for one key SQLite would read the points of all runs. It then takes the
        # index of a run's points.
        "key BETWEEN {0} AND {0}",
        False,
        "",
    ),
    "postgresql": Dialect(
        "strpos",
        # An array, since PostgreSQL uses an index for it. For a set, it would read the whole table.
        "= ANY (ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))))",
        'COLLATE "C"',
        "({} ~ '^[0-9]{{1,15}}$')",
        "TRUE",
        # A pattern with {32} takes eight times as long: more than the rest of a count.
        "octet_length(r.run_uuid) = 32 AND r.run_uuid !~ '[^0-9a-f]'",
        "key = {0}",
        True,
        # PostgreSQL expects that each name is looked up in the tags, but hardly any run needs that.
        # So it would compile the statement, which takes longer than to run it. After ten times, it
        # would plan it without the tags' keys, and that plan takes up to ten times as long.
        # Versions before 12 lack a setting.
        "SELECT CASE WHEN current_setting('jit', true) IS NOT NULL"
        " THEN set_config('jit', 'off', true) END,"
        " CASE WHEN current_setting('plan_cache_mode', true) IS NOT NULL"
        " THEN set_config('plan_cache_mode', 'force_custom_plan', true) END",
    ),
}
"""The supported databases."""
