"""Settings, one class per component, read from SMART_ROUTING_<COMPONENT>_<NAME>; all are in docs/configuration.md."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, HttpUrl, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from smart_routing.errors import SettingsError
from smart_routing.features.statement import DEFAULT_LIMITS, ParseLimits
from smart_routing.history.snapshot import MOST_KEYS

PREFIX: Final = "SMART_ROUTING_"
OUTSIDE: Final = frozenset({"SMART_ROUTING_TEST_DATA", "SMART_ROUTING_CACHE"})
"""Variables of the build and the tests, which no component reads."""


class Settings(BaseSettings):
    """Base of all components: an unknown or unusable variable is an error that names it."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Settings from the environment, `overrides` first; raises `SettingsError`."""
        _reject_unknown_variables()
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise SettingsError(f"{cls.variable(field)} is {first['input']!r}: {first['msg']}") from error

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable of a field."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()


class RegistrySettings(Settings):
    """Where MLflow is; its own client and server read the same address."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}REGISTRY_")

    uri: str = Field(
        "sqlite:///var/mlflow.db",
        description="MLflow tracking and registry address: http(s)://, postgresql://, or sqlite:/// for one machine.",
    )
    experiment: str = Field("query-weight", description="Experiment that training runs are logged under.")
    timeout_seconds: int = Field(20, gt=0, description="Seconds that MLflow may take to answer one request.")


class DeploymentSettings(Settings):
    """How promote, rollback and reconcile keep out of each other's way."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}DEPLOYMENT_")

    lock_file: Path = Field(
        Path("var/deployment.lock"), description="Lock of the deployment where no Prefect API is configured."
    )
    lock_seconds: float = Field(60, gt=0, description="Seconds to wait for the deployment lock.")


class QueryLogSettings(Settings):
    """Where query events are kept."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}QUERY_LOG_")

    store: str = Field(
        "var/query-log", description="Store of query events: a folder, s3://bucket/prefix, or postgresql://."
    )
    rejects: Path = Field(
        Path("var/rejects.jsonl"), description="File that bad lines are set aside in, with the reason."
    )
    max_reject_share: float = Field(0.05, ge=0, le=1, description="Share of bad lines above which reading a log fails.")


class MonitoringSettings(Settings):
    """Where reports about a version at work are kept."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}MONITORING_")

    reports: Path = Field(Path("var/reports"), description="Folder of drift reports, one folder each.")


class FeatureSettings(Settings):
    """Caps on a statement's parse. Training reads them and writes them into the bundle, from which serving has them."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}FEATURES_")

    max_bytes: int = Field(DEFAULT_LIMITS.bytes, gt=0, le=2**20, description="Bytes of SQL up to which it is parsed.")
    max_depth: int = Field(
        DEFAULT_LIMITS.depth, gt=0, le=1000, description="Nested brackets up to which SQL is parsed."
    )
    max_tokens: int = Field(DEFAULT_LIMITS.tokens, gt=0, description="Tokens up to which SQL is parsed.")
    max_type_depth: int = Field(
        DEFAULT_LIMITS.type_depth, gt=0, le=12, description="Nested type constructors up to which SQL is parsed."
    )

    def parse_limits(self) -> ParseLimits:
        return ParseLimits(
            bytes=self.max_bytes, depth=self.max_depth, tokens=self.max_tokens, type_depth=self.max_type_depth
        )


class S3Settings(Settings):
    """The S3 endpoint, where it is not the cloud's own; credentials come from boto3's usual places."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}S3_")

    endpoint_url: str | None = Field(
        None,
        description="S3 endpoint of events, stores and models, not of MLflow's own artifacts; unset: the provider's.",
    )


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
    max_in_flight: int = Field(
        256, ge=1, description="Requests that may wait for a decision; the next is heavy at once."
    )
    deadline_ms: float = Field(
        400.0, gt=0, description="Milliseconds for a decision where the request names no deadline."
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
        48.0, gt=0, le=8760, description="Hours that a snapshot counts after what it knows ends; written into it."
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


class CollectorSettings(Settings):
    """The sink of query events: who may send, and what it keeps on its own disk until the store has it."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}COLLECTOR_")

    host: str = Field("127.0.0.1", description="Address of the sink under `python -m serving.collector`.")
    port: int = Field(8090, ge=0, le=65535, description="Port of the sink under `python -m serving.collector`.")
    token_file: Path | None = Field(
        None, description="File with the bearer token of the event sink; without one only loopback is answered."
    )
    spill_dir: Path = Field(
        Path("var/collector/spill"), description="Folder of accepted events that the store does not have yet."
    )
    spill_bytes: int = Field(2**30, ge=2**16, description="Bytes of such events; beyond them senders are put off.")
    rejects: Path = Field(
        Path("var/collector/rejects.jsonl"), description="File of bodies that are no usable event, with the reason."
    )
    max_body_bytes: int = Field(2**24, ge=1, le=2**24, description="Bytes that one event may have.")
    batch_seconds: float = Field(30.0, gt=0, le=3600, description="Seconds between two batches into the store.")
    coordinators: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Trino coordinators to ask for running statements: http(s) addresses with commas; empty: none."
    )
    coordinator_user: str = Field("smart-routing", min_length=1, description="User who asks the coordinators.")
    poll_seconds: float = Field(30.0, gt=0, le=3600, description="Seconds between two looks at the coordinators.")
    running_cpu_seconds: float = Field(
        300.0, gt=0, description="CPU seconds from which on a statement that still runs is recorded."
    )
    running_memory_bytes: int = Field(
        10 * 2**30, gt=0, description="Bytes of user memory above which a statement that still runs is recorded."
    )

    @field_validator("token_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("coordinators", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        return tuple(name.strip().rstrip("/") for name in names if name.strip()) if isinstance(names, list) else names

    @field_validator("coordinators")
    @classmethod
    def _are_http(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not re.fullmatch(r"https?://[^/\s@]+", address):
                raise ValueError(f"{address} is no address of a coordinator: expected http://host:8080")
        return value


ALL_SETTINGS: Final[tuple[type[Settings], ...]] = (
    RegistrySettings,
    DeploymentSettings,
    QueryLogSettings,
    FeatureSettings,
    S3Settings,
    ServingSettings,
    MonitoringSettings,
    KnownHeavySettings,
    HistorySettings,
    CollectorSettings,
)


def _reject_unknown_variables() -> None:
    known = {settings.variable(field) for settings in ALL_SETTINGS for field in settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known | OUTSIDE:
            raise SettingsError(f"{name} is not a setting: docs/configuration.md lists them all")
