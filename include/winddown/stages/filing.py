"""Reads what people file: YAML in which nothing is said twice, and the files that it names beside it."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from winddown.domain.errors import Refused
from winddown.domain.filed import written_out
from winddown.rules.yaml_text import shallow


class _KeysOnce(yaml.CSafeLoader):
    """YAML would silently take the last of two equal keys; a file may not say one thing twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [str(self.construct_object(key, deep=True)) for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise Refused(f"line {node.start_mark.line + 1}: {', '.join(twice)} is written twice")
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path, *, what: str) -> Any:
    """Read a YAML document; raises Refused, with the line, when it is none. ``what`` names the kind of file."""
    content = ""
    try:
        content = shallow(path.read_text("utf-8"))
        # The loader derives from SafeLoader, so no tag can construct an object.
        return written_out(yaml.load(content, Loader=_KeysOnce))  # noqa: S506
    except Refused as error:
        raise Refused(f"{what}: {error.message}") from None
    except OSError as error:
        raise Refused(f"{what}: {path.name} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Refused(f"{what}: {path.name} is not UTF-8") from None
    except RecursionError:
        raise Refused(f"{what}: {path.name} is nested too deeply") from None
    except ValueError:
        raise Refused(f"{what}: {path.name} has a value that does not exist, e.g. a day") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        last = content.rstrip().count("\n")  # what is lacking there is told of the line behind it
        where = f" at line {min(mark.line, last) + 1}" if mark else ""
        raise Refused(f"{what}: {path.name} is not YAML{where}") from None


def sentences(error: ValidationError, *, of: str) -> list[str]:
    """One sentence for each wrong field, without the value that stood there."""
    return [
        f"{'.'.join(str(part) for part in found['loc']) or of}: {found['msg']}"
        for found in error.errors(include_url=False, include_input=False)
    ]


def content_of(folder: Path, name: str, field: str) -> bytes:
    """Content of a file inside a folder; raises Refused with the field that names it."""
    if "\0" in name:
        raise Refused(f"{field}: no file has such a name")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Refused(f"{field}: {name!r} lies outside the case's folder")
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{field}: {name!r} cannot be read ({error.strerror})") from None
