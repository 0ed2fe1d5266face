"""Names that other programs rely on, each once: headers, the registered model, its aliases and its tags."""

from typing import Final

HEADER_MODEL_VERSION: Final = "X-Model-Version"
HEADER_DEADLINE_MS: Final = "X-Request-Deadline-Ms"
HEADER_TRANSACTION_ID: Final = "X-Trino-Transaction-Id"

HEADER_USER: Final = "x-trino-user"
"""This and the ones below in lower case, as trino-gateway 20 sends them and takes them back."""

HEADER_SOURCE: Final = "x-trino-source"
HEADER_CATALOG: Final = "x-trino-catalog"
HEADER_SCHEMA: Final = "x-trino-schema"
HEADER_TRACE_TOKEN: Final = "x-trino-trace-token"
HEADER_ROUTING_GROUP: Final = "x-trino-routing-group"

REGISTERED_MODEL: Final = "query-weight-classifier"

ALIAS_STAGING: Final = "staging"
ALIAS_PRODUCTION: Final = "production"
ALIAS_PREVIOUS: Final = "previous"

TAG_FEATURE_SCHEMA: Final = "feature_schema"
TAG_DATASET_DIGEST: Final = "dataset_digest"
TAG_CALIBRATED_UNTIL: Final = "calibrated_until"
"""When the last statement was submitted that the version was made from; what came later may judge it."""

TAG_GIT_COMMIT: Final = "git_commit"
TAG_VALIDATION_STATUS: Final = "validation_status"
TAG_CERTIFICATE: Final = "certificate"
TAG_LABEL_RULE: Final = "label_rule"
TAG_MANIFEST_SHA256: Final = "manifest_sha256"
TAG_PROMOTED_AT: Final = "promoted_at"
TAG_PROMOTED_BY: Final = "promoted_by"
TAG_RETIRED_AT: Final = "retired_at"
TAG_SERVED_AT: Final = "served_at"
"""Set by the routers: when one last began to serve the version."""

TAG_QUARANTINED: Final = "quarantined"

BUNDLE_ARTIFACT_PATH: Final = "bundle"
"""Folder below a version's run artifacts that holds the bundle, byte for byte as it was built."""

ROUTE_PATH: Final = "/v1/route"
EXPLAIN_PATH: Final = "/v1/explain"
QUERY_EVENTS_PATH: Final = "/v1/query-events"
GATEWAY_ROUTE_PATH: Final = "/v1/trino-gateway/route"
KNOWN_HEAVY_PATH: Final = "/v1/known-heavy"
