import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cryptography
import pytest

from winddown.evidence import verify


@pytest.fixture
def package(case: Any, tmp_path: Path) -> Path:
    (tmp_path / "b.zip").write_bytes(case.bundle())
    (tmp_path / "policy.txt").write_text(case.policy)
    (tmp_path / "earlier.txt").write_bytes(case.checkpoint(case.entries()[:5]))
    return tmp_path


def run(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def test_the_command_line_says_yes_no_and_how(package: Path, case: Any) -> None:
    script, bundle, policy = Path(verify.__file__), package / "b.zip", package / "policy.txt"
    status, text = run(script, bundle, "--policy", policy, "--earlier", package / "earlier.txt")
    assert (status, text.count("✓"), text.splitlines()[-1]) == (0, 12, "verified")
    status, text = run(script, bundle, "--policy", policy, "--json")
    expected = verify.verify(case.bundle(), case.policy)
    assert (status, json.loads(text)) == (0, {"verified": True, **asdict(expected)})
    bundle.write_bytes(bundle.read_bytes().replace(b"u-7", b"u-6"))
    status, text = run(script, bundle, "--policy", policy)
    assert (status, text.strip()) == (1, "✗ archive: not the bytes that its members make")
    assert run(script, bundle)[0] == 2
    assert run(script, bundle, "--policy", package / "none.txt")[0] == 2
    policy.write_text("rubbish")
    assert run(script, bundle, "--policy", policy)[0] == 2


def test_the_copy_inside_the_bundle_verifies_without_the_project(package: Path) -> None:
    # Only cryptography, and cffi below it, can be imported here: no project, no site-packages, no environment.
    site = Path(cryptography.__file__).parents[1]
    alone = package / "alone"
    alone.mkdir()
    for found in [*site.glob("cryptography"), *site.glob("cffi"), *site.glob("_cffi_backend*")]:
        (alone / found.name).symlink_to(found)
    members = verify.read_archive((package / "b.zip").read_bytes())
    (package / "lone.py").write_bytes(members["verify.py"])
    start = (
        "import runpy, sys; sys.path.append(sys.argv.pop(1)); import importlib.util as u;"
        "assert u.find_spec('winddown') is None and u.find_spec('rfc8785') is None;"
        "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    isolated = (
        "-I",
        "-S",
        "-c",
        start,
        alone,
        package / "lone.py",
        package / "b.zip",
        "--policy",
        package / "policy.txt",
    )
    status, text = run(*isolated)
    assert (status, text.splitlines()[-1]) == (0, "verified")
