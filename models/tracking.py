"""The way to MLflow: one client with bounded waits, failures as `RegistryError`, and the runs that training logs."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from mlflow import MlflowClient
from mlflow.entities import DatasetInput
from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
)
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from smart_routing.errors import RegistryError, SettingsError
from smart_routing.logs import redact
from smart_routing.settings import RegistrySettings

RETRIES: Final = 2
BACKOFF_FACTOR: Final = 1
SQLITE: Final = "sqlite:///"
SCHEMES: Final = ("http://", "https://", SQLITE, "postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as found: `status` is MLflow's, RUNNING, FINISHED, FAILED or KILLED among them."""

    run_id: str
    status: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tracking:
    """An MLflow address, spoken to by one client."""

    client: MlflowClient
    uri: str
    experiment: str

    @classmethod
    def connect(cls, settings: RegistrySettings) -> Self:
        """A client of `settings.uri`; raises `SettingsError` for an address of no known kind, else `RegistryError`.

        Nothing is asked of a server yet.
        """
        if not settings.uri.startswith(SCHEMES):
            expected = "http(s)://, sqlite:/// or postgresql://"
            raise SettingsError(f"{settings.variable('uri')} is {redact(settings.uri)!r}: expected {expected}")
        _configure(settings.timeout_seconds)
        with answering(settings.uri):
            _make_sqlite_folder(settings.uri)
            client = MlflowClient(settings.uri, settings.uri)
        return cls(client, settings.uri, settings.experiment)

    @contextmanager
    def run(self, name: str, *, parent: str | None = None, tags: Mapping[str, str] | None = None) -> Iterator[str]:
        """A run for the length of the block, by its id: FINISHED after it, FAILED if it raised."""
        run_id = self._start(name, {**(tags or {}), **({MLFLOW_PARENT_RUN_ID: parent} if parent else {})})
        try:
            yield run_id
        except BaseException:
            self.fail(run_id)
            raise
        with answering(self.uri):
            self.client.set_terminated(run_id, "FINISHED")

    def fail(self, run_id: str) -> None:
        """Mark a run FAILED; silent if even that fails, because the first failure is the one to tell."""
        with suppress(RegistryError), answering(self.uri):
            self.client.set_terminated(run_id, "FAILED")

    def log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        with answering(self.uri):
            for name, value in params.items():
                self.client.log_param(run_id, name, value)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        with answering(self.uri):
            for name, value in metrics.items():
                self.client.log_metric(run_id, name, value)

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        with answering(self.uri):
            for key, value in tags.items():
                self.client.set_tag(run_id, key, value)

    def runs_tagged(self, key: str, value: str, *, since: datetime) -> list[Run]:
        """Runs of the experiment with this tag that began at `since` or later, the newest first."""
        wanted = f"tags.`{key}` = '{value}' and attributes.start_time >= {round(since.timestamp() * 1000)}"
        with answering(self.uri):
            found = self.client.get_experiment_by_name(self.experiment)
            if found is None:
                return []
            runs = self.client.search_runs([found.experiment_id], wanted, order_by=["attributes.start_time DESC"])
            return [Run(run_id=run.info.run_id, status=run.info.status, tags=dict(run.data.tags)) for run in runs]

    def experiment_id(self) -> str:
        """The id of the experiment, which is made if there is none."""
        with answering(self.uri):
            found = self.client.get_experiment_by_name(self.experiment)
            return str(found.experiment_id) if found else self._create_experiment()

    def download(self, run_id: str, artifact: str, into: Path) -> Path | None:
        """Fetch a file among a run's artifacts below the folder `into`; None where the run has no such file."""
        folder = artifact.rpartition("/")[0]
        with answering(self.uri):
            if not any(found.path == artifact for found in self.client.list_artifacts(run_id, folder)):
                return None
            return Path(self.client.download_artifacts(run_id, artifact, str(into)))

    def log_datasets(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        with answering(self.uri):
            self.client.log_inputs(run_id, datasets=list(datasets))

    def log_folder(self, run_id: str, folder: Path, *, to: str) -> None:
        """Store the files of a folder among the run's artifacts, below `to`."""
        with answering(self.uri):
            self.client.log_artifacts(run_id, str(folder), to)

    def artifact_uri(self, run_id: str) -> str:
        """Where the run's artifacts are kept, without a slash at the end."""
        with answering(self.uri):
            return str(self.client.get_run(run_id).info.artifact_uri).rstrip("/")

    def log_file(self, run_id: str, file: Path, *, to: str | None = None) -> None:
        with answering(self.uri):
            self.client.log_artifact(run_id, str(file), to)

    def _start(self, name: str, tags: Mapping[str, str]) -> str:
        with answering(self.uri):
            run_id: str = self.client.create_run(self.experiment_id(), run_name=name, tags=dict(tags)).info.run_id
            return run_id

    def _create_experiment(self) -> str:
        folder = _sqlite_folder(self.uri)
        artifacts = (folder / "artifacts").resolve().as_uri() if folder else None
        experiment: str = self.client.create_experiment(self.experiment, artifact_location=artifacts)
        return experiment


def _configure(timeout_seconds: int) -> None:
    """Bounded waits (by default MLflow retries for minutes) and no chatter; what the user has set stays.

    MLflow reads these from the process environment and from nowhere else.
    """
    wanted = {
        MLFLOW_HTTP_REQUEST_MAX_RETRIES: RETRIES,
        MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR: BACKOFF_FACTOR,
        MLFLOW_HTTP_REQUEST_TIMEOUT: timeout_seconds,
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: False,
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: True,
    }
    for variable, value in wanted.items():
        os.environ.setdefault(variable.name, str(value).lower())
    logging.getLogger("mlflow").setLevel(logging.ERROR)


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Turns whatever MLflow raises in the block into a one-line `RegistryError` that names the address."""
    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        raise RegistryError(f"registry {redact(uri)} {_complaint(error)}") from error


def _complaint(error: Exception) -> str:
    text = str(error).replace("\n", " ")
    if "Max retries exceeded" in text or "Connection" in type(error).__name__:
        return "cannot be reached: expected an MLflow server there"
    return f"refuses: {text[:300]}"


def _sqlite_folder(uri: str) -> Path | None:
    """The folder of the database file; artifacts are kept beside it."""
    return Path(uri.removeprefix(SQLITE)).parent if uri.startswith(SQLITE) else None


def _make_sqlite_folder(uri: str) -> None:
    folder = _sqlite_folder(uri)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
