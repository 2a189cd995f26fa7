"""The made-up content of the benchmarks: always the same, and as uneven as real content is."""

import hashlib
import subprocess
import sys
from collections import Counter

from django.conf import settings

from benchmarks import generator

NUMBER = 400
DIGEST = """
import hashlib
from benchmarks import generator
content = (generator.organisations(), list(generator.case_studies(40)))
print(hashlib.sha256(repr(content).encode()).hexdigest())
"""


def test_the_same_number_is_the_same_content():
    assert list(generator.case_studies(20)) == list(generator.case_studies(20))
    assert list(generator.case_studies(20))[7:] == list(generator.case_studies(20, start=8))


def test_another_process_makes_the_same_content():
    done = subprocess.run(
        [sys.executable, "-c", DIGEST],
        cwd=settings.BASE_DIR,
        env={"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = (generator.organisations(), list(generator.case_studies(40)))
    assert done.stdout.strip() == hashlib.sha256(repr(here).encode()).hexdigest()


def test_themes_are_used_unevenly():
    uses = Counter(slug for record in generator.case_studies(NUMBER) for slug in record.themes)
    assert len(uses) == len(generator.themes())
    assert max(uses.values()) >= 5 * min(uses.values())


def test_organisations_are_used_unevenly():
    leads = Counter(record.lead for record in generator.case_studies(NUMBER))
    assert leads.most_common(1)[0][1] > NUMBER / 20
    assert len(leads) > 100


def test_there_are_common_middling_and_rare_words():
    uses = Counter()
    for record in generator.case_studies(NUMBER):
        uses.update(set(" ".join(record.sections).lower().split()))
    assert sum(0.3 * NUMBER <= times <= 0.5 * NUMBER for times in uses.values()) > 20
    assert sum(0.01 * NUMBER <= times <= 0.1 * NUMBER for times in uses.values()) > 500
    assert sum(times == 1 for times in uses.values()) > 1_000


def test_texts_are_as_long_as_real_ones():
    lengths = [len(record.summary) + sum(map(len, record.sections)) for record in generator.case_studies(NUMBER)]
    assert 2_000 < sum(lengths) / NUMBER < 4_000
    assert max(lengths) < 6_000


def test_titles_and_addresses_tell_case_studies_apart():
    records = list(generator.case_studies(NUMBER))
    assert len({record.slug for record in records}) == NUMBER
    assert len({record.title for record in records}) > 0.95 * NUMBER
