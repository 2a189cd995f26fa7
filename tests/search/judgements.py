"""The judged queries: what visitors type, and how useful each case study would be to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

JUDGEMENTS = Path(__file__).with_name("judgements.json")
KINDS = (
    "symptom", "place", "abbreviation", "misspelling", "half-title", "organisation", "synonym", "phrase", "operator",
    "topic",
)  # fmt: skip
HELD_BACK = 30  # of 100


@dataclass(frozen=True)
class Query:
    """What somebody types, and the grade of each case study that would help: 3, 2 or 1. Others are worth 0."""

    id: str
    words: str
    kind: str
    grades: Mapping[str, int]

    @property
    def held_back(self) -> bool:
        """
        Say whether the query is kept out of tuning, to show whether what was tuned holds for other queries too.

        Its identifier decides, so that adding or changing a query moves no other from one side to the other.
        """
        return int(sha256(self.id.encode()).hexdigest(), 16) % 100 < HELD_BACK


def load_judgements() -> list[Query]:
    """Read the judged queries, in the order of the file."""
    return [Query(**record) for record in json.loads(JUDGEMENTS.read_text(encoding="utf-8"))["queries"]]
