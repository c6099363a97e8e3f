"""Alert rules and the dashboard are consistent with the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.places import ROOT
from wire import metrics
from wire.messages import Kind

OPS = ROOT / "ops"


def exported() -> dict[str, set[str]]:
    """Names of all exported samples, with their labels."""
    samples: dict[str, set[str]] = {}
    for make in (metrics.IngestMetrics, metrics.TranscriberMetrics, metrics.ApiMetrics):
        registry = CollectorRegistry()
        for collector in vars(make(registry)).values():
            labels = set(collector._labelnames) | {"worker"}
            for family in collector.describe():
                suffixes = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}.get(family.type, ("",))
                samples.update({family.name + suffix: labels for suffix in suffixes})
    return samples


def alert_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    document = json.loads((OPS / "grafana/dashboards/undertext.json").read_text())
    assert isinstance(document, dict)
    return document


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in alert_rules())
    yield from (target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", []))


@pytest.mark.parametrize("expression", list(expressions()))
def test_every_queried_metric_and_label_exists(expression: str) -> None:
    names = exported()
    queried = set(re.findall(r"\bundertext_\w+", expression))
    assert queried <= set(names), f"no such metric: {queried - set(names)}"
    labels = set(re.findall(r"(\w+)\s*=~?\s*\"", expression)) - {"job"}
    for group in re.findall(r"\bby \(([^)]*)\)", expression):
        labels |= {label.strip() for label in group.split(",")} - {"le"}
    known = set().union(*(names[name] for name in queried))
    assert labels <= known, f"no such label: {labels - known}"


def test_every_queried_kind_exists() -> None:
    """A query for a kind that no source has is empty, and an alert on it never fires."""
    kinds = {kind for expression in expressions() for kind in re.findall(r"kind=\"(\w+)\"", expression)}
    assert kinds <= set(Kind)


@pytest.mark.parametrize(("processed", "fires"), [("0x30", True), ("0+60x30", False)])
def test_chunks_that_nobody_processes_raise_an_alert(tmp_path: Path, processed: str, fires: bool) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    alert = next(rule for rule in alert_rules() if rule["alert"] == "UndertextNoCaptions")
    expected = [{"exp_labels": alert["labels"], "exp_annotations": alert["annotations"]}]
    case = {
        "interval": "1m",
        "input_series": [
            {"series": 'undertext_ingest_chunks_total{kind="stations",content="speech"}', "values": "0+60x30"},
            {"series": 'undertext_transcriber_chunks_total{content="speech"}', "values": processed},
        ],
        "alert_rule_test": [
            {"eval_time": "20m", "alertname": "UndertextNoCaptions", "exp_alerts": expected if fires else []}
        ],
    }
    file = tmp_path / "alerts_test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(OPS / "alerts.yml")], "tests": [case]}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_summary_an_action_and_a_severity() -> None:
    for rule in alert_rules():
        assert rule["annotations"]["summary"], rule
        assert rule["annotations"]["action"], rule
        assert rule["labels"]["severity"] in {"warning", "critical"}, rule


def test_promtool_accepts_the_configuration() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, "check", "config", "prometheus.yml"], cwd=OPS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_do_not_overlap_and_use_provisioned_datasources() -> None:
    sources = yaml.safe_load((OPS / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    uids = {source["uid"] for source in sources}
    covered: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard()["panels"]:
        assert all(target["datasource"]["uid"] in uids for target in panel.get("targets", []))
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & covered, f"{panel['title']} overlaps another panel"
        assert place["x"] + place["w"] <= 24
        covered |= cells
