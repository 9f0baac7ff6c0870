"""Edits cells of a workbook (XLSX, ECMA-376) in its XML, so that everything else in it stays as it is."""

from __future__ import annotations

import io
import posixpath
import zipfile
from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lxml import etree

from cybilgraph.model.findings import Severity
from cybilgraph.rdf.serialisation import to_xml_text
from cybilgraph.readers.cells import cell_name, cell_place

#: The row and the column of a cell, from 1.
CellPlace = tuple[int, int]

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_COMMENTS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml"
_VML_TYPE = "application/vnd.openxmlformats-officedocument.vmlDrawing"
_EXCEL = "{urn:schemas-microsoft-com:office:excel}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
#: The background of marked cells (ARGB).
_COLOURS = {Severity.VIOLATION: "FFFFC7C2", Severity.WARNING: "FFFFE3A3", Severity.INFO: "FFCFE2FF"}
_AUTHOR = "cybilgraph"
#: What separates our findings from the comment of somebody else.
_BELOW_COMMENT = f"\n\n{_AUTHOR}:\n"
#: The parts with our comments, if the sheet has none.
_COMMENTS_PART, _VML_PART = "xl/cybilgraph-comments.xml", "xl/cybilgraph-comments.vml"
#: The elements that follow legacyDrawing in a worksheet (ECMA-376 part 1, 18.3.1.99).
_AFTER_DRAWING = (
    *("legacyDrawingHF", "drawingHF", "picture", "oleObjects", "controls", "webPublishItems", "tableParts", "extLst"),
    "AlternateContent",  # of drawings and controls
)
_NO_COMMENTS = f'<comments xmlns="{_MAIN}"><authors/><commentList/></comments>'
_SHAPES = """<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"
 xmlns:x="urn:schemas-microsoft-com:office:excel"><v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202"
 path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/>
</v:shapetype></xml>"""
_SHAPE = """<v:shape xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"
 xmlns:x="urn:schemas-microsoft-com:office:excel" id="cybilgraph_{row}_{column}" type="#_x0000_t202"
 style="position:absolute;margin-left:80pt;margin-top:2pt;width:260pt;height:110pt;visibility:hidden"
 fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/><v:shadow on="t" color="black" obscured="t"/>
<v:path o:connecttype="none"/><v:textbox><div style="text-align:left"/></v:textbox><x:ClientData ObjectType="Note">
<x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{left}, 15, {top}, 2, {right}, 15, {bottom}, 4</x:Anchor>
<x:AutoFill>False</x:AutoFill><x:Row>{row}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>"""


@dataclass(frozen=True, slots=True)
class Mark:
    """The colour and the comment of a cell."""

    severity: Severity
    comment: str


class WorkbookEdit:
    """A workbook whose cells are edited in memory. ``content`` returns the result."""

    def __init__(self, content: bytes, sheet: str) -> None:
        """Open a workbook to edit the sheet in this part of it. Raises KeyError if there is no such part."""
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            self._entries = archive.infolist()
            self._parts = {entry.filename: archive.read(entry) for entry in self._entries}
        self._sheet_part = sheet
        self._sheet = _parse(self._parts[sheet])
        self._namespace = etree.QName(self._sheet).namespace or _MAIN
        self._rows: dict[int, Any] = {}
        self._cells: dict[CellPlace, Any] = {}
        self._columns: dict[int, list[int]] = defaultdict(list)
        number = 0
        for row in self._sheet.iterfind(f"{self._tag('sheetData')}/{self._tag('row')}"):
            number, column = int(row.get("r") or number + 1), 0
            self._rows[number] = row
            for cell in row.iterfind(self._tag("c")):
                column = cell_place(cell.get("r", ""))[1] or column + 1
                self._cells[number, column] = cell
        for number, column in sorted(self._cells):
            self._columns[number].append(column)
        self._row_numbers = sorted(self._rows)

    def has_formula(self, place: CellPlace) -> bool:
        """Return whether a cell contains a formula."""
        cell = self._cells.get(place)
        return cell is not None and cell.find(self._tag("f")) is not None

    def write(self, place: CellPlace, text: str) -> None:
        """Replace the content of an existing cell with a text. Raises KeyError if there is no such cell."""
        cell = self._cells[place]
        for child in list(cell):
            cell.remove(child)
        cell.set("t", "inlineStr")
        inline = etree.SubElement(etree.SubElement(cell, self._tag("is")), self._tag("t"))
        inline.set(_SPACE, "preserve")
        inline.text = to_xml_text(text)

    def mark(self, marks: Mapping[CellPlace, Mark]) -> None:
        """Colour cells and add comments to them, in place of those of an earlier check.

        Cells that the sheet lacks are added.
        """
        for place in sorted(marks.keys() - self._cells.keys()):
            self._add_cell(place)
        self._colour(marks)
        self._comment(marks)

    def first_of_merged(self, place: CellPlace) -> CellPlace:
        """Return the first cell of the merged range that contains a cell, or the cell itself."""
        row, column = place
        return next(
            (one for one, last in self._merged if one[0] <= row <= last[0] and one[1] <= column <= last[1]), place
        )

    @cached_property
    def _merged(self) -> list[tuple[CellPlace, CellPlace]]:
        ranges = self._sheet.iterfind(f"{self._tag('mergeCells')}/{self._tag('mergeCell')}")
        parts = [reference.get("ref", "").split(":") for reference in ranges]
        return [(cell_place(part[0]), cell_place(part[1])) for part in parts if len(part) == 2]

    def content(self) -> bytes:
        """Return the edited workbook."""
        self._parts[self._sheet_part] = _serialise(self._sheet)
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in self._entries:
                archive.writestr(entry, self._parts.pop(entry.filename, b""))
            for name, part in self._parts.items():
                archive.writestr(zipfile.ZipInfo(name, self._entries[0].date_time), part, zipfile.ZIP_DEFLATED)
        return output.getvalue()

    # ---- cells ----

    def _tag(self, name: str) -> str:
        return f"{{{self._namespace}}}{name}"

    def _add_cell(self, place: CellPlace) -> None:
        number, column = place
        row = self._rows.get(number)
        if row is None:
            row = self._rows[number] = etree.Element(self._tag("row"), r=str(number))
            self._sheet.find(self._tag("sheetData")).insert(bisect(self._row_numbers, number), row)
            insort(self._row_numbers, number)
        cell = self._cells[place] = etree.Element(self._tag("c"), r=cell_name(number, column))
        row.insert(bisect(self._columns[number], column), cell)
        insort(self._columns[number], column)

    def _colour(self, marks: Mapping[CellPlace, Mark]) -> None:
        part = next((target for kind, target in self._links("xl/workbook.xml") if kind == "styles"), "")
        if part not in self._parts:  # a workbook without formats
            return
        styles = _parse(self._parts[part])
        fills, formats = (styles.find(f"{{{etree.QName(styles).namespace}}}{name}") for name in ("fills", "cellXfs"))
        if fills is None or formats is None or not len(formats):
            return
        earlier = {str(number) for number, fill in enumerate(fills) if _is_ours(fill)}
        for form in formats:
            if form.get("fillId") in earlier:
                form.set("fillId", "0")
        colours: dict[Severity, str] = {}
        known: dict[tuple[str, Severity], str] = {}
        for place, mark in marks.items():
            cell, severity = self._cells[place], mark.severity
            if severity not in colours:
                colours[severity] = str(len(fills))
                fill = etree.SubElement(etree.SubElement(fills, _like(fills, "fill")), _like(fills, "patternFill"))
                fill.set("patternType", "solid")
                etree.SubElement(fill, _like(fills, "fgColor"), rgb=_COLOURS[severity])
                etree.SubElement(fill, _like(fills, "bgColor"), indexed="64")
            style = cell.get("s", "0")
            if (style, severity) not in known:
                form = deepcopy(formats[int(style) if int(style) < len(formats) else 0])
                form.set("fillId", colours[severity])
                form.set("applyFill", "1")
                known[style, severity] = str(len(formats))
                formats.append(form)
            cell.set("s", known[style, severity])
        for element in (fills, formats):
            element.set("count", str(len(element)))
        self._parts[part] = _serialise(styles)

    # ---- comments ----

    def _comment(self, marks: Mapping[CellPlace, Mark]) -> None:
        if not marks and "comments" not in dict(self._links(self._sheet_part)):
            return
        comments_part = self._linked_part("comments", _COMMENTS_PART, _NO_COMMENTS, _COMMENTS_TYPE)
        vml_part = self._linked_part("vmlDrawing", _VML_PART, _SHAPES, _VML_TYPE)
        comments = _parse(self._parts[comments_part])
        # Spreadsheet programs write drawings that are not well-formed.
        drawing = etree.fromstring(self._parts[vml_part], etree.XMLParser(resolve_entities=False, recover=True))
        authors, listed = (comments.find(_like(comments, name)) for name in ("authors", "commentList"))
        names = [name.text for name in authors]
        author = str(names.index(_AUTHOR) if _AUTHOR in names else len(names))
        if _AUTHOR not in names:
            etree.SubElement(authors, _like(authors, "author")).text = _AUTHOR
        _remove_earlier_comments(listed, drawing, author)
        existing = {comment.get("ref"): comment for comment in listed}
        for (row, column), mark in sorted(marks.items()):
            name = cell_name(row, column)
            words = to_xml_text(mark.comment)
            comment = existing.get(name)
            if comment is None:
                comment = etree.SubElement(listed, _like(listed, "comment"), ref=name, authorId=author)
                etree.SubElement(comment, _like(listed, "text"))
                right, bottom = column + 4, row + 6
                drawing.append(
                    etree.fromstring(
                        _SHAPE.format(
                            row=row - 1, column=column - 1, left=column, top=row - 1, right=right, bottom=bottom
                        )
                    )
                )
            else:
                words = f"{_BELOW_COMMENT}{words}"
                for plain in comment.iterfind(
                    f"{_like(listed, 'text')}/{_like(listed, 't')}"
                ):  # a text has runs or is plain
                    etree.SubElement(plain.getparent(), _like(listed, "r")).append(plain)
            run = etree.SubElement(comment.find(_like(listed, "text")), _like(listed, "r"))
            text = etree.SubElement(run, _like(listed, "t"))
            text.set(_SPACE, "preserve")
            text.text = words
        self._parts[comments_part], self._parts[vml_part] = _serialise(comments), _serialise(drawing)

    def _links(self, part: str) -> list[tuple[str, str]]:
        """Return the kind and the part of each relation of a part."""
        relations = _relations_part(part)
        if relations not in self._parts:
            return []
        found = []
        for link in _parse(self._parts[relations]):
            if link.get("TargetMode") != "External":
                target = posixpath.join(posixpath.dirname(part), link.get("Target", ""))
                found.append((link.get("Type", "").rpartition("/")[2], posixpath.normpath(target).lstrip("/")))
        return found

    def _linked_part(self, kind: str, new_part: str, empty: str, content_type: str) -> str:
        """Return the part of a kind that the sheet refers to; add an empty one if there is none."""
        for known, part in self._links(self._sheet_part):
            if known == kind and part in self._parts:
                return part
        self._parts[new_part] = empty.encode()
        relations_part = _relations_part(self._sheet_part)
        empty_relations = f'<Relationships xmlns="{_RELATIONS}"/>'.encode()
        relations = _parse(self._parts.get(relations_part, empty_relations))
        name = f"cybilgraph-{kind}"
        etree.SubElement(
            relations, f"{{{_RELATIONS}}}Relationship", Id=name, Type=f"{_OFFICE}/{kind}", Target=f"/{new_part}"
        )
        self._parts[relations_part] = _serialise(relations)
        types = _parse(self._parts["[Content_Types].xml"])
        etree.SubElement(types, f"{{{_TYPES}}}Override", PartName=f"/{new_part}", ContentType=content_type)
        self._parts["[Content_Types].xml"] = _serialise(types)
        if kind == "vmlDrawing":
            following = next((child for child in self._sheet if etree.QName(child).localname in _AFTER_DRAWING), None)
            link = etree.Element(self._tag("legacyDrawing"))
            link.set(f"{{{_OFFICE}}}id", name)
            if following is None:
                self._sheet.append(link)
            else:
                following.addprevious(link)
        return new_part


def _parse(content: bytes) -> Any:
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))


def _serialise(root: Any) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _is_ours(fill: Any) -> bool:
    return any(colour.get("rgb") in _COLOURS.values() for colour in fill.iter(_like(fill, "fgColor")))


def _remove_earlier_comments(comments: Any, drawing: Any, author: str) -> None:
    """Remove our comments and their shapes, and our part of comments by others."""
    shapes = {tuple(part.text for part in shape.iter(f"{_EXCEL}Row", f"{_EXCEL}Column")): shape for shape in drawing}
    for comment in list(comments):
        if comment.get("authorId") == author:
            comments.remove(comment)
            row, column = cell_place(comment.get("ref"))
            shape = shapes.get((str(row - 1), str(column - 1)))
            if shape is not None:
                drawing.remove(shape)
        for text in comment.iter(_like(comments, "t")):
            text.text = (text.text or "").partition(_BELOW_COMMENT)[0]


def _like(element: Any, name: str) -> str:
    """Return the tag of a name in the namespace of another element."""
    return f"{{{etree.QName(element).namespace}}}{name}"


def _relations_part(part: str) -> str:
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")
