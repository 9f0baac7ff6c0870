"""Read a saved project page: split its lines into sections, for both text and HTML.

A line with a label of the field table (fields.FIELDS) opens a section; ``label: value`` is a section on one
line. Lines before the first section are the head of the page: title, code, status, dates, and on older pages
a contact name without a heading. If headings were lost, blank lines show the sections. The rights statement
ends the page, wherever it begins.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import BY_LABEL, BY_NAME, LABEL_STEMS, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Place, Record, Text
from cybilgraph.model.rules import finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.printed_names import BULLET, LIST_HEADING, is_audience
from cybilgraph.readers.record_builder import CODE, RecordBuilder, Section, is_text
from cybilgraph.readers.text import decode, read_lines, unwrap

_BEGINS = re.compile(r"\s*(<!doctype html|<html\b|<iati-activities\b|<\?xml\b|@prefix\b|%PDF-|{\\rtf)", re.IGNORECASE)
#: A title or a sentence on a single line is shorter.
_MAX_SINGLE_LINE_CHARACTERS = 400
_OTHERS = {
    **dict.fromkeys(("<!doctype html", "<html"), ("HTML", "Rename the file to ….html.")),
    **dict.fromkeys(("<iati-activities", "<?xml"), ("XML", "Rename the file to ….xml.")),
    "@prefix": ("Turtle", "Rename the file to ….ttl."),
    "%pdf-": ("a PDF", "Save its text as ….txt."),
    "{\\rtf": ("RTF", "Save its text as ….txt."),
}
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
#: Kinds of one value, and of names.
SINGLE = (FieldKind.VALUE, FieldKind.CHOICE, FieldKind.DATE)
NAMES = (FieldKind.ACTORS, FieldKind.SCOPES)
#: "Status: Finished": the value is on the line of the label, and the enclosing section continues below.
ONE_LINE = (*SINGLE, *NAMES, FieldKind.PROJECTS, FieldKind.MONEY, FieldKind.CURRENCY, FieldKind.RECORD)
#: After this many blank lines, text no longer belongs to the heading above, whose value is missing.
_BLANK_LINES_OF_VALUE = 3
#: "The partners are:" and "These results were:" are sentences, not labels.
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|include[sd]?|follow\w*|these|this|has|have|following|we|our)\b"
    r"|\bin (?!coll|coop|co-op|part)|[,;(–—]"
)
#: A line that ends a sentence, a quotation or a parenthesis, so that the next one does not continue it.
ENDED = re.compile(r"[.!?:;”\"’)\]]$")
_FIRST_WORDS = frozenset(label.split(" ", 1)[0] for label in BY_LABEL)
#: The order of sections on the portal's pages; "Details" comes before the aim.
_SECTION_ORDER = ("summary", "description", "aim", "context", "outcomes", "outputs", "activities", "links")
#: A lost heading without a line of its own leaves one blank line more than between paragraphs.
_DENSE_RUN = 2
#: Lines of contact details above the text have fewer words.
_MAX_CONTACT_WORDS = 16
#: The longest line that may be an item of a list of audiences: a longer one may be part of a sentence.
_MAX_AUDIENCE_WORDS = 5


def read_page_text(input_file: Input) -> Iterator[Record]:
    """Yield the record of a page's text.

    Raises SourceError if the file is empty, is not text, or begins like another format.
    """
    findings: list[Finding] = []
    text = decode(input_file, input_file.content, findings)
    if begin := _BEGINS.match(text):
        what, hint = _OTHERS[begin[1].casefold()]
        raise SourceError(f"{input_file.name}: this is {what}, not the text of a page", hint)
    lines = list(read_lines(text))
    if not lines:
        raise SourceError(f"{input_file.name}: the file is empty", "Save the page's text again.")
    if len(lines) == 1 and len(lines[0].text) > _MAX_SINGLE_LINE_CHARACTERS:
        findings.append(finding("one-line", input_file.name, {"length": f"{len(lines[0].text):,}"}, line=1, column=1))
    yield read_page(lines, RecordBuilder(input_file, findings))


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
            values.take(Section(BY_NAME["code"], "", _place(line), [line.part(*own.span("code"))]))
    return values.record()


def _split_labels(line: Text) -> Iterator[Text]:
    """Split a line with several labels: "Funded by: A. Implemented by: B."."""
    start = 0
    if line.text.count(":") > 1 and (first := _find_field(line.text.partition(":")[0])):
        labels = (match for match in _NEXT_LABEL.finditer(line.text) if _find_field(match["label"]))
        ends = {match.start("label"): match.start() + 1 for match in labels}
        if first.kind in ONE_LINE:
            ends |= {begin: end for end, begin in _find_inline_values(line.text)}
        for begin, end in sorted(ends.items()):
            yield line.part(start, end)
            start = begin
    yield line.part(start) if start else line


def _mark_form_labels(lines: list[Text]) -> list[Text]:
    """Add colons after the labels of a form that was copied from a table: "Country Kenya"."""
    short = (line for line in lines if len(line.text) <= _MAX_VALUE_CHARACTERS)
    likely = [line for line in short if line.text.partition(" ")[0].casefold() in _FIRST_WORDS]
    if len(likely) < _MIN_FORM_LINES or not _may_be_form(map(_find_unmarked_label, likely)):  # most pages
        return lines
    for blank in (0, 1):  # a form is a block of lines with at most so many blank lines between them
        marked, start = list[Text](), 0
        for end in range(1, len(lines) + 1):
            last = lines[end - 1]
            # A list of names below a heading is not a form.
            if end == len(lines) or (_blank_lines(last, lines[end]) > blank and not _is_heading(last)):
                marked += _mark_block_labels(lines[start:end])
                start = end
        lines = marked
    return lines


def _mark_block_labels(block: list[Text]) -> Iterator[Text]:
    """Add colons to a block if it is a form: most lines fit, with several fields and without headings."""
    flat = [_find_unmarked_label(line) for line in block]
    fitting = sum(bool(found or _open_section(line, guess=False)) for found, line in zip(flat, block, strict=True))
    is_form = _may_be_form(flat) and not any(map(_is_heading, block)) and fitting * 2 > len(block)
    for found, line in zip(flat, block, strict=True):
        if found and is_form and (place := line.at(end := found[1])):  # the text after the colon keeps its place
            breaks = ((end + 1, place), *line.breaks)
            yield replace(line, text=f"{line.text[:end]}:{line.text[end:]}", breaks=breaks)
        else:
            yield line


def _may_be_form(flat: Iterable[tuple[Field, int] | None]) -> bool:
    """Return whether these results of ``_find_unmarked_label`` belong to several fields."""
    return len({found[0].name for found in flat if found and found[0].kind in ONE_LINE}) >= _MIN_FORM_LINES


def _is_heading(line: Text) -> bool:
    opened = _open_section(line, guess=False)
    return opened is not None and not opened.lines and opened.row.kind in ONE_LINE


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
            return (row, end) if is_value and not (is_text and row.kind in ONE_LINE) else None
    return None


def _find_inline_values(text: str) -> Iterator[tuple[int, int]]:
    """Yield the end of each value and the start of the next label: "From: Apr 2018 To: Mar 2020"."""
    for colon in list(_COLON.finditer(text))[1:]:
        words = list(_WORD.finditer(text, max(0, colon.start() - _MAX_LABEL_CHARACTERS), colon.start()))
        for word in words[-_MAX_LABEL_WORDS:]:
            row = _find_field(text[word.start() : colon.start()]) if word[0][0].isupper() else None
            before = text[: word.start()].rstrip(_SEPARATORS)
            if row and row.kind in ONE_LINE and text[word.start() - 1] == " " and not before.endswith(":"):
                yield len(before), word.start()
                break


def _is_continuation(line: Text, following: Text) -> bool:
    return (
        _blank_lines(line, following) == 0
        and following.text[0].islower()
        and not ENDED.search(line.text)
        and not BULLET.match(following.text)
        and _open_section(line) is None
        and _open_section(following) is None
        and not (_is_short_audience(line.text) and _is_short_audience(following.text))
    )


def _is_short_audience(text: str) -> bool:
    """Return whether a line is an item of a list of audiences, which often begin with small letters."""
    return text.count(" ") < _MAX_AUDIENCE_WORDS and is_audience(text)


def _blank_lines(before: Text, after: Text) -> int:
    """Return the number of empty lines between two lines with text."""
    last = before.breaks[-1][1] if before.breaks else _place(before)
    return _place(after).line - last.line - 1


def _place(line: Text) -> Place:
    assert line.place
    return line.place


def _split_rights(lines: list[Text]) -> tuple[list[Text], Section | None]:
    """Separate the rights statement, up to the end or a label that opens another section, from the other lines."""
    index = next((index for index, line in enumerate(lines) if RIGHTS in line.text), None)
    if index is None:
        return lines, None
    line, at = lines[index], lines[index].text.index(RIGHTS)
    end = next((end for end in range(index + 1, len(lines)) if _open_section(lines[end])), len(lines))
    words, before = line.part(at), [line.part(0, at)] if at else []
    statement = " ".join([words.text, *(later.text for later in lines[index + 1 : end])])
    section = Section(BY_NAME["rights"], "", _place(words), [replace(words, text=statement)])
    return [*lines[:index], *before, *lines[end:]], section


def _sections(lines: list[Text]) -> list[Section]:
    """Split lines into sections. The head of the page comes last, since its meaning depends on the labels."""
    head = current = Section(BY_NAME["title"], "", Place(1))
    sections: list[Section] = []
    titled = False
    before = lines[0] if lines else Text("")
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        opened = _open_section(line, guess=titled) or _unknown_label(line, following, current)
        if opened and opened.row.kind is FieldKind.ITEMS and current.row.kind is FieldKind.ACTORS:
            # A name may look like a rare heading: "IMPACT" below "Implementors".
            rare = line.text.casefold() not in (opened.row.name, opened.row.column)
            opened = None if rare and line.text.isupper() and not current.label.isupper() else opened
        is_blank = current.label and not current.lines and current.row.kind in ONE_LINE
        if opened is None and is_blank and _blank_lines(before, line) >= _BLANK_LINES_OF_VALUE:
            current = head
        before = line
        titled = titled or opened is None or opened.row.kind is not FieldKind.LAYOUT
        if opened is None and current.row.kind is FieldKind.ACTORS and LIST_HEADING.fullmatch(line.text):
            current = Section(BY_NAME["country"], line.text.rstrip(": "), _place(line), [line])
            sections.append(current)
        elif opened is None:
            current.lines.append(line)
        elif opened.row.kind is FieldKind.LAYOUT:  # "About": the head continues
            if current is head and len(head.lines) == 1 and is_text(head.lines[0].text):  # a title of any length
                sections.append(Section(head.row, opened.label, head.place, [head.lines.pop()]))
            current = head
        else:
            sections.append(opened)
            current = current if opened.lines and opened.row.kind in ONE_LINE else opened
    if not any(section.row.kind in (FieldKind.PROSE, FieldKind.ITEMS) for section in sections):
        sections += _restore_headings(head, lines)
    return [*sections, head]


def _unknown_label(line: Text, following: Text | None, current: Section) -> Section | None:
    """Return a section for an unknown label that ends a list of names, an empty field or a list of items.

    The text below it does not belong to the list. A subheading with further items does not end a list.
    """
    if not line.text.endswith(":") or len(line.text) > _MAX_LABEL_CHARACTERS or LIST_HEADING.fullmatch(line.text):
        return None
    kind = current.row.kind
    ends = kind in (FieldKind.ACTORS, FieldKind.SCOPES) or (kind in ONE_LINE and not current.lines)
    if kind is FieldKind.ITEMS and current.lines and BULLET.match(current.lines[-1].text):
        ends = following is not None and not BULLET.match(following.text)
    return Section(BY_NAME["description"], line.text.rstrip(": "), _place(line)) if ends and current.label else None


def _open_section(line: Text, guess: bool = True) -> Section | None:
    """Return the section that this line opens, or None if it is not a label.

    With ``guess``, the words of an unlisted label determine its field.
    """
    begin = line.text[:_MAX_LABEL_CHARACTERS]
    dashed = guess and (" – " in begin or " - " in begin or " — " in begin)
    if len(line.text) > _MAX_LABEL_CHARACTERS and ":" not in begin and not dashed:
        return None
    if (numbered := _NUMBERED.match(line.text)) and (opened := _open_section(line.part(numbered.end()), guess)):
        return opened
    label = line.text.rstrip(": ?")
    row = _find_field(label) or (_guess_field(label) if guess and line.text.endswith((":", "?")) else None)
    if row and not BULLET.match(line.text):
        return Section(row, label, _place(line))
    match = _CODE_LINE.fullmatch(line.text) or _LABELLED.fullmatch(line.text)
    row = _find_field(match["label"]) if match else None
    if match and row is None and guess:
        row = _guess_field(match["label"])
    if dashed and row is None and (match := _DASHED.fullmatch(line.text)):
        row = found if (found := _find_field(match["label"])) and found.kind in ONE_LINE else None
    if match is None or row is None or row.kind is FieldKind.LAYOUT:
        return None
    if line.text.startswith("//", match.start("value")):
        return None  # "Read more https://example.org"
    return Section(row, match["label"], _place(line), [line.part(match.start("value"))])


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


def _restore_headings(head: Section, lines: list[Text]) -> Iterator[Section]:
    """Yield the sections of a page whose headings were lost.

    Each heading left an empty line between the blank lines around it, or one more blank line. The length of
    a run of blank lines therefore tells how many headings it replaces; the shortest run replaces one. The
    first heading is that of the summary. If the capture begins with the summary, its run is missing too.
    """
    runs = {id(after): _blank_lines(before, after) for before, after in pairwise(lines)}
    usual = Counter(runs[id(line)] for line in lines if id(line) in runs and not BULLET.match(line.text))
    lost = {id(line): runs[id(line)] for line in head.lines if runs.get(id(line), 0) > 1}
    if len(lost) < 2 or (usual and usual.most_common(1)[0][0] == 0):
        return
    shortest = min(lost.values())
    dense = shortest == _DENSE_RUN
    order = [name for name in _SECTION_ORDER if dense or name != "description"]
    section, kept, at = head, list[Text](), -1
    for line, following in zip(head.lines, [*head.lines[1:], None], strict=True):
        run, opens = lost.get(id(line), 0), True
        # Above the text, a line between two lost headings contains contact details.
        is_short = len(line.text.split()) < _MAX_CONTACT_WORDS and not line.text.endswith(".")
        is_contact = dense and at < 0 and is_short and id(following) in lost
        if line is lines[0] and is_text(line.text):  # the page begins with this text
            at = 0
        elif not run or is_contact or at + 1 == len(order):
            opens = False
        elif not dense:
            at += 1 + (run - shortest) // 2
        elif at < 0:  # the side panel above the summary was lost too
            at = 0
        else:  # below the summary, at most "Details" and the aim
            at += min(run - 1, 2) if at == 0 else run - 1
        if opens:
            at = min(at, len(order) - 1)
            section = Section(BY_NAME[order[at]], "", _place(line))
            yield section
        (kept if section is head else section.lines).append(line)
    head.lines[:] = kept
