"""Split the lines of a page into sections, for both text and HTML.

A line with a label of the field table (fields.FIELDS) opens a section; ``label: value`` is a section on one
line. Lines before the first section are the head of the page: title, code, status, dates, and on older pages
a contact name without a heading. If headings were lost, blank lines show the sections. The rights statement
ends the page, wherever it begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from cybilgraph.model.fields import BY_LABEL, BY_NAME, LABEL_STEMS, Field, FieldKind
from cybilgraph.model.record import Place, Record, Text
from cybilgraph.readers.page.headings import blank_lines, restore_headings
from cybilgraph.readers.page.names import BULLET, LIST_HEADING
from cybilgraph.readers.page.sections import CODE, RecordBuilder, Section, is_text
from cybilgraph.readers.text import unwrap

#: The beginning of the rights statement; a capture may be cut after it.
RIGHTS = "The Cybil project repository is being "

#: "Label: value". Labels have a few words at most, so that prose with a colon remains prose.
_LABELLED = re.compile(r"(?P<label>[^:]{2,40}?)\s*:\s*(?P<value>.*)", re.DOTALL)
#: "STATUS – finished": only for listed labels with a short value.
_DASHED = re.compile(r"(?P<label>[^:–—-]{2,40}) [–—-] (?P<value>\S.*)", re.DOTALL)
#: "6. Funded by:": a numbered label of a questionnaire.
_NUMBERED = re.compile(r"[0-9]{1,2}[.)] (?=[^:?]{2,40}[:?]\Z)")
#: "Which organisation funds the project?"
_PROJECT_WORDS = re.compile(
    r" (?:of |in )?(?:the|this|your) project\b|^which (?=\w+ (?:fund|implement|benefit|pay|support))"
)
_NEXT_LABEL = re.compile(r"[.;] (?P<label>[A-Z][\w /&-]{2,40}):(?= )")
#: Text allowed between a value and the next label: "From: Apr 2018 | To: Mar 2020".
_COLON, _WORD, _SEPARATORS = re.compile(":(?= )"), re.compile(r"\S+"), " ,;|/–—-"
#: The maximum length of a label.
_MAX_LABEL_CHARACTERS, _MAX_LABEL_WORDS = 45, 4
#: A form with lines such as "Country Kenya" has at least this many fields; the maximum length of their values.
_MIN_FORM_LINES, _MAX_VALUE_CHARACTERS = 3, 200
#: A verb that turns a line with a label at its start into a sentence.
_VERB = re.compile(r"\b(?:is|are|was|were|be|been|has|have|had|will|can|should|may|which|that)\b", re.IGNORECASE)
#: "This page (GFCE Code G0411) continues …": the code of a page without a label for it.
_OWN_CODE = re.compile(
    rf"\bthis (?:page|project|record)\b[^.]{{0,40}}\b(?:Cybil|GFCE) code:? (?P<code>{CODE.pattern})\b", re.IGNORECASE
)
_CODE_LINE = re.compile(rf"(?P<label>(?:Cybil|GFCE) Code) (?P<value>{CODE.pattern})", re.IGNORECASE)
#: "Status: Finished", "Donor: EU": the value is on the line of the label, and the enclosing section continues
#: below.
_ONE_LINE = (
    FieldKind.VALUE,
    FieldKind.CHOICE,
    FieldKind.DATE,
    FieldKind.ACTORS,
    FieldKind.SCOPES,
    FieldKind.PROJECTS,
    FieldKind.RECORD,
)
#: After this many blank lines, text no longer belongs to the heading above, whose value is missing.
_BLANK_LINES_OF_VALUE = 3
#: "The partners are:" and "These results were:" are sentences, not labels.
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|include[sd]?|follow\w*|these|this|has|have|following|we|our)\b"
    r"|\bin (?!coll|coop|co-op|part)|[,;(–—]"
)
_ENDED = re.compile(r"[.!?:;”\"’)\]]$")


def read_page(lines: list[Text], values: RecordBuilder) -> Record:
    """Return the record of a page from its lines, none of which is blank and each of which has a place."""
    parts = [part for line in unwrap(lines, _is_continuation) for part in _split_labels(line)]
    lines, rights = _split_rights(_mark_form_labels(parts))
    for section in _sections(lines):
        values.take(section)
    if rights:
        values.take(rights)
    for line in lines:
        if "ode" in line.text and (own := _OWN_CODE.search(line.text)):
            assert line.place
            values.take(Section(BY_NAME["code"], "", line.place, [line.part(*own.span("code"))]))
    return values.record()


def _split_labels(line: Text) -> Iterator[Text]:
    """Split a line with several labels: "Funded by: A. Implemented by: B."."""
    start = 0
    if line.text.count(":") > 1 and (first := _find_field(line.text.partition(":")[0])):
        labels = (match for match in _NEXT_LABEL.finditer(line.text) if _find_field(match["label"]))
        ends = {match.start("label"): match.start() + 1 for match in labels}
        if first.kind in _ONE_LINE:
            ends |= {begin: end for end, begin in _find_inline_values(line.text)}
        for begin, end in sorted(ends.items()):
            yield line.part(start, end)
            start = begin
    yield line.part(start) if start else line


def _mark_form_labels(lines: list[Text]) -> list[Text]:
    """Add colons after the labels of a form that was copied from a table: "Country Kenya"."""
    known = _first_words()
    short = (line for line in lines if len(line.text) <= _MAX_VALUE_CHARACTERS)
    likely = [line for line in short if line.text.partition(" ")[0].casefold() in known]
    if len(likely) < _MIN_FORM_LINES or not _may_be_form(map(_find_unmarked_label, likely)):  # most pages
        return lines
    for blank in (0, 1):
        lines = [line for block in _blocks(lines, blank) for line in _mark_block_labels(block)]
    return lines


def _blocks(lines: list[Text], blank: int) -> Iterator[list[Text]]:
    """Split the lines where more than ``blank`` blank lines separate them."""
    start = 0
    for end in range(1, len(lines) + 1):
        # A list of names below a heading is not a form.
        if end == len(lines) or (blank_lines(lines[end - 1], lines[end]) > blank and not _is_heading(lines[end - 1])):
            yield lines[start:end]
            start = end


def _mark_block_labels(block: list[Text]) -> list[Text]:
    """Add colons to a block if it is a form: most lines fit, with several fields and without headings."""
    flat = [_find_unmarked_label(line) for line in block]
    if not _may_be_form(flat) or any(map(_is_heading, block)):
        return block
    fitting = sum(bool(found or _open_section(line, guess=False)) for found, line in zip(flat, block, strict=True))
    if fitting * 2 <= len(block):
        return block
    return [_insert_colon(line, found[1]) if found else line for found, line in zip(flat, block, strict=True)]


def _may_be_form(flat: Iterable[tuple[Field, int] | None]) -> bool:
    """Return whether these results of ``_find_unmarked_label`` belong to several fields."""
    return len({found[0].name for found in flat if found and found[0].kind in _ONE_LINE}) >= _MIN_FORM_LINES


def _is_heading(line: Text) -> bool:
    opened = _open_section(line, guess=False)
    return opened is not None and not opened.lines and opened.row.kind in _ONE_LINE


def _insert_colon(line: Text, end: int) -> Text:
    """Insert a colon after the label; the text after it keeps its place."""
    place = line.at(end)
    assert place
    return replace(line, text=f"{line.text[:end]}:{line.text[end:]}", breaks=((end + 1, place), *line.breaks))


def _find_unmarked_label(line: Text) -> tuple[Field, int] | None:
    """Return the field and end of the longest label that begins the line.

    Return None if no value follows, or if the line may be a sentence ("Country programmes are …").
    """
    if " " not in line.text:
        return None
    words = list(_WORD.finditer(line.text, 0, _MAX_LABEL_CHARACTERS))[: _MAX_LABEL_WORDS + 1]
    for last in reversed(words[:-1]):
        end = last.end()
        if (row := _find_field(line.text[:end])) and row.kind is not FieldKind.LAYOUT:
            value = line.text[end + 1 :]
            is_value = row.kind is FieldKind.CHOICE or value[0].isupper() or value[0].isdigit()
            is_text = (
                len(value) > _MAX_VALUE_CHARACTERS or _VERB.search(value) or (value.endswith(".") and " " in value)
            )
            return (row, end) if is_value and not (is_text and row.kind in _ONE_LINE) else None
    return None


@cache
def _first_words() -> frozenset[str]:
    return frozenset(label.split(" ", 1)[0] for label in BY_LABEL)


def _find_inline_values(text: str) -> Iterator[tuple[int, int]]:
    """Yield the end of each value and the start of the next label: "From: Apr 2018 To: Mar 2020"."""
    for colon in list(_COLON.finditer(text))[1:]:
        words = list(_WORD.finditer(text, max(0, colon.start() - _MAX_LABEL_CHARACTERS), colon.start()))[
            -_MAX_LABEL_WORDS:
        ]
        for word in words:
            row = _find_field(text[word.start() : colon.start()]) if word[0][0].isupper() else None
            before = text[: word.start()].rstrip(_SEPARATORS)
            if row and row.kind in _ONE_LINE and text[word.start() - 1] == " " and not before.endswith(":"):
                yield len(before), word.start()
                break


def _is_continuation(line: Text, following: Text) -> bool:
    last = line.breaks[-1][1] if line.breaks else line.place
    if last is None or following.place is None or following.place.line != last.line + 1:
        return False
    return (
        following.text[0].islower()
        and not _ENDED.search(line.text)
        and not BULLET.match(following.text)
        and _open_section(line) is None
        and _open_section(following) is None
    )


def _split_rights(lines: list[Text]) -> tuple[list[Text], Section | None]:
    """Separate the rights statement from the other lines.

    It extends from its first words to the end, or to a label that opens another section.
    """
    for index, line in enumerate(lines):
        at = line.text.find(RIGHTS)
        if at >= 0:
            end = next((end for end in range(index + 1, len(lines)) if _open_section(lines[end])), len(lines))
            words = line.part(at)
            statement = " ".join([words.text, *(later.text for later in lines[index + 1 : end])])
            before = line.part(0, at)
            assert words.place
            section = Section(BY_NAME["rights"], "", words.place, [replace(words, text=statement)])
            return [*lines[:index], *([before] if before.text else []), *lines[end:]], section
    return lines, None


def _sections(lines: list[Text]) -> list[Section]:
    """Split lines into sections. The head of the page comes last, since its meaning depends on the labels of
    the page.
    """
    head = current = Section(BY_NAME["title"], "", Place(1))
    sections: list[Section] = []
    titled = False
    before = lines[0] if lines else Text("")
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        opened = _open_section(line, guess=titled) or _unknown_label(line, following, current)
        if opened and _is_name(line, opened, current):
            opened = None
        if opened is None and _is_left_blank(current) and blank_lines(before, line) >= _BLANK_LINES_OF_VALUE:
            current = head
        before = line
        if opened is None and current.row.kind is FieldKind.ACTORS and LIST_HEADING.fullmatch(line.text):
            assert line.place
            current = Section(BY_NAME["country"], line.text.rstrip(": "), line.place, [line])
            sections.append(current)
            continue
        titled = titled or opened is None or opened.row.kind is not FieldKind.LAYOUT
        if opened is None:
            current.lines.append(line)
            continue
        sections.append(opened)
        if opened.row.kind is FieldKind.LAYOUT:  # "About": the head continues
            if current is head and len(head.lines) == 1 and is_text(head.lines[0].text):  # a title of any length
                sections.append(Section(head.row, opened.label, head.place, [head.lines.pop()]))
            current = head
        elif not (opened.lines and opened.row.kind in _ONE_LINE):
            current = opened
    if not any(section.row.kind in (FieldKind.PROSE, FieldKind.ITEMS) for section in sections):
        sections += restore_headings(head, lines)
    return [*sections, head]


def _is_name(line: Text, opened: Section, section: Section) -> bool:
    """Return whether a line that looks like a rare heading is a name: "IMPACT" below "Implementors"."""
    rare = opened.row.kind is FieldKind.ITEMS and line.text.casefold() not in (opened.row.name, opened.row.column)
    return rare and section.row.kind is FieldKind.ACTORS and line.text.isupper() and not section.label.isupper()


def _is_left_blank(section: Section) -> bool:
    """Return whether a heading in the side panel has nothing under it."""
    return bool(section.label) and not section.lines and section.row.kind in _ONE_LINE


def _unknown_label(line: Text, following: Text | None, current: Section) -> Section | None:
    """Return a section for an unknown label that ends a list of names, an empty field or a list of items.

    The text below it does not belong to the list. A subheading with further items does not end a list.
    """
    assert line.place
    if not line.text.endswith(":") or len(line.text) > _MAX_LABEL_CHARACTERS or LIST_HEADING.fullmatch(line.text):
        return None
    kind = current.row.kind
    ends = kind in (FieldKind.ACTORS, FieldKind.SCOPES) or (kind in _ONE_LINE and not current.lines)
    if kind is FieldKind.ITEMS and current.lines and BULLET.match(current.lines[-1].text):
        ends = following is not None and not BULLET.match(following.text)
    return Section(BY_NAME["description"], line.text.rstrip(": "), line.place) if ends and current.label else None


def _open_section(line: Text, guess: bool = True) -> Section | None:
    """Return the section that this line opens, or None if it is not a label.

    With ``guess``, the words of an unlisted label determine its field.
    """
    begin = line.text[:_MAX_LABEL_CHARACTERS]
    dashed = guess and (" – " in begin or " - " in begin or " — " in begin)
    if len(line.text) > _MAX_LABEL_CHARACTERS and ":" not in begin and not dashed:
        return None
    assert line.place
    if (numbered := _NUMBERED.match(line.text)) and (opened := _open_section(line.part(numbered.end()), guess)):
        return opened
    label = line.text.rstrip(": ?")
    row = _find_field(label) or (_guess_field(label) if guess and line.text.endswith((":", "?")) else None)
    if row and not BULLET.match(line.text):
        return Section(row, label, line.place)
    match = _CODE_LINE.fullmatch(line.text) or _LABELLED.fullmatch(line.text)
    row = _find_field(match["label"]) if match else None
    if match and row is None and guess:
        row = _guess_field(match["label"])
    if dashed and row is None and (match := _DASHED.fullmatch(line.text)):
        row = found if (found := _find_field(match["label"])) and found.kind in _ONE_LINE else None
    if match is None or row is None or row.kind is FieldKind.LAYOUT:
        return None
    if line.text.startswith("//", match.start("value")):
        return None  # "Read more https://example.org"
    return Section(row, match["label"], line.place, [line.part(match.start("value"))])


def _find_field(label: str) -> Field | None:
    folded = label.casefold().replace("(s)", "s").replace("organiz", "organis")
    found = BY_LABEL.get(folded)
    if found is None and "project" in folded:
        found = BY_LABEL.get(_PROJECT_WORDS.sub("", folded)) or BY_LABEL.get(folded.removeprefix("project "))
    return found


def _guess_field(label: str) -> Field | None:
    """Return the field that the words of an unlisted label indicate, or None."""
    folded = _PROJECT_WORDS.sub("", label.casefold())
    if folded.replace(" / ", "/").count(" ") > 3 or _SENTENCE.search(folded):
        return None
    return next((row for stem, row in LABEL_STEMS if stem.search(folded)), None)
