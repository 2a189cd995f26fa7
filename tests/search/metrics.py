"""How good a ranking is, as two numbers between 0 and 1. Nothing here knows Django or a database."""

from collections.abc import Iterable, Mapping, Sequence
from math import log2

USEFUL = 2  # the grade from which on a result answers a visitor's need


def dcg(gains: Iterable[int]) -> float:
    """
    Give the discounted cumulative gain of grades in the order they were shown.

    The sum of (2^grade - 1) / log2(1 + rank), ranks counted from 1: a grade counts exponentially, and less the further
    down it stands. Burges and others, "Learning to rank using gradient descent" (ICML 2005); Manning, Raghavan and
    Schütze, "Introduction to Information Retrieval" (2008), section 8.4, equation 8.9.
    """
    return sum((2**grade - 1) / log2(1 + rank) for rank, grade in enumerate(gains, start=1))


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], depth: int = 10) -> float:
    """
    Give the normalised discounted cumulative gain of the first results.

    The gain of the ranking, divided by that of the best ranking possible with the judged grades; both to the same
    depth. What was not judged is worth 0, and so is a result shown a second time. Raises ValueError where nothing is
    worth finding: no ranking is better than another then.
    """
    ideal = dcg(sorted(grades.values(), reverse=True)[:depth])
    if not ideal:
        raise ValueError("nothing is worth finding")
    shown = ranking[:depth]
    gains = [grades.get(result, 0) if result not in shown[:place] else 0 for place, result in enumerate(shown)]
    return dcg(gains) / ideal


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, int], useful: int = USEFUL) -> float:
    """
    Give 1 / rank of the first useful result, and 0 where there is none.

    Its mean over queries is the MRR. Voorhees, "The TREC-8 question answering track report" (1999).
    """
    ranks = (rank for rank, result in enumerate(ranking, start=1) if grades.get(result, 0) >= useful)
    return next((1 / rank for rank in ranks), 0.0)


def mean(values: Sequence[float]) -> float:
    """Give the arithmetic mean. Raises ValueError where there is nothing to average."""
    if not values:
        raise ValueError("no values")
    return sum(values) / len(values)
