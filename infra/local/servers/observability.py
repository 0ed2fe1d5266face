"""Prometheus and Alertmanager with the configuration of infra/, which each finds by links in its own folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.processes import LOOPBACK, Answers, Server, require, server_environment
from infra.local.servers.programs import ROOT, alertmanager_program, prometheus_program


def prometheus(folder: Path, port: int) -> Server:
    """Prometheus; `prometheus_site` makes the folder that it starts in."""
    url = f"http://{LOOPBACK}:{port}"
    store = [f"--storage.tsdb.path={folder}/data", f"--config.file={folder}/prometheus.yml"]
    return Server(
        title="Prometheus",
        url=url,
        command=[require(prometheus_program()), *store, f"--web.listen-address={LOOPBACK}:{port}"],
        environment=server_environment(folder),
        folder=folder,
        ready=Answers(f"{url}/-/ready"),
    )


def prometheus_site(folder: Path, *, targets: Mapping[str, Sequence[str]], tokens: Mapping[str, str]) -> None:
    """What infra/prometheus/prometheus.yml wants beside it: host:port by job, and the bearer tokens by job."""
    _link(folder, ROOT / "infra" / "prometheus", ("prometheus.yml", "alerts.yml", "budgets.yml"))
    for job, addresses in targets.items():
        _write(folder / "targets" / f"{job}.json", json.dumps([{"targets": list(addresses)}]))
    for job, token in tokens.items():
        _write(folder / "tokens" / job, token)


def alertmanager(folder: Path, port: int) -> Server:
    """Alertmanager; `alertmanager_site` makes the folder that it starts in."""
    url = f"http://{LOOPBACK}:{port}"
    store = [f"--storage.path={folder}/data", f"--config.file={folder}/alertmanager.yml"]
    listen = [f"--web.listen-address={LOOPBACK}:{port}", "--cluster.listen-address="]
    return Server(
        title="Alertmanager",
        url=url,
        command=[require(alertmanager_program()), *store, *listen],
        environment=server_environment(folder),
        folder=folder,
        ready=Answers(f"{url}/-/ready"),
    )


def alertmanager_site(folder: Path, *, chat_url: str, smtp_password: str = "") -> None:
    """What infra/alertmanager/alertmanager.yml wants beside it. What is there already is a person's and stays."""
    _link(folder, ROOT / "infra" / "alertmanager", ("alertmanager.yml",))
    for name, secret in {"chat-url": chat_url, "smtp-password": smtp_password}.items():
        if not (folder / "secrets" / name).exists():
            _write(folder / "secrets" / name, f"{secret}\n")


def _link(folder: Path, source: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(source / name)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
