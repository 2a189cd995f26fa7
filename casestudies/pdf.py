"""A report as an accessible PDF (PDF/UA-1), typeset by typst from what its page shows."""

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, time
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst
from django.conf import settings
from django.utils import timezone

from casestudies.models import CaseStudy, ImpactFigure, PublishedSource, Report
from safetyhub.jinja import capitalize_first, day

TEMPLATE = Path(settings.BASE_DIR) / "templates" / "pdf" / "report.typ"
# Kept by their content, so a kept one is never out of date. A report of 40 case studies is about 200 kB.
MOST_KEPT = 16  # PDFs in each process
# Only the fonts inside typst: the PDF is then the same on every machine, whatever fonts that has.
FONTS = typst.Fonts(include_system_fonts=False)
# What those fonts cannot show. PDF/UA refuses a document with a character that has no glyph.
UNSHOWABLE = re.compile(
    r"[^\t\n -~\u00a0-\u024f\u02b0-\u04ff\u1e00-\u1eff\u2000-\u2040\u2044-\u2052\u2054-\u211e\u2122"
    r"\u2126-\u2151\u2153-\u2184\u2189\u2190-\u22ff\u25a0-\u25ff\u2713\u2714\ufffd]"
)


def showable(value: Any) -> Any:
    """Put the replacement character (�) in the place of each that the fonts cannot show, such as an emoji."""
    if isinstance(value, dict):
        return {key: showable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [showable(item) for item in value]
    if not isinstance(value, str):
        return value
    text = UNSHOWABLE.sub("\ufffd", value)
    # Not every number in those ranges is a character yet.
    return "".join("\ufffd" if unicodedata.category(character) == "Cn" else character for character in text)


class RichText(HTMLParser):
    """
    Reads sanitised rich text into blocks: paragraphs, headings and lists, each with its runs of words.

    A list inside a list is read as more items of the outer one.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.is_open = False
        self.depth = 0  # of lists
        self.marks: list[str] = []
        self.href = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, an item or a mark."""
        match tag:
            # A paragraph inside an item is the item.
            case "p" if not self.depth:
                self._open_block("paragraph")
            case "h3" if not self.depth:
                self._open_block("heading")
            case "ul" | "ol":
                if not self.depth:
                    self.blocks.append({"kind": tag, "items": []})
                self.depth += 1
            case "li" if self.depth:
                self._open_runs()
                self.blocks[-1]["items"].append(self.runs)
            case "strong" | "em":
                self.marks.append(tag)
            case "a":
                self.href = dict(attrs).get("href") or ""
            case "br":
                self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        """End a block, an item or a mark."""
        match tag:
            case "p" | "h3" if not self.depth:
                self.is_open = False
            case "ul" | "ol" if self.depth:
                self.depth -= 1
                self.is_open = False
            case "strong" | "em" if tag in self.marks:
                self.marks.remove(tag)
            case "a":
                self.href = ""

    def handle_data(self, data: str) -> None:
        """Add words to what is open; words outside any block begin a paragraph."""
        if not self.is_open:
            if not data.strip() or self.depth:
                return
            self._open_block("paragraph")
        self.runs.append(
            {"text": data, "bold": "strong" in self.marks, "italic": "em" in self.marks, "href": self.href}
        )

    def _open_block(self, kind: str) -> None:
        self._open_runs()
        self.blocks.append({"kind": kind, "runs": self.runs})

    def _open_runs(self) -> None:
        self.runs = []
        self.is_open = True


def report_as_pdf(context: dict[str, Any]) -> bytes:
    """Typeset a report from what `report_context` gives. Raises typst.TypstError for a mistake in the template."""
    report: Report = context["report"]
    cover = _cover_of(report)
    data = json.dumps(showable(_report_data(context)))
    try:
        return _typeset(data, cover)
    except typst.TypstError:
        if not cover:
            raise
        # An image that typst cannot read must not cost the reader the report.
        return _typeset(data, b"")


def _cover_of(report: Report) -> bytes:
    if not report.cover:
        return b""
    try:
        with report.cover.open("rb") as file:
            return bytes(file.read())
    except OSError:
        return b""


@lru_cache(maxsize=MOST_KEPT)
def _typeset(data: str, cover: bytes) -> bytes:
    with TemporaryDirectory(prefix="report-") as folder:
        if cover:
            (Path(folder) / "cover").write_bytes(cover)
        compiler = typst.Compiler(
            input=TEMPLATE.read_bytes(),
            root=folder,
            font_paths=FONTS,
            sys_inputs={"report": data, "cover": "cover" if cover else ""},
        )
        # Without a time of its own typst writes the clock's, and the same report would never be the same file.
        made = datetime.combine(timezone.localdate(), time(), tzinfo=UTC)
        pdf = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=made)
    if not isinstance(pdf, bytes):  # typst gives a list for formats of one file a page
        raise TypeError("typst gave no PDF")
    return pdf


def _report_data(context: dict[str, Any]) -> dict[str, Any]:
    report: Report = context["report"]
    return {
        "title": report.title,
        "publisher": report.publisher.name,
        "issued": day(report.issued_on),
        "year": str(report.issued_on.year),
        "summary": report.summary,
        "note": report.note,
        "foreword": RichText(report.foreword).blocks,
        "foreword_by": report.foreword_by,
        "cover_alt": report.cover_alt,
        "service": settings.SERVICE_NAME,
        "url": f"{settings.SITE_URL}{report.get_absolute_url()}",
        "made": day(timezone.localdate()),
        "sections": [
            section | {"case_studies": [_case_study_data(case_study) for case_study in section["case_studies"]]}
            for section in context["sections"]
        ],
        "sources": _sources_data(context["sources"]),
    }


def _case_study_data(case_study: CaseStudy) -> dict[str, Any]:
    glance = [
        ("Led by", case_study.lead_organisation.name),
        ("Where", ", ".join(setting.name for setting in case_study.settings.all())),
        ("When", capitalize_first(case_study.years)),
        ("Introduced", ", ".join(case_study.get_intervention_types_display())),
        ("Stage", case_study.get_stage_display()),
        ("Result", case_study.get_result_display()),
    ]
    return {
        "title": case_study.title,
        "summary": case_study.summary,
        "glance": [row for row in glance if row[1]],
        "figures": [_figure_data(figure) for figure in case_study.impact_figures.all()],
        "sources": _sources_data(case_study.sources.all()),
        "url": f"{settings.SITE_URL}{case_study.get_absolute_url()}",
    }


def _figure_data(figure: ImpactFigure) -> dict[str, Any]:
    comparison = f"Comparison: {figure.comparison}" if figure.comparison else ""
    return {
        "effect": figure.is_effect,
        "kind": figure.get_kind_display(),
        "headline": capitalize_first(figure.headline),
        "start": figure.start,
        "label": figure.label,
        "context": ". ".join(words for words in (figure.period, comparison) if words),
        "source": {"name": figure.source.publisher or figure.source.title, "url": figure.source.url},
    }


def _sources_data(sources: Iterable[PublishedSource]) -> list[dict[str, str]]:
    return [{"title": source.title, "publisher": source.publisher, "url": source.url} for source in sources]
