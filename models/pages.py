"""Addresses of MLflow's pages, for people who are told of a run or a version."""

from dataclasses import dataclass
from urllib.parse import quote

from smart_routing import protocol


@dataclass(frozen=True, slots=True)
class RegistryPages:
    """`url` is where people find MLflow; `experiment` is the id that runs are under."""

    url: str
    experiment: str

    def run(self, run_id: str) -> str:
        return f"{self._root}/experiments/{self.experiment}/runs/{run_id}"

    def artifact(self, run_id: str, path: str) -> str:
        return f"{self.run(run_id)}/artifacts/{quote(path)}"

    def version(self, number: int) -> str:
        return f"{self._root}/models/{protocol.REGISTERED_MODEL}/versions/{number}"

    @property
    def _root(self) -> str:
        return f"{self.url.rstrip('/')}/#"
