"""Add and merge actors in a deployment's own table of actors, and add their identifiers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TypeVar

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.gazetteer import OVERLAID_FILES, REFERENCE_FILES, Gazetteer, GazetteerEntry, slug
from cybilgraph.model.identifiers import ActorIdentifier
from cybilgraph.model.overlay import IDENTIFIER_COLUMNS, IDENTIFIERS, ReferenceRowError, read_overlay, read_rows
from cybilgraph.model.resources import REFERENCE
from cybilgraph.model.state_bodies import find_actor
from cybilgraph.runtime.files import atomic_write

_Row = dict[str, str]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class NewActor:
    """What is known about an actor; its type, parent and country are keys or names."""

    name: str
    type: str
    country: str = ""
    parent: str = ""
    homepage: str = ""
    aliases: tuple[str, ...] = ()


def add_actor(folder: Path, actor: NewActor) -> GazetteerEntry:
    """Add a row for an organisation that is not listed, under the key that its name already has in records.

    Raises ReferenceDataError if it is listed, or the row would be wrong.
    """

    def change(names: Gazetteer, rows: dict[str, _Row]) -> str:
        if known := names.find("actor", actor.name):
            raise ReferenceDataError(
                f"{actor.name!r} is already listed, as {known.key} ({known.name})",
                "To add a name, put it in the column aliases of its row.",
            )
        key = find_actor(actor.name).key
        rows[key] = {
            **dict.fromkeys(_columns(names), ""),
            "id": key,
            "name": actor.name,
            "type": _key(names, "actor-type", actor.type),
            "country": _key(names, "country", actor.country),
            "parent": _key(names, "actor", actor.parent),
            "homepage": actor.homepage,
            "aliases": ";".join(actor.aliases),
        }
        return key

    return _change_actors(folder, change)


def merge_actors(folder: Path, old: str, new: str, unlisted: bool = False) -> GazetteerEntry:
    """Record that an actor is the same as another one, which gets its names and its former keys.

    Both are given by key or name. With ``unlisted``, the first may be a name that appears only in records.

    Raises ReferenceDataError if one of them is not listed, or both are the same.
    """

    def change(names: Gazetteer, rows: dict[str, _Row]) -> str:
        kept, merged = names.find_by_key("actor", new) or names.find("actor", new), _find(names, old, unlisted)
        if kept is None:
            raise ReferenceDataError(
                f"{new!r} is not a listed actor",
                f'{_close(names, new)}To add it: cybilgraph actors add "{new}" --type TYPE --reference {folder}',
            )
        if merged.key == kept.key:
            raise ReferenceDataError(
                f"{old!r} and {new!r} are already the same actor, {kept.key}", "There is nothing to do."
            )
        row = {**dict.fromkeys(_columns(names), ""), **kept.row}
        taken = {slug(name) for name in kept.names}
        row["aliases"] = _joined(row["aliases"], (name for name in merged.names if slug(name) not in taken))
        row["former"] = _joined(row["former"], (*merged.cell("former"), merged.key))
        if row["parent"] == merged.key:
            row["parent"] = merged.row.get("parent", "")
        rows.pop(merged.key, None)
        rows[kept.key] = row
        return kept.key

    return _change_actors(folder, change)


def add_identifiers(folder: Path, identifiers: Iterable[tuple[str, ActorIdentifier]]) -> int:
    """Add identifiers of actors, given by key, and return how many the table did not have.

    Raises ReferenceDataError if an actor is not listed, an identifier is malformed, an actor would have two in one
    register, or two actors the same one.
    """

    def change(_: Gazetteer, rows: dict[str, _Row]) -> int:
        before = len(rows)
        for actor, identifier in identifiers:
            row = dict(zip(IDENTIFIER_COLUMNS, (actor, *identifier), strict=True))
            rows["\t".join((actor, *identifier[:2]))] = row
        return len(rows) - before

    return _change(folder, IDENTIFIERS, IDENTIFIER_COLUMNS, IDENTIFIER_COLUMNS[:3], change)[1]


def _change_actors(folder: Path, change: Callable[[Gazetteer, dict[str, _Row]], str]) -> GazetteerEntry:
    """Change the actors in a folder, and return the entry of the changed key."""
    columns = _columns(Gazetteer())
    names, key = _change(folder, REFERENCE_FILES["actor"][0], columns, ("id",), change)
    return names.entries["actor"][key]


def _change(
    folder: Path,
    file_name: str,
    columns: Sequence[str],
    key_columns: Sequence[str],
    change: Callable[[Gazetteer, dict[str, _Row]], _Result],
) -> tuple[Gazetteer, _Result]:
    """Change the rows of a table in a folder if the result is valid, and return the changed names with the result.

    The key of a row consists of the cells in ``key_columns``, separated by tabs.
    """
    path = folder / file_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:  # others wait
            texts = read_overlay(folder, OVERLAID_FILES)
            names = Gazetteer(REFERENCE, texts)
            found = (dict(row.cells) for row in read_rows(path, texts.get(path, ""), ()))
            rows = {"\t".join(row[column] for column in key_columns): row for row in found}
            result = change(names, rows)
            output = StringIO(newline="")
            writer = csv.DictWriter(output, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows.values())
            try:
                changed = Gazetteer(REFERENCE, texts | {path: output.getvalue()})
            except ReferenceRowError as error:  # its line number refers to a table that is not written
                raise ReferenceDataError(
                    f"{path}: the new row would be invalid, column {error.column}: {error.problem}", error.hint
                ) from error
            file.write(output.getvalue().encode())
    except OSError as error:
        raise ReferenceDataError(
            f"{path} cannot be written: {error.strerror}", "Check the folder given with --reference."
        ) from error
    return changed, result


def _columns(names: Gazetteer) -> list[str]:
    return list(next(iter(names.entries["actor"].values())).row)


def _find(names: Gazetteer, text: str, unlisted: bool) -> GazetteerEntry:
    """Return the actor with a key or name; with ``unlisted``, a new entry if the name is not listed, nor misspelt."""
    if found := names.find_by_key("actor", text) or names.find("actor", text):
        return found
    if unlisted and not names.find_near("actor", text):
        return find_actor(text)
    hint = "If the name appears only in records, not in the reference data, add --unlisted."
    raise ReferenceDataError(f"There is no actor {text!r}", f"{_close(names, text)}{hint}")


def _close(names: Gazetteer, text: str) -> str:
    """Return a question with the listed actors that a text may mean; empty if there is none."""
    near = dict.fromkeys(f"{entry.key} ({entry.name})" for entry in names.suggestions("actor", text)[:3])
    return f"Did you mean {' or '.join(near)}? " if near else ""


def _key(names: Gazetteer, kind: str, text: str) -> str:
    """Return the key of an entry given by key or name; the text itself if there is none, to be reported."""
    entry = names.find_by_key(kind, text) or names.find(kind, text)
    return entry.key if entry else text


def _joined(cell: str, added: Iterable[str]) -> str:
    return ";".join(dict.fromkeys(filter(None, (*cell.split(";"), *added))))
