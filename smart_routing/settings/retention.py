"""Settings of how long what was written down is kept."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from smart_routing.settings.base import PREFIX, Settings


class RetentionSettings(Settings):
    """Days, all of which are kept whole; `flows.enforce_retention` removes what is older."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}RETENTION_")

    decisions_days: int = Field(90, ge=1, le=36_500, description="Days that rows of the decision log are kept.")
    events_days: int = Field(
        180, ge=1, le=36_500, description="Days that query events are kept, in the store and among the rejects."
    )
    reports_days: int = Field(365, ge=1, le=36_500, description="Days that reports are kept.")
