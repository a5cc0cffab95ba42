"""What a case declares about data abroad, and on which side of the border a region lies.

Hong Kong, Macao and Taiwan are 境外 for these rules, whatever a provider calls its region there.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

MAINLAND_COUNTRY = "CN"
FACTS_DECLARED = (
    "employees_only",
    "labour_rules",
    "collective_contract",
    "free_trade_zone",
    "outside_negative_list",
    "foreign_authority",
)
"""Facts of a transfer that nobody but the case file can know; each is false until it is declared."""


class Means(StrEnum):
    """How data come to be abroad."""

    PROVIDED = "provided"
    REMOTE_ACCESS = "remote_access"  # somebody abroad can look, query or download; nothing need be sent
    CUSTODY = "custody"  # an archive goes to a custodian or recipient abroad; it lies ahead until the company ends


class Residency(StrEnum):
    """On which side of the border data lie."""

    MAINLAND = "mainland"
    ABROAD = "abroad"
    UNKNOWN = "unknown"


_COUNTRIES = frozenset(
    re.findall(
        "[a-z]{2}",
        """
    ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz ca
    cc cd cf cg ch ci ck cl cm co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gb gd
    ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh
    ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw
    mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc
    sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy
    uz va vc ve vg vi vn vu wf ws ye yt za zm zw
    """,
    )
)
_AREA = re.compile(r"(ap|eu|na|sa|me|uk|europe|asia|africa|australia|northamerica|southamerica)-[a-z]+[0-9-]*")
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_COUNTRY = re.compile(r"([a-z]{2})((-[a-z]+)*-?[0-9]+[a-z]?)?")  # alone, or a region with its number
_NOT_MAINLAND = re.compile(r"hong-?kong|maca[ou]|taiwan|taipei|(^|-)(hk|mo|tw)(-|[0-9]|$)")
_MAINLAND_IN_AP = re.compile(r"ap-(beijing|shanghai|guangzhou|shenzhen|nanjing|chengdu|chongqing|tianjin)(-[a-z0-9]+)*")
_CHINA = re.compile(r"cn(-[a-z0-9]+)*|china-?(north|east|south|west)[a-z0-9-]*")


def residency(region: str) -> Residency:
    """Where a region lies, by its name in the providers' usual spellings or by a country's two letters.

    A name that cannot be read is ``UNKNOWN``, never taken for one side.

    >>> [residency(name).value for name in ("cn-east-2", "cn-hongkong", "hk", "eu-west-1", "ap-shanghai", "office")]
    ['mainland', 'abroad', 'abroad', 'abroad', 'mainland', 'unknown']
    """
    plain = region.strip().lower()
    if _NAME.fullmatch(plain) and _NOT_MAINLAND.search(plain):
        return Residency.ABROAD
    if _CHINA.fullmatch(plain) or _MAINLAND_IN_AP.fullmatch(plain):
        return Residency.MAINLAND
    country = _COUNTRY.fullmatch(plain)
    if _AREA.fullmatch(plain) or (country and country[1] in _COUNTRIES):
        return Residency.ABROAD
    return Residency.UNKNOWN


@dataclass(frozen=True, slots=True)
class MetCondition:
    """What a rule asks of a transfer was done, with its evidence."""

    rule: str
    met_on: date
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class DeletionConfirmation:
    """The recipient abroad says that it deleted or returned what it received."""

    confirmed_on: date
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class Filing:
    """An assessment's result, a certificate or a standard contract that the company has.

    Attributes:
        kind: ``assessment``, ``certificate`` or ``standard_contract``.
        valid_until: the last day that the document itself names.
        covers: ids of the transfers that it speaks of.
    """

    id: str
    kind: str
    issued_on: date
    valid_until: date
    covers: tuple[str, ...]
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class ExportedEarlier:
    """An entry of the export log: what was provided under a transfer and can no longer be counted in a store.

    Attributes:
        persons: at least so many natural persons.
    """

    transfer: str
    started_on: date
    ended_on: date
    persons: int
    sensitive: bool
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class ConfirmedCount:
    """The officer's word on how many persons a year's transfers reached at most, where counting gives only a least."""

    year: int
    sensitive_at_most: int
    other_at_most: int
    confirmed_by: str
    evidence_sha256: str
