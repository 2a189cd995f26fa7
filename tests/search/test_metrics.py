"""The measures themselves: textbook values, and what must hold for any ranking."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.search.metrics import USEFUL, dcg, mean, ndcg, reciprocal_rank

results = st.text("abcdefghijklmnop", min_size=1, max_size=2)
judged = st.dictionaries(results, st.integers(0, 3), min_size=1, max_size=30).filter(lambda g: any(g.values()))
rankings = st.lists(results, unique=True, max_size=30)
depths = st.integers(1, 15)


def best_first(grades):
    return sorted(grades, key=lambda result: -grades[result])


def test_textbook_gain():
    # The grades 3, 2, 3, 0, 1, 2 that explanations of the measure use.
    assert dcg([3, 2, 3, 0, 1, 2]) == pytest.approx(13.848, abs=0.001)
    assert dcg([3, 3, 2, 2, 1, 0]) == pytest.approx(14.595, abs=0.001)
    grades = dict(zip("abcdef", [3, 2, 3, 0, 1, 2], strict=True))
    assert ndcg(list("abcdef"), grades) == pytest.approx(0.949, abs=0.001)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [([], 0), ([0, 0], 0), ([1], 1), ([3], 7), ([0, 1], 0.6309), ([0, 0, 1], 0.5), ([0, 0, 0, 0, 0, 0, 3], 7 / 3)],
)
def test_gain_by_hand(gains, expected):
    assert dcg(gains) == pytest.approx(expected, abs=0.0001)


def test_textbook_reciprocal_rank():
    # Right answers at the third, second and first place: the mean is 11/18.
    ranks = [reciprocal_rank(ranking, {"x": 3}) for ranking in ("abx", "axb", "xab")]
    assert ranks == pytest.approx([1 / 3, 1 / 2, 1])
    assert mean(ranks) == pytest.approx(11 / 18)


def test_only_useful_results_have_a_rank():
    assert reciprocal_rank("abc", {"a": 1, "b": 0, "c": 2}) == pytest.approx(1 / 3)
    assert reciprocal_rank("ab", {"a": 1}) == 0
    assert reciprocal_rank([], {"a": 3}) == 0


def test_nothing_found_gains_nothing():
    assert ndcg([], {"a": 3}) == 0


def test_nothing_worth_finding_has_no_measure():
    for grades in ({}, {"a": 0}):
        with pytest.raises(ValueError, match="nothing is worth finding"):
            ndcg(["a"], grades)


def test_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no values"):
        mean([])


@given(ranking=st.lists(results, max_size=30), grades=judged, depth=depths)
def test_bounds(ranking, grades, depth):
    assert 0 <= ndcg(ranking, grades, depth) <= 1 + 1e-9
    assert 0 <= reciprocal_rank(ranking, grades) <= 1


@given(grades=judged, depth=depths)
def test_perfect_ranking(grades, depth):
    ranking = best_first(grades)
    assert ndcg(ranking, grades, depth) == pytest.approx(1)
    assert reciprocal_rank(ranking, grades) == (1 if max(grades.values()) >= USEFUL else 0)


@given(data=st.data(), grades=judged, depth=depths)
def test_no_permutation_beats_the_perfect_ranking(data, grades, depth):
    ranking = data.draw(st.permutations(list(grades)))
    assert ndcg(ranking, grades, depth) <= ndcg(best_first(grades), grades, depth) + 1e-9


@given(data=st.data(), grades=judged)
def test_order_among_equals_does_not_matter(data, grades):
    shuffled = {result: grades[result] for result in data.draw(st.permutations(list(grades)))}
    assert ndcg(best_first(shuffled), grades) == pytest.approx(ndcg(best_first(grades), grades))
    assert ndcg(list(grades), shuffled) == ndcg(list(grades), grades)


@given(data=st.data(), ranking=rankings, grades=judged)
def test_moving_the_better_result_up_never_hurts(data, ranking, grades):
    assume(len(ranking) >= 2)
    upper = data.draw(st.integers(0, len(ranking) - 2))
    lower = data.draw(st.integers(upper + 1, len(ranking) - 1))
    swapped = list(ranking)
    swapped[upper], swapped[lower] = swapped[lower], swapped[upper]
    before, after = ndcg(ranking, grades), ndcg(swapped, grades)
    gained = grades.get(ranking[lower], 0) - grades.get(ranking[upper], 0)
    if gained >= 0:
        assert after >= before - 1e-9
        if grades.get(ranking[lower], 0) >= USEFUL:
            assert reciprocal_rank(swapped, grades) >= reciprocal_rank(ranking, grades)
    else:
        assert after <= before + 1e-9
    if gained and upper < 10:
        assert after != pytest.approx(before, rel=1e-12)


@given(ranking=rankings, grades=judged, depth=depths, more=rankings)
def test_nothing_below_the_depth_counts(ranking, grades, depth, more):
    cut = ranking[:depth]
    assert ndcg(cut, grades, depth) == ndcg(ranking, grades, depth)
    if len(cut) == depth:
        assert ndcg(cut + more, grades, depth) == ndcg(cut, grades, depth)


@given(ranking=rankings, grades=judged)
def test_a_result_counts_once(ranking, grades):
    assume(ranking)
    again = [ranking[0], ranking[0], *ranking[1:]]
    assert ndcg(again, grades) <= ndcg(ranking, grades) + 1e-9


@given(ranking=rankings, grades=judged, unjudged=st.lists(st.text("xyz", min_size=3, max_size=4), max_size=5))
def test_what_was_not_judged_is_worth_nothing(ranking, grades, unjudged):
    assert ndcg(unjudged, grades) == 0
    assert ndcg(ranking + unjudged, grades, 40) == pytest.approx(ndcg(ranking, grades, 40))
    assert ndcg(unjudged + ranking, grades) <= ndcg(ranking, grades) + 1e-9
