"""Counting ten million persons across three stores: exactly, by a sketch, and exactly again when a sketch straddles.

The stores overlap, so that two fifths of the persons are in more than one, and a tenth has sensitive information. What
counts is the process's CPU time for taking in the keys and joining the sets; making the keys is not in it. Each way of
counting runs in a process of its own, because memory that was taken once never shows as given back.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator

import polars as pl
from memory import peak

from winddown.stages.persons import EVERYTHING, ROOM, Persons, Span, spans

BATCH = 65_536
SENSITIVE = 10  # one of so many
SECONDS, ERROR, MEMORY = 15, 1.0, 512
SMALL_ROOM = 1 << 21  # a fifth of ten million, so that a sketch takes over


def keys(first: int, last: int) -> Iterator[pl.Series]:
    """Keys of customers as a store gives them, batch by batch."""
    for start in range(first, last, BATCH):
        numbers = pl.int_range(start, min(start + BATCH, last), eager=True)
        yield "C" + numbers.cast(pl.String).str.zfill(9)


def stores(persons: int) -> tuple[tuple[int, int], ...]:
    """The ranges of customers that each store holds; together all, two fifths of them twice."""
    tenth = persons // 10
    return (0, 5 * tenth), (3 * tenth, 8 * tenth), (6 * tenth, persons)


def count(persons: int, room: int, parts: tuple[Span, ...]) -> tuple[float, list[int], list[int]]:
    """CPU seconds, and of sensitive and other persons the lowest and the highest number."""
    spent, lowest, highest = 0.0, [0, 0], [0, 0]
    for part in parts:
        sets: list[tuple[Persons, Persons]] = []
        for first, last in stores(persons):
            sensitive, everyone = (Persons(20_260_101, part, room) for _ in range(2))
            for number, batch in enumerate(keys(first, last)):
                chosen = batch.gather_every(SENSITIVE, -(first + number * BATCH) % SENSITIVE)
                started = time.process_time()
                everyone.add(batch)
                sensitive.add(chosen)
                spent += time.process_time() - started
            sets.append((sensitive, everyone))
        started = time.process_time()
        marked = sets[0][0].union(found[0] for found in sets[1:])
        others = sets[0][1].union(found[1] for found in sets[1:]).without(marked)
        for index, found in enumerate((marked.count(), others.count())):
            lowest[index] += found.at_least
            highest[index] += found.at_most or 0
        spent += time.process_time() - started
    return spent, lowest, highest


def run(persons: int, room: int, parts: tuple[Span, ...], into: "multiprocessing.Queue[tuple[object, ...]]") -> None:
    """Count in this process and say what it took, its memory as far as the count needed it."""
    pl.int_range(0, BATCH, eager=True).cast(pl.String).hash(seed=1)  # what the libraries take by themselves
    before = peak()
    into.put((*count(persons, room, parts), peak() - before))


def measured(persons: int, room: int, parts: tuple[Span, ...]) -> tuple[float, list[int], list[int], int]:
    """The same in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=run, args=(persons, room, parts, answers))
    process.start()
    seconds, lowest, highest, memory = answers.get()
    process.join()
    return seconds, lowest, highest, memory


def figure(name: str, value: float, unit: str, most: float) -> None:
    """Print one figure."""
    print(f"figure={name} value={value:.3f} unit={unit} target=<={most} met={'yes' if value <= most else 'no'}")


def main() -> None:
    """Count three ways, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=10_000_000)
    persons = parser.parse_args().persons
    sensitive = len(range(0, persons, SENSITIVE))
    truth = [sensitive, persons - sensitive]
    ways = {
        "exact": (ROOM, (EVERYTHING,)),
        "sketch": (SMALL_ROOM, (EVERYTHING,)),
        "again_by_spans": (SMALL_ROOM, spans(persons, room=SMALL_ROOM)),
    }
    for name, (room, parts) in ways.items():
        seconds, lowest, highest, memory = measured(persons, room, parts)
        middles = [(low + high) / 2 for low, high in zip(lowest, highest, strict=True)]
        error = max(abs(found / true - 1) for found, true in zip(middles, truth, strict=True)) * 100
        width = max((high - low) / 2 / true for low, high, true in zip(lowest, highest, truth, strict=True)) * 100
        kept = all(low <= true <= high for low, true, high in zip(lowest, truth, highest, strict=True))
        print(f"{name}: {persons} persons in {len(parts)} readings; counted {middles}, ±{width:.2f}%, held {kept}")
        figure(f"persons_{name}_cpu", seconds, "s", SECONDS)
        figure(f"persons_{name}_error", error, "percent", ERROR if name == "sketch" else 0)
        figure(f"persons_{name}_memory", memory, "MiB", MEMORY)


if __name__ == "__main__":
    main()
