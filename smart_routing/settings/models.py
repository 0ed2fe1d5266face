"""Settings of what makes models and puts them in force."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from smart_routing.bundle import MOST_LIMITS
from smart_routing.features.statement import DEFAULT_LIMITS, ParseLimits
from smart_routing.settings.base import PREFIX, Settings


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
    """When a version may serve, what may happen without a person, and how those who move it keep apart."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}DEPLOYMENT_")

    gate: Path = Field(Path("models/gate.toml"), description="File with what a candidate must show to pass.")
    lock_file: Path = Field(
        Path("var/deployment.lock"), description="Lock of the deployment where no Prefect API is configured."
    )
    lock_seconds: float = Field(60, gt=0, description="Seconds to wait for the deployment lock.")
    training_lock_file: Path = Field(
        Path("var/training.lock"), description="Lock of training where no Prefect API is configured."
    )
    auto_promote: bool = Field(
        False, description="Whether a version that a verdict had made, and that passed the gate, serves at once."
    )
    cooldown_hours: float = Field(
        20.0, ge=0, le=8760, description="Hours after a training in which the same verdict starts no other."
    )


class FeatureSettings(Settings):
    """Caps on a statement's parse. Training reads them and writes them into the bundle, from which serving has them."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}FEATURES_")

    max_bytes: int = Field(
        DEFAULT_LIMITS.bytes,
        gt=0,
        le=MOST_LIMITS.bytes,
        description="Bytes of SQL up to which training parses it, and the model's routers.",
    )
    max_depth: int = Field(
        DEFAULT_LIMITS.depth,
        gt=0,
        le=MOST_LIMITS.depth,
        description="Nested brackets up to which SQL is parsed, as above.",
    )
    max_tokens: int = Field(
        DEFAULT_LIMITS.tokens,
        gt=0,
        le=MOST_LIMITS.tokens,
        description="Tokens, as the parser reads them, up to which SQL is parsed, as above.",
    )
    max_type_depth: int = Field(
        DEFAULT_LIMITS.type_depth,
        gt=0,
        le=MOST_LIMITS.type_depth,
        description="Nested type constructors up to which SQL is parsed, as above.",
    )

    def parse_limits(self) -> ParseLimits:
        return ParseLimits(
            bytes=self.max_bytes, depth=self.max_depth, tokens=self.max_tokens, type_depth=self.max_type_depth
        )
