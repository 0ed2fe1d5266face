"""Settings of query events: where they are kept, and the sink that takes them."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from smart_routing.settings.base import PREFIX, Settings


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


class S3Settings(Settings):
    """The S3 endpoint, where it is not the cloud's own; credentials come from boto3's usual places."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}S3_")

    endpoint_url: str | None = Field(
        None,
        description="S3 endpoint of events, stores and models, not of MLflow's own artifacts; unset: the provider's.",
    )


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
