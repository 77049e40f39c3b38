"""Builds the SQL that turns a file's values into normal ones: quoting, ids, times, numbers.

Names of columns and files come from outside, so they enter a statement through ``identifier`` and
``literal`` only. Values never do.
"""

from homespun.errors import MisuseError
from homespun.protocol.events import MAX_ITEM_LENGTH, MAX_TIME
from homespun_server.statistics.problems import Reason

# Everything that Python's str.isprintable() refuses in assigned characters: categories C and Z but the space.
_UNPRINTABLE = r"'[\pC\p{Zl}\p{Zp}\x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]'"
_ISO_8601 = r"'^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$'"
_WITHOUT_SECONDS = r"'^(.{10}[T ]\d\d:\d\d)($|Z|[+-])'"

_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_NUMBERS = _FLOATS | {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
}
_NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY")


def identifier(name: str) -> str:
    """Return a name quoted as an SQL identifier."""
    return '"' + _without_nul(name).replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return text quoted as an SQL literal."""
    return "'" + _without_nul(text).replace("'", "''") + "'"


def is_single(sql_type: str) -> bool:
    """Tell whether a DuckDB type holds one readable value, not a list, a structure or bytes."""
    return not sql_type.endswith("]") and not sql_type.startswith(_NESTED)


def text_of(column: str, sql_type: str) -> str:
    """Return an expression for a value as text; NULL for a number that is not finite.

    Tables with gaps often hold integer ids as floats, with NaN in the gaps: so whole numbers lose their
    ``.0``, 12.0 being the id 12, and NaN is no id.
    """
    if sql_type == "VARCHAR":
        return column
    if sql_type in _FLOATS:
        whole = f"TRY_CAST({column} AS HUGEINT)"
        text = f"WHEN {whole} = {column} THEN {whole}::VARCHAR WHEN isfinite({column}) THEN {column}::VARCHAR"
        return f"CASE {text} END"
    return f"{column}::VARCHAR"


def text_of_json(value: str) -> str:
    """Return an expression for a JSON value as text; numbers in the normal form of ``text_of``.

    So 12, 12.0, 1.2e1 and "12" are one id. Whole numbers from 2⁶⁴ on are floating-point numbers in JSON.
    """
    number = text_of(f"TRY_CAST({value} AS DOUBLE)", "DOUBLE")
    return f"CASE WHEN json_type({value}) = 'DOUBLE' THEN {number} ELSE {value}->>'$' END"


def number_of(column: str, sql_type: str) -> str:
    """Return an expression for a value as DOUBLE; NULL where it is not a number."""
    return f"{column}::DOUBLE" if sql_type in _NUMBERS else f"TRY_CAST({column}::VARCHAR AS DOUBLE)"


def seconds_of(column: str, sql_type: str) -> str:
    """Return an expression for a time in seconds since 1970 UTC; NULL where it cannot be read."""
    if sql_type in _NUMBERS or sql_type.startswith("DECIMAL"):
        return f"{column}::DOUBLE"
    if sql_type.startswith("TIMESTAMP") or sql_type == "DATE":
        return f"epoch({column})"
    text = f"{column}::VARCHAR"
    complete = rf"regexp_replace({text}, {_WITHOUT_SECONDS}, '\1:00\2')"
    moment = f"epoch(TRY_CAST({complete} AS TIMESTAMPTZ))"
    iso = f"CASE WHEN regexp_matches({text}, {_ISO_8601}) THEN {moment} END"
    return f"COALESCE(TRY_CAST({text} AS DOUBLE), {iso})"


def bad_id(column: str) -> tuple[tuple[Reason, str], ...]:
    """Return the faults that an id can have, each with its condition."""
    return (
        (Reason.MISSING_ID, f"{column} IS NULL OR {column} = ''"),
        (Reason.LONG_ID, f"length({column}) > {MAX_ITEM_LENGTH}"),
        (Reason.UNPRINTABLE_ID, f"regexp_matches({column}, {_UNPRINTABLE})"),
    )


def bad_time(raw: str, seconds: str) -> str:
    """Return the condition that a time is there but cannot be used."""
    # NaN is asked for by itself: a Parquet file's least and greatest values leave it out, and where both are in
    # the range, DuckDB skips the comparison. Then the other rows would decide whether a NaN is a time.
    usable = f"isfinite({seconds}) AND {seconds} BETWEEN 0 AND {MAX_TIME}"
    return f"{raw} IS NOT NULL AND ({seconds} IS NULL OR NOT ({usable}))"


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise MisuseError(f"{text!r} holds a NUL character; no column or file can be named so.")
    return text
