"""Two processes of the runner that carry one case on at the same time."""

import json
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import psycopg
from runner_process import REFUSED, WAITING, Runner
from sqlalchemy import make_url, text

from winddown.control.engine import open_control, upgrade

if TYPE_CHECKING:
    from tests.small_company import SmallCompany

APART_MAX = 0.5  # seconds between the two starts: about as long as a process takes to get to its first effect


def on_postgresql(company: "SmallCompany", admin_url: str, name: str) -> None:
    """Let a new database of the server be the case's control database."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    url = make_url(admin_url).set(drivername="postgresql+psycopg", database=name)
    company.control_url = url.render_as_string(hide_password=False)
    engine = open_control(company.control_url)
    upgrade(engine)
    engine.dispose()


def race(company: "SmallCompany", draw: Random) -> int:
    """Carry a case to its end by two processes at a time; how many times both were at it."""
    races = 0
    while True:
        both = (Runner(company), Runner(company))
        for runner in both:
            runner.start()
            time.sleep(draw.uniform(0, APART_MAX))
        ended = [runner.wait() for runner in both]
        races += 1
        said = both[0].last_words()
        # One of them may be told that the other one was there; it is told in words, and goes on when it is asked again.
        assert set(ended) <= {0, WAITING, REFUSED}, said
        assert "Traceback" not in said, said
        if REFUSED in ended:
            alone = Runner(company)
            alone.start()
            ended = [alone.wait()]
        assert set(ended) <= {0, WAITING}, both[0].last_words()
        if 0 in ended:
            return races
        company.act_as_asked()


def assert_once(company: "SmallCompany") -> None:
    """Each authorization was for one intent and was spent once at most; each effect was closed as done once."""
    current = company.deploy()
    nonces: Counter[str] = Counter()
    for entry in map(json.loads, current.ledger.entries(company.case_id)):
        if entry["type"] == "intent":
            nonces[entry["body"]["nonce"]] += 1
    with current.control.engine.begin() as connection:
        open_effects = connection.execute(text("SELECT count(*) FROM effect WHERE state <> 'done'")).scalar_one()
        minted = connection.execute(text('SELECT count(*) FROM "authorization"')).scalar_one()
    current.control.engine.dispose()
    assert open_effects == 0
    assert set(nonces.values()) == {1}
    assert minted == nonces.total()
