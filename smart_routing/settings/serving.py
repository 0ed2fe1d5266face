"""Settings of the router and of what it follows beside the model."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, field_validator
from pydantic_settings import SettingsConfigDict

from smart_routing.history.snapshot import MOST_KEYS
from smart_routing.settings.base import PREFIX, Settings


class ServingSettings(Settings):
    """The router: where it listens, which model it serves, what it may spend on a decision and what it writes down."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}SERVING_")

    host: str = Field("127.0.0.1", description="Address of the data port under `python -m serving`.")
    port: int = Field(8080, ge=0, le=65535, description="Data port under `python -m serving`.")
    workers: int = Field(1, ge=1, description="Processes under `python -m serving`.")
    admin_host: str = Field("127.0.0.1", description="Address of the admin port; only loopback without a token file.")
    admin_port: int = Field(
        8081, ge=0, le=65535, description="Admin port of the first worker, each further one takes the next; 0: none."
    )
    admin_token_file: Path | None = Field(None, description="File with the bearer token of the admin port.")
    source: str = Field(
        "models:/query-weight-classifier@production",
        description="The model: models:/name@alias, models:/name/7, s3://bucket/prefix/models/v1.2.0/, or a folder.",
    )
    poll_seconds: float = Field(2.0, gt=0, le=3600, description="Seconds between two looks at the source.")
    state_dir: Path = Field(Path("var/serving"), description="Folder for bundles, the last known good one among them.")
    small_group: str = Field("small", min_length=1, description="Routing group of light statements.")
    large_group: str = Field("large", min_length=1, description="Routing group of heavy statements.")
    gateway_url: HttpUrl | None = Field(
        None, description="trino-gateway, asked at the start whether it has both groups; unset: not asked."
    )
    honour_client_group: bool = Field(
        False, description="Whether a client's own X-Trino-Routing-Group comes before the decision (trino-gateway)."
    )
    policy_file: str | None = Field(None, description="JSON file of mode and overrides: a path or s3://bucket/key.")
    policy_poll_seconds: float = Field(1.0, gt=0, description="Seconds between two looks at the policy file.")
    cache_entries: int = Field(4096, ge=0, description="Decisions that are kept; 0: no cache.")
    facts_cache_bytes: int = Field(
        16 * 2**20,
        ge=0,
        description="Bytes of what texts say that are kept across changes of model, history and policy; 0: none.",
    )
    max_wait_ms: float = Field(
        100.0, gt=0, description="Milliseconds that a request may wait for others; beyond them it is heavy at once."
    )
    max_in_flight: int = Field(
        1024, ge=1, description="Requests that may wait for a decision; the next is heavy at once."
    )
    deadline_ms: float = Field(
        400.0, gt=0, description="Milliseconds for a decision where the request names no deadline."
    )
    drain_seconds: float = Field(
        1.0, ge=0, le=60, description="Seconds after SIGTERM for which connections without a request are kept."
    )
    decision_log: Path | None = Field(Path("var/decision-log"), description="Folder of the decision log; empty: none.")
    decision_log_queue: int = Field(
        10_000, ge=1, description="Rows that may wait to be written; further ones are dropped."
    )
    decision_log_day_bytes: int = Field(
        2**30, ge=1, description="Bytes a worker may write to the decision log in a day."
    )
    vectors: Literal["none", "sample", "all"] = Field(
        "sample", description="Which decisions are logged with their vector."
    )
    vector_share: float = Field(
        0.01, ge=0, le=1, description="Share of decisions logged with their vector under `sample`."
    )
    user_key_file: Path = Field(
        Path("var/serving/user.key"), description="Key of the user hashes in the decision log; made if absent."
    )

    @field_validator("admin_token_file", "gateway_url", "policy_file", "decision_log", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


class KnownHeavySettings(Settings):
    """The list of templates that failed for size, which the collector fills and routers follow."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}KNOWN_HEAVY_")

    store: str = Field(
        "var/known-heavy.jsonl",
        description="Known-heavy list: a file, where all are on one machine, or redis://host:6379/0.",
    )
    ttl_hours: float = Field(168.0, gt=0, le=8760, description="Hours that a template stays after it failed.")
    max_entries: int = Field(
        10_000, ge=1, le=100_000, description="Templates in the list; beyond them those that expire first go."
    )
    poll_seconds: float = Field(0.5, gt=0, le=3600, description="Seconds between a router's two looks at the list.")
    small_environments: str = Field(
        "small", description="Trino environments whose size failures make a template known heavy, behind commas."
    )

    @property
    def ttl(self) -> timedelta:
        return timedelta(hours=self.ttl_hours)

    def is_small(self, environment: str | None) -> bool:
        """Whether a statement that failed there for its size might not have on the large cluster."""
        return environment in {name.strip() for name in self.small_environments.split(",")} - {""}


class HistorySettings(Settings):
    """The snapshot of the fleet's past, which a flow publishes and routers follow."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}HISTORY_")

    snapshot: str = Field("var/history.npz", description="File of the history snapshot: a path or s3://bucket/key.")
    ttl_hours: float = Field(
        48.0, gt=0, le=876_000, description="Hours that a snapshot counts after what it knows ends; written into it."
    )
    most_keys: int = Field(
        MOST_KEYS,
        ge=1,
        description="Templates, users, sources and tables in a snapshot; the longest idle go.",
    )
    poll_seconds: float = Field(5.0, gt=0, le=3600, description="Seconds between a router's two looks at the snapshot.")

    @property
    def ttl(self) -> timedelta:
        return timedelta(hours=self.ttl_hours)
