"""Case studies and what belongs to them, the taxonomies, reports, and what the database keeps for search."""

from casestudies.models.case_studies import (
    FIRST_YEAR,
    LAST_YEAR,
    SEARCH_COLUMNS,
    SEARCH_CONFIGURATION,
    TITLE_BEGINS,
    TITLE_WORDS,
    CaseStudy,
    CaseStudyContact,
    CaseStudyFormerSlug,
    CaseStudyQuerySet,
    Resource,
    Source,
    resource_path,
)
from casestudies.models.content import ContentChange, ContentNote, ContentVersion
from casestudies.models.figures import ImpactFigure, figure_text, number_text
from casestudies.models.publishing import Publishable, PublishedSource, Status, publishable_constraints
from casestudies.models.reports import (
    Report,
    ReportEntry,
    ReportFormerSlug,
    ReportQuerySet,
    ReportSection,
    ReportSource,
    cover_path,
)
from casestudies.models.search import SearchWord, SynonymGroup
from casestudies.models.taxonomies import InterventionType, Result, Setting, Stage, Theme, ThemeFormerSlug

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "SEARCH_COLUMNS",
    "SEARCH_CONFIGURATION",
    "TITLE_BEGINS",
    "TITLE_WORDS",
    "CaseStudy",
    "CaseStudyContact",
    "CaseStudyFormerSlug",
    "CaseStudyQuerySet",
    "ContentChange",
    "ContentNote",
    "ContentVersion",
    "ImpactFigure",
    "InterventionType",
    "Publishable",
    "PublishedSource",
    "Report",
    "ReportEntry",
    "ReportFormerSlug",
    "ReportQuerySet",
    "ReportSection",
    "ReportSource",
    "Resource",
    "Result",
    "SearchWord",
    "Setting",
    "Source",
    "Stage",
    "Status",
    "SynonymGroup",
    "Theme",
    "ThemeFormerSlug",
    "cover_path",
    "figure_text",
    "number_text",
    "publishable_constraints",
    "resource_path",
]
