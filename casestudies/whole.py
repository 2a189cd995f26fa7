"""
A case study with all that its page shows, or case studies with all that their cards show, in one query.

The ORM takes longer to put a query together than PostgreSQL to answer it, and a page needs ten. Here the parts come as
JSON and are set where `prefetch_related` sets its own, so that whoever is given the case study asks for no more.
"""

import json
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Model

from casestudies.models import (
    SEARCH_COLUMNS,
    CaseStudy,
    CaseStudyContact,
    ImpactFigure,
    Report,
    Resource,
    Setting,
    Source,
    Theme,
)
from partners.models import Contact, Organisation

LEFT_OUT = {*SEARCH_COLUMNS, "editor_note"}
FIELDS = [field for field in CaseStudy._meta.concrete_fields if field.name not in LEFT_OUT]
# The parts, by the names that the case study has them under, in the orders of their models.
PARTS: dict[str, type[Model]] = {
    "themes": Theme,
    "settings": Setting,
    "partner_organisations": Organisation,
    "impact_figures": ImpactFigure,
    "sources": Source,
    "resources": Resource,
    "case_study_contacts": CaseStudyContact,
}
QUERY = f"""
SELECT {", ".join(f"study.{field.column}" for field in FIELDS)},
    (SELECT to_jsonb(part) FROM partners_organisation part WHERE part.id = study.lead_organisation_id),
    ARRAY(
        SELECT jsonb_build_object('slug', part.slug, 'title', part.title)
        FROM casestudies_report part JOIN casestudies_reportentry entry ON entry.report_id = part.id
        WHERE entry.case_study_id = study.id AND status = 'published' AND published_at <= statement_timestamp()
        ORDER BY part.issued_on DESC, part.title
    ),
    ARRAY(
        SELECT to_jsonb(part)
        FROM casestudies_theme part JOIN casestudies_casestudy_themes link ON link.theme_id = part.id
        WHERE link.casestudy_id = study.id ORDER BY part."order", part.name
    ),
    ARRAY(
        SELECT to_jsonb(part)
        FROM casestudies_setting part JOIN casestudies_casestudy_settings link ON link.setting_id = part.id
        WHERE link.casestudy_id = study.id ORDER BY part."order", part.name
    ),
    ARRAY(
        SELECT to_jsonb(part)
        FROM partners_organisation part
        JOIN casestudies_casestudy_partner_organisations link ON link.organisation_id = part.id
        WHERE link.casestudy_id = study.id ORDER BY part.name
    ),
    ARRAY(
        SELECT to_jsonb(part) FROM casestudies_impactfigure part
        WHERE part.case_study_id = study.id ORDER BY part."order", part.id
    ),
    ARRAY(
        SELECT to_jsonb(part) FROM casestudies_source part
        WHERE part.case_study_id = study.id ORDER BY part."order", part.id
    ),
    ARRAY(
        SELECT to_jsonb(part) FROM casestudies_resource part
        WHERE part.case_study_id = study.id ORDER BY part."order", part.id
    ),
    ARRAY(
        SELECT to_jsonb(part) || jsonb_build_object('contact', to_jsonb(contact), 'employer', to_jsonb(employer))
        FROM casestudies_casestudycontact part
        JOIN partners_contact contact ON contact.id = part.contact_id
        JOIN partners_organisation employer ON employer.id = contact.organisation_id
        WHERE part.case_study_id = study.id ORDER BY part."order", part.id
    )
FROM casestudies_casestudy study
"""  # noqa: S608  # constants


OF_CARD = {"id", "slug", "title", "summary", "result", "stage", "start_year", "end_year", "lead_organisation"}
FIELDS_OF_CARD = [field for field in CaseStudy._meta.concrete_fields if field.name in OF_CARD]
CARDS = f"""
SELECT {", ".join(f"study.{field.column}" for field in FIELDS_OF_CARD)}, lead.name,
    ARRAY(
        SELECT part.name
        FROM casestudies_setting part JOIN casestudies_casestudy_settings link ON link.setting_id = part.id
        WHERE link.casestudy_id = study.id ORDER BY part."order", part.name
    ),
    ARRAY(
        SELECT to_jsonb(part) FROM casestudies_impactfigure part
        WHERE part.case_study_id = study.id ORDER BY part."order", part.id
    )
FROM casestudies_casestudy study JOIN partners_organisation lead ON lead.id = study.lead_organisation_id
WHERE study.id = ANY(%s) AND status = 'published' AND published_at <= statement_timestamp()
"""  # noqa: S608  # constants


def published_for_cards(keys: Collection[int]) -> list[CaseStudy]:
    """Give the published of some case studies, in no order, as `CaseStudyQuerySet.for_cards` does."""
    with connection.cursor() as cursor:
        cursor.execute(CARDS, [list(keys)])
        rows = cursor.fetchall()
    case_studies = []
    for *own, lead, setting_names, figures in rows:
        case_study: Any = CaseStudy.from_db("default", [field.attname for field in FIELDS_OF_CARD], own)
        case_study.lead_organisation = Organisation.from_db(
            "default", ["id", "name"], [case_study.lead_organisation_id, lead]
        )
        case_study.setting_names = setting_names
        case_study.figures_of_card = [
            _record(ImpactFigure, json.loads(figure, parse_float=Decimal)) for figure in figures
        ]
        case_studies.append(case_study)
    return case_studies


def published_case_study(slug: str) -> CaseStudy | None:
    """Give the published case study of a slug, with `published_reports` that tell of it."""
    return _read("WHERE slug = %s AND status = 'published' AND published_at <= statement_timestamp()", slug)


def any_case_study(pk: int) -> CaseStudy | None:
    """Give a case study by its key, whether visitors may see it or not."""
    return _read("WHERE id = %s", pk)


def _read(condition: str, value: str | int) -> CaseStudy | None:
    with connection.cursor() as cursor:
        cursor.execute(QUERY + condition, [value])
        row = cursor.fetchone()
    if row is None:
        return None
    own, (lead, reports, *parts) = row[: len(FIELDS)], row[len(FIELDS) :]
    case_study = CaseStudy.from_db("default", [field.attname for field in FIELDS], own)
    case_study.lead_organisation = _record(Organisation, json.loads(lead))
    case_study.published_reports = [Report(**json.loads(report)) for report in reports]
    found: dict[str, list[Any]] = {}
    kept = vars(case_study)["_prefetched_objects_cache"] = {}
    for (name, model), rows in zip(PARTS.items(), parts, strict=True):
        read = [json.loads(each, parse_float=Decimal) for each in rows]
        records = found[name] = [_record(model, each) for each in read]
        if name == "case_study_contacts":
            for link, each in zip(records, read, strict=True):
                link.contact = _record(Contact, each["contact"])
                link.contact.organisation = _record(Organisation, each["employer"])
        asked = getattr(case_study, name).all()
        asked._result_cache = records
        kept[name] = asked
    sources = {source.pk: source for source in found["sources"]}
    for figure in found["impact_figures"]:
        figure.source = sources[figure.source_id]
    for part in (*found["impact_figures"], *found["sources"], *found["resources"], *found["case_study_contacts"]):
        part.case_study = case_study
    return case_study


def _record(model: type[Model], columns: dict[str, Any]) -> Any:
    """Make a record of its columns as JSON has them: dates are texts, and the order is any."""
    fields = model._meta.concrete_fields
    return model.from_db(
        "default", [field.attname for field in fields], [field.to_python(columns[field.attname]) for field in fields]
    )
