"""The SQL layer in a warehouse: `apply` makes its views, `check` runs its checks, `sql` shows it.

Works on any `Database`. Nothing here raises because one view fails: the others are made, and the
result tells which was not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from hashlib import sha256

from sqlglot import exp

from pipelines.ordergroove.sql_layer.database import TABLE, VIEW, Database, one_thread, quoted
from pipelines.ordergroove.sql_layer.dialects import checked, qualified, stand_in, translated
from pipelines.ordergroove.sql_layer.filling import column_fill
from pipelines.ordergroove.sql_layer.made import WHOLE, Made, made_in
from pipelines.ordergroove.sql_layer.models import Model, checks, dependents, in_order, models
from pipelines.ordergroove.sql_layer.reference_tables import provide
from pipelines.ordergroove.sql_layer.relations import inputs
from pipelines.ordergroove.versions.views import version_views

EXAMPLES = 5
WARNS = "-- a warning only"
"""How the second line of a check begins that is no reason to stop anything."""


@dataclass(kw_only=True)
class Applied:
    """What `apply` did."""

    made: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """One sentence for each thing that was left as it is although it should be another way."""

    failed: list[str] = field(default_factory=list)
    """One sentence for each view that the engine refused."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What one check found."""

    name: str
    promise: str
    offenders: int
    examples: tuple[tuple[str, str], ...]
    """The first offenders: key and what is wrong with it."""

    is_warning: bool
    error: str = ""
    """Why it could not be run."""

    @property
    def is_good(self) -> bool:
        return self.is_warning or not (self.offenders or self.error)


def apply(
    database: Database,
    *,
    zone: str,
    today: date,
    materialize: bool | None = None,
    shipped: Sequence[Model] | None = None,
) -> Applied:
    """Creates or replaces the views, and drops those of ours that are no longer shipped.

    `zone` and `today` are those of the calendar of days. `materialize` turns the slow views into
    tables, or back; None leaves that as it was. Tables are filled anew each time.
    """
    made = made_in(database, create=True)
    done = Applied(made=provide(made, zone, today))
    all_models = all_shipped() if shipped is None else tuple(shipped)
    slow = {model.name for model in all_models if model.is_slow}
    if materialize is None:
        materialize = any(made.ours.get(name, ("",))[0] == TABLE for name in slow)
    kinds = {m.name: TABLE if materialize and m.is_slow else VIEW for m in all_models}
    state = state_of(made, all_models)
    if is_done(made, kinds, state):
        done.unchanged = [*kinds]
        return done
    # whoever stops half-way leaves nothing that passes for done
    made.make(WHOLE, VIEW, "")
    found = in_order(all_models)
    for model in found:
        put(made, model, found, kinds[model.name], done)
    ours = [name for name in made.ours if name not in kinds.keys() | inputs().keys() | {WHOLE}]
    retire(made, ours, done)
    if not (done.failed or done.kept):
        made.make(WHOLE, VIEW, state)
    return done


def all_shipped() -> tuple[Model, ...]:
    return (*models(), column_fill(), *version_views())


def state_of(made: Made, found: Sequence[Model]) -> str:
    """What the views depend on: their texts, and which of the tables they read are there."""
    there = sorted(inputs().keys() & made.there.keys())
    return sha256(repr(([(m.name, m.text) for m in found], there)).encode()).hexdigest()


def is_done(made: Made, kinds: Mapping[str, str], state: str) -> bool:
    """Whether everything is as it should be, so that no text has to be parsed.

    Tables are never done: they are filled anew each time.
    """
    return (
        made.ours.get(WHOLE) == (VIEW, state)
        and TABLE not in kinds.values()
        and all(made.there.get(name) == VIEW for name in kinds)
    )


def put(made: Made, model: Model, found: Sequence[Model], kind: str, done: Applied) -> None:
    """Brings one view into the state it should have."""
    if not made.is_free(model.name):
        done.kept.append(f"{model.name} is somebody else's and was left alone.")
        return
    query = text_of(model, made)
    fingerprint = sha256(f"{kind} {query}".encode()).hexdigest()
    if kind == VIEW and made.holds(model.name, kind, fingerprint):
        done.unchanged.append(model.name)
        return
    try:
        create(made, model, found, kind, fingerprint, query)
        done.made.append(model.name)
    # the engine's own classes are known where it is opened, not here; nothing else runs in there
    except Exception as error:
        readers = made.readers_of(model.name) if model.name in made.there else []
        if readers:
            done.kept.append(
                f"{model.name} has changed, but {', '.join(readers)} reads it:"
                f" it was kept as it was ({first_line(error)})."
            )
        else:
            done.failed.append(f"{model.name}: {first_line(error)}")


def create(
    made: Made, model: Model, found: Sequence[Model], kind: str, fingerprint: str, query: str
) -> None:
    """Makes the view or table, in place of what was there."""
    table = quoted(model.name, made.database)
    if made.holds(model.name, kind, fingerprint):
        made.database.run(f"delete from {table}", f"insert into {table} {query}")
        return
    is_view = kind == VIEW and made.there.get(model.name, VIEW) == VIEW
    if is_view and made.database.dialect != "sqlite":
        try:
            made.make(model.name, VIEW, fingerprint, f"create or replace view {table} as {query}")
        except Exception:
            # only PostgreSQL refuses to: a column is gone, or of another type
            if made.database.dialect != "postgres" or model.name not in made.there:
                raise
        else:
            return
    rebuild(made, model, found, kind, fingerprint, query)


def rebuild(
    made: Made, model: Model, found: Sequence[Model], kind: str, fingerprint: str, query: str
) -> None:
    """Drops it, with our own views that hang on it, and creates it; those follow in their turn."""
    if model.name in made.there:
        hanging = [m.name for m in dependents(model.name, found) if m.name in made.there]
        for name in reversed(hanging):
            if name in made.ours and made.database.dialect == "postgres":
                made.drop(name)
    create = f"create {kind} {quoted(model.name, made.database)} as {query}"
    made.make(model.name, kind, fingerprint, *made.drops(model.name), create)


def retire(made: Made, names: Iterable[str], done: Applied) -> None:
    """Drops what was made once and is no longer shipped, unless somebody's view reads it."""
    free = []
    for name in names:
        if readers := made.readers_of(name):
            done.kept.append(
                f"{name} is no longer part of the SQL layer, but {', '.join(readers)} reads it:"
                " it was kept."
            )
        else:
            free.append(name)
    # what reads one of the others has to go before it, and nobody knows any more which does
    while free:
        refused = {name: problem for name in free if (problem := why_kept(made, name))}
        done.dropped += [name for name in free if name not in refused]
        if len(refused) == len(free):
            done.kept += [f"{name} was not dropped: {why}" for name, why in refused.items()]
            return
        free = [*refused]


def why_kept(made: Made, name: str) -> str:
    """Drops it; what the engine says when it does not let it go, else nothing."""
    try:
        made.drop(name)
    except Exception as error:
        return first_line(error)
    return ""


def text_of(model: Model, made: Made) -> str:
    """The model in the engine's words; tables that are not there are replaced by empty ones."""
    missing = model.reads & inputs().keys() - made.there.keys()
    return worded(model, made.database.dialect, made.database.dataset, missing)


@cache
def worded(model: Model, dialect: str, dataset: str, missing: frozenset[str]) -> str:
    """The model as the engine takes it, empty stand-ins for the tables that are missing."""
    known = inputs()

    def place(name: str) -> exp.Expression:
        if name in missing:
            return stand_in(known[name], model.names, dialect)
        return qualified(name, dataset)

    return translated(model.query, dialect, place)


def check(database: Database, *, shipped: Iterable[Model] | None = None) -> list[Checked]:
    """Runs every check. Writes nothing."""
    made = made_in(database)
    with one_thread(database):
        return [run_check(made, found) for found in (checks() if shipped is None else shipped)]


def run_check(made: Made, model: Model) -> Checked:
    found: list[tuple[str, str]] = []
    problem = ""
    try:
        found = sorted(
            (str(key), str(why)) for key, why in made.database.rows(text_of(model, made))
        )
    except Exception as error:
        problem = first_line(error)
    return Checked(
        name=model.name,
        promise=model.title,
        offenders=len(found),
        examples=tuple(found[:EXAMPLES]),
        is_warning=model.text.splitlines()[1].startswith(WARNS),
        error=problem,
    )


def sql(dialect: str, dataset: str = "ordergroove", names: Iterable[str] = ()) -> str:
    """The statements that create the views in an engine's own words, in order.

    Raises ConfigError for an unknown dialect.
    """
    dialect = checked(dialect)
    wanted = frozenset(names)
    schema = "" if dialect == "sqlite" else dataset

    def place(name: str) -> exp.Expression:
        return qualified(name, schema)

    return "\n".join(
        f"create view {exp.table_(m.name, db=schema or None).sql(dialect)} as\n"
        f"{translated(m.query, dialect, place, comments=True)};\n"
        for m in in_order(all_shipped())
        if not wanted or m.name in wanted
    )


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
