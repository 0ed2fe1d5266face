"""Evidently's workspace: a run for each report, and a dashboard of them over time."""

from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from monitoring.frame import HEAVY_PROBABILITY

if TYPE_CHECKING:
    from evidently.core.report import Snapshot
    from evidently.ui.workspace import WorkspaceBase

PROJECT: Final = "Trino Smart Routing: drift"
DESCRIPTION: Final = "The newest window of each nightly report against the reference of the version in production."
SERVERS: Final = ("http://", "https://")


def keep(snapshot: "Snapshot", *, address: str, name: str) -> UUID:
    """Add a report to the workspace in a folder or at a server, whose project and panels are made with the first one.

    `evidently ui --workspace FOLDER` shows a folder. Raises `OSError` where it cannot be written or reached.
    """
    workspace = _open(address)
    found = workspace.search_project(PROJECT)
    project = found[0].id if found else _create(workspace)
    run: UUID = workspace.add_run(project, snapshot, include_data=False, name=name).id
    return run


def _open(address: str) -> "WorkspaceBase":
    # Late imports: they take five seconds, and most of monitoring can do without.
    from evidently.ui.workspace import RemoteWorkspace, Workspace

    if address.startswith(SERVERS):
        return RemoteWorkspace(address)
    Path(address).mkdir(parents=True, exist_ok=True)
    return Workspace.create(address)


def _create(workspace: "WorkspaceBase") -> UUID:
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import line_plot_panel

    project = workspace.create_project(PROJECT, description=DESCRIPTION)
    share = PanelMetric(metric="DriftedColumnsCount", metric_labels={"value_type": "share"}, legend="share")
    score = PanelMetric(metric="ValueDrift", metric_labels={"column": HEAVY_PROBABILITY}, legend="PSI beyond chance")
    project.dashboard.add_panel(
        line_plot_panel(title="Share of drawn columns that drifted", values=[share], size="half")
    )
    project.dashboard.add_panel(line_plot_panel(title="Drift of the scores", values=[score], size="half"))
    identity: UUID = project.id
    return identity
