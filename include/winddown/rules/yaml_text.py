"""YAML without its silent conveniences, and its way into strict models: every refusal names file, place and field."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from winddown.domain.errors import Refused
from winddown.domain.filed import DEPTH_MAX, odd_values, written_out

Document = TypeVar("Document", bound=BaseModel)


STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
"""Of a model of which every key is known and no value is converted."""

_NESTS_BY_ITSELF = 10_000


class _StrictLoader(yaml.CSafeLoader):
    """YAML without its two silent conveniences: the last of two equal keys, and dates guessed from text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise Refused(f"line {node.start_mark.line + 1}: key {', '.join(twice)} is written twice")
        return super().construct_mapping(node, deep=deep)


def shallow(content: str) -> str:
    """The text of a YAML file; raises Refused where it nests too deeply, on which the parser would end the process."""
    # What nests takes a bracket, or its place in a line; most files have too few of either for a look at each event.
    if content.count("[") + content.count("{") + max(map(len, content.split("\n"))) <= _NESTS_BY_ITSELF:
        return content
    depth = 0
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise Refused(f"nested in more than {DEPTH_MAX} levels")
    return content


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file. Raises ``Refused``, naming the file, for a key written twice or no YAML."""
    try:
        # The loader derives from SafeLoader, so no tag can construct an object.
        content = shallow(path.read_text(encoding="utf-8"))
        return written_out(yaml.load(content, Loader=_StrictLoader))  # noqa: S506
    except Refused as refusal:
        raise Refused(f"{path.name}: {refusal.message}") from refusal
    except RecursionError:
        raise Refused(f"{path.name}: nested too deeply") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise Refused(f"{path.name}: no readable YAML: {error}") from error


def validated(model: type[Document], content: Any, where: str) -> Document:
    """Return content as a document. Raises ``Refused``, naming place and fields, for what the model does not take."""
    odd = list(odd_values(content))
    if odd:
        raise Refused(f"{where}: {'; '.join(odd)}")
    try:
        # Strict validation from JSON takes dates and enumerations as text, and still no number for a text.
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        found = [f"field {'.'.join(map(str, one['loc'])) or '(all)'}: {one['msg']}" for one in error.errors()]
        raise Refused(f"{where}: {'; '.join(found)}") from error
    except TypeError as error:
        raise Refused(f"{where}: holds a value that JSON cannot express") from error
