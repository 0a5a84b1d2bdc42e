"""hypothesis strategies that draw JMESPath expressions from the whole grammar."""

from __future__ import annotations

import json

from hypothesis import strategies as st

KEYS = [
    "quality", "worth another look", "a.b", "a b", "%", "_", "a_c", "it's", 'say "hi"', "`tick`",
    "back\\slash", "größe", "日本", "", " padded ", "a/b", "../up", "A", "a", "mlflow.mine", "tags",
    "run_number", "é", "e\u0301", "new\nline", "-- ;", "🎉",
]  # fmt: skip
METRICS = ["loss", "a b"]
MAPS_OF_NUMBERS = ["metrics", "metrics_min", "metrics_max", "metrics_first"]
VALUES = [
    "fantastic run", "great run", "", "a", "A", "100%", "1_0", "110", "it's", '"', "'\"", "\\", "`",
    "größe", "日本", " a ", "a ", "new\nline", "null", "0", "true", "\u200b", "🎉", "*", "[a]", "?",
    "x' OR '1'='1", "--", "%",
]  # fmt: skip
FIELDS = [
    "run_number", "run_id", "root_run_id", "parent_run_id", "experiment_id", "_experiment_name",
    "name", "display_name", "description", "status", "run_type", "target", "script_name", "user_id",
    "created_by", "created_utc", "start_time_utc", "end_time_utc", "hidden", "error", "warnings",
    "tags", "properties", "params", "metrics", "no_such_field",
]  # fmt: skip
TEXTS = [
    *VALUES, "Completed", "Running", "Failed", "Queued", "azureml-user", "special", "renamed",
    "kind", "asked-1", "asked-2", "local", "somebody", "2024", "2024-01-02", "2024-01-02T00:00:00Z",
    "2024-01-02T03:04:05.000000Z", "2024-02-31", "9999-12-31", "first", "second",
]  # fmt: skip

keys, fields, texts = map(st.sampled_from, (KEYS, FIELDS, TEXTS))


def quote(name: str) -> str:
    """Write a name as JMESPath's quoted identifier."""
    return json.dumps(name)


def raw(text: str) -> str:
    """Write a text as JMESPath's raw string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def literal(value: object) -> str:
    """Write a value as JMESPath's literal."""
    return "`" + json.dumps(value).replace("`", "\\`") + "`"


text_literals = texts.flatmap(lambda text: st.sampled_from([raw(text), literal(text)]))
literals = st.one_of(
    text_literals,
    text_literals,
    st.sampled_from([None, True, False, 0, 1, 2.5, -1, 100, [], {}, ["a"], {"a": 1}]).map(literal),
)
entries = st.tuples(st.sampled_from(["tags", "properties", "params"]), keys).map(
    lambda pair: f"{pair[0]}.{quote(pair[1])}"
)
numbers = st.tuples(st.sampled_from(MAPS_OF_NUMBERS), st.sampled_from(METRICS)).map(
    lambda pair: f"{pair[0]}.{quote(pair[1])}"
)
number_tests = st.tuples(
    numbers,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    st.sampled_from([0.25, 1, -1.5, 3, 10**400]).map(literal),
).map(" ".join)
paths = st.one_of(entries, entries, fields, fields.map(quote), numbers)
key_lists = st.sampled_from(
    ["keys(tags)", "tags.keys(@)", "keys(properties)", "properties.keys(@)", "values(tags)"]
)
comparators = st.sampled_from(["==", "==", "!=", "<", "<=", ">", ">="])
searches = st.sampled_from(["starts_with", "contains", "ends_with"])
one_argument = st.sampled_from(
    ["length", "keys", "values", "type", "to_string", "to_number", "to_array", "not_null",
     "reverse", "sort", "max", "min", "sum", "avg", "abs", "no_such_function"]
)  # fmt: skip
indices = st.integers(-3, 4).map(str)
slices = st.tuples(*[st.one_of(st.just(""), st.integers(-3, 4).map(str))] * 3).map(":".join)
brackets = st.one_of(indices, slices, st.just("*"), st.just("")).map(lambda inner: f"[{inner}]")


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(" ".join),
        inner.map(lambda each: f"!{each}"),
        inner.map(lambda each: f"({each})"),
        inner.map(lambda each: f"!({each})"),
        st.tuples(inner, comparators, inner).map(" ".join),
        st.tuples(paths, comparators, literals).map(" ".join),
        st.tuples(literals, comparators, paths).map(" ".join),
        pairs.map(" | ".join),
        st.tuples(inner, brackets).map("".join),
        st.tuples(inner, brackets, fields).map(lambda three: f"{three[0]}{three[1]}.{three[2]}"),
        pairs.map(lambda two: f"{two[0]}[?{two[1]}]"),
        st.tuples(inner, inner, fields).map(lambda t: f"{t[0]}[?{t[1]}].{t[2]}"),
        st.tuples(inner, keys).map(lambda two: f"{two[0]}.{quote(two[1])}"),
        inner.map(lambda each: f"{each}.*"),
        st.lists(inner, min_size=1, max_size=3).map(lambda all_: f"[{', '.join(all_)}]"),
        st.tuples(keys, inner, keys, inner).map(
            lambda four: f"{{{quote(four[0])}: {four[1]}, {quote(four[2])}: {four[3]}}}"
        ),
        st.tuples(one_argument, inner).map(lambda two: f"{two[0]}({two[1]})"),
        st.tuples(searches, paths, text_literals).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(searches, inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(key_lists, keys).map(lambda two: f"contains({two[0]}, {raw(two[1])})"),
        st.tuples(key_lists, searches, text_literals).map(
            lambda three: f"{three[0]}[?{three[1]}(@, {three[2]})]"
        ),
        st.tuples(key_lists, keys).map(lambda two: f"{two[0]}[?@ == {raw(two[1])}]"),
        st.tuples(st.sampled_from(["sort_by", "max_by", "min_by"]), inner, paths).map(
            lambda three: f"{three[0]}({three[1]}, &{three[2]})"
        ),
        pairs.map(lambda two: f"map(&{two[0]}, {two[1]})"),
        pairs.map(lambda two: f"merge({two[0]}, {two[1]})"),
        pairs.map(lambda two: f"not_null({two[0]}, {two[1]})"),
    )


atoms = st.one_of(paths, literals, st.just("@"), key_lists, brackets)
inside = st.recursive(atoms, _extend, max_leaves=6)
conditions = st.recursive(
    st.one_of(
        st.tuples(paths, comparators, literals).map(" ".join),
        st.tuples(literals, comparators, paths).map(" ".join),
        st.tuples(searches, paths, text_literals).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(key_lists, keys).map(lambda two: f"contains({two[0]}, {raw(two[1])})"),
        st.tuples(key_lists, searches, text_literals).map(
            lambda three: f"{three[0]}[?{three[1]}(@, {three[2]})]"
        ),
        number_tests,
        paths,
        literals,
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(" ".join),
        inner.map(lambda each: f"!({each})"),
        inner.map(lambda each: f"({each})"),
    ),
    max_leaves=5,
)
filters = st.one_of(conditions, conditions, inside).map(lambda inner: f"[?{inner}]")
heads = st.one_of(filters, filters, filters, brackets)
tails = st.one_of(
    st.just(""),
    st.just(""),
    brackets,
    filters,
    inside.map(lambda each: f" | {each}"),
    brackets.map(lambda each: f" | {each}"),
    filters.map(lambda each: f" | {each}"),
    fields.map(lambda each: f".{each}"),
    st.tuples(paths, paths).map(lambda two: f".[{two[0]}, {two[1]}]"),
    st.tuples(keys, paths).map(lambda two: f".{{{quote(two[0])}: {two[1]}}}"),
)


def hit(field: str, key: str | None, value: str | None) -> st.SearchStrategy[str]:
    """Return conditions that are true, or nearly true, for a document with this entry."""
    path = field if key is None else f"{field}.{quote(key)}"
    if not value:
        return st.sampled_from([path, f"!({path})", f"{path} == `null`", f"{path} == ''"])
    part = raw(value[: len(value) // 2 + 1])
    return st.sampled_from(
        [
            f"{path} == {raw(value)}", f"{literal(value)} == {path}", f"{path} != {raw(value)}",
            path, f"{path} >= {raw(value)}", f"{path} <= {raw(value)}",
            f"starts_with({path}, {part})",
            f"{path} && starts_with({path}, {part})", f"{path} && contains({path}, {part})",
            f"{path} && ends_with({path}, {raw(value[-1:])})", f"!{path}" if key is None else path,
        ]
    )  # fmt: skip


def expressions(entries: list[tuple[str, str | None, str | None]]) -> st.SearchStrategy[str]:
    """Return expressions that often use these (field, key, value) entries of documents."""
    hits = st.sampled_from(entries).flatmap(lambda entry: hit(*entry))
    asked = st.one_of(hits, hits, hits, conditions)
    several = st.recursive(
        asked,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(" ".join),
            inner.map(lambda each: f"!({each})"),
            inner.map(lambda each: f"({each})"),
        ),
        max_leaves=4,
    )
    filters = several.map(lambda inner: f"[?{inner}]")
    pipeline = st.lists(tails, max_size=2)
    return st.one_of(
        st.tuples(filters, pipeline).map(lambda two: two[0] + "".join(two[1])),
        st.tuples(filters, pipeline).map(lambda two: two[0] + "".join(two[1])),
        st.tuples(heads, pipeline).map(lambda two: two[0] + "".join(two[1])),
        inside,
    )
