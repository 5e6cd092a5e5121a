"""Policy folders with one more version in them."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from backend.policy.loading import FOLDER, load_rule_sets
from backend.policy.rulesets import RuleSet


def with_version(
    folder: Path,
    version: str,
    start: date,
    *,
    thresholds: str = "decile_highest: 3\n  power_va_limit: 900",
    more: str = "",
) -> Path:
    """A copy of the shipped policy with another version of pkh-pilot; the folder."""
    for path in FOLDER.glob("*.yaml"):
        shutil.copy(path, folder)
    text = (FOLDER / "pkh-pilot-2026-1.yaml").read_text(encoding="utf-8")
    text = text.replace('version: "2026-1"', f'version: "{version}"').replace("from: 2026-01-01", f"from: {start}")
    text = text.replace("decile_highest: 2", thresholds) + more
    (folder / f"pkh-pilot-{version}.yaml").write_text(text, encoding="utf-8")
    return folder


def stricter(folder: Path, version: str, start: date) -> RuleSet:
    """pkh-pilot with decile 3 as the highest and 900 VA as the limit."""
    return load_rule_sets(with_version(folder, version, start)).get("pkh-pilot", version)
