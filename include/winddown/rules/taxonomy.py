"""Reads the taxonomy of kinds from its YAML file, and refuses what it does not fully understand."""

from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.domain.taxonomy import KindClass, Nature, Taxonomy
from winddown.rules.loader import read_yaml, validated

_FILE = Path(__file__).with_name("taxonomy.yaml")
_Text = Annotated[str, Field(min_length=1)]
_Limb = Literal["biometric", "religion", "specific_identity", "health", "financial_account", "whereabouts"]
_Special = Literal["origin", "political_opinion", "religion", "biometric", "health"]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Scheme(_Document):
    title: _Text
    verified: bool
    source: _Text


class _Schemes(_Document):
    pipl_28: _Scheme
    under_14: _Scheme
    gb_t_43697: _Scheme
    jr_t_0197: _Scheme
    gdpr_9: _Scheme


class _Kind(_Document):
    nature: Literal["personal", "trade_secret", "neither"]
    pipl_28: _Limb | None = None
    tells_age: bool = False
    gb_t_43697: Annotated[int, Field(ge=1, le=4)]
    jr_t_0197: Annotated[int, Field(ge=1, le=5)] | None = None
    gdpr_9: _Special | None = None


class _Head(_Document):
    version: Annotated[str, Field(pattern=r"^[0-9]{4}\.[0-9]{1,2}\.[0-9]+$")]
    schemes: _Schemes


def load_taxonomy(path: Path = _FILE) -> Taxonomy:
    """Return a taxonomy.

    Raises:
        Refused: unreadable file, unknown or repeated key, wrong value, or personal classes on what is not personal;
            the message names file, kind and field.
    """
    content = read_yaml(path)
    kinds = content.pop("kinds", None) if isinstance(content, dict) else None
    if not isinstance(kinds, dict) or not kinds:
        raise Refused(f"{path.name}: field kinds: a mapping from kind to its classes is missing")
    head = validated(_Head, content, path.name)
    documents = {str(kind): validated(_Kind, body, f"{path.name}: kind {kind}") for kind, body in kinds.items()}
    for kind, body in documents.items():
        if body.nature != "personal" and (body.pipl_28 or body.gdpr_9 or body.tells_age):
            raise Refused(f"{path.name}: kind {kind}: field nature: {body.nature} data has no personal classes")
    whole = {
        "head": head.model_dump(mode="json", exclude_defaults=True),
        "kinds": {kind: documents[kind].model_dump(mode="json", exclude_defaults=True) for kind in sorted(documents)},
    }
    return Taxonomy(
        version=head.version,
        digest=digest(whole),
        kinds=MappingProxyType({kind: _value(body) for kind, body in documents.items()}),
    )


def _value(body: _Kind) -> KindClass:
    return KindClass(
        nature=Nature(body.nature),
        pipl_28=body.pipl_28,
        tells_age=body.tells_age,
        gb_t_43697=body.gb_t_43697,
        jr_t_0197=body.jr_t_0197,
        gdpr_9=body.gdpr_9,
    )
