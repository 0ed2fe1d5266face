"""Every error this project raises on purpose, in one tree.

SmartRoutingError                    500, exit code 1
├── InputError                       400, exit code 2: the user gave something that cannot be used
│   ├── QueryLogError                a query log is missing, empty, unreadable or mostly rejected
│   ├── SettingsError                a setting is unknown, missing or out of range
│   │   └── StoredFileError          a file or S3 object that a setting names cannot be read or replaced
│   ├── RequestError                 a body on the data port is not the contract
│   │   └── RequestTooLargeError     413
│   ├── UnknownModelVersionError     404: a pinned or named version does not exist
│   ├── UnknownTemplateError         404: a template is not in the known-heavy list
│   └── TrainingError                no model can be made, or judged, from this data
├── BundleError                      a model bundle is incomplete, altered, or does not score as it should
├── OutOfTimeError                   the time for a decision is over; the router makes a heavy decision of it
├── ParseTooDearError                sqlglot would take too long over a statement, which has its text features only
├── NoModelError                     503: there is no model yet to explain decisions by
├── SpillError                       503: a query event cannot be written to disk now
├── KnownHeavyError                  503: the known-heavy list cannot be read or changed now
├── GaugeError                       figures for Prometheus are not declared, or their file cannot be used
├── CoordinatorError                 a Trino coordinator cannot be asked for its running statements
│   └── CoordinatorAnswerError       it answers with something else
├── LockHeldError                    what must not run twice at once runs already
├── NotificationError                a message did not reach its channel; it may later
│   ├── NotificationRefusedError     nor will it: the channel does not take it
│   └── NotificationUnknownError     nobody knows whether it did
└── RegistryError                    the model registry is unreachable or refuses
"""

from http import HTTPStatus


class SmartRoutingError(Exception):
    """Root of the tree; `status` is the HTTP answer and `exit_code` what a command line ends with."""

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR
    exit_code: int = 1


class InputError(SmartRoutingError):
    """What the user gave cannot be used; the message names it and what was expected."""

    status = HTTPStatus.BAD_REQUEST
    exit_code = 2


class QueryLogError(InputError):
    """A query log is missing, empty, unreadable or mostly rejected."""


class SettingsError(InputError):
    """A setting is unknown, missing or out of range."""


class StoredFileError(SettingsError):
    """A file, or an object on S3, that a setting names cannot be read or replaced; or its address is none."""


class RequestError(InputError):
    """A body on the data port is not what the contract says."""


class RequestTooLargeError(RequestError):
    """A body on the data port is over its limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class BundleError(SmartRoutingError):
    """A model bundle is incomplete, altered, or does not score as it should."""


class OutOfTimeError(SmartRoutingError):
    """The time for a decision is over."""


class ParseTooDearError(SmartRoutingError):
    """A parse was given up for what it costs; never leaves the reading of a statement."""


class NoModelError(SmartRoutingError):
    """No model could be loaded yet, so there is nothing to explain decisions by."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class UnknownModelVersionError(InputError):
    """A model version or alias that the registry or this process does not have."""

    status = HTTPStatus.NOT_FOUND


class UnknownTemplateError(InputError):
    """A template that the known-heavy list does not have."""

    status = HTTPStatus.NOT_FOUND


class SpillError(SmartRoutingError):
    """A query event cannot be kept now: the spill is full, or its disk fails."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class KnownHeavyError(SmartRoutingError):
    """The known-heavy list cannot be read or changed now: its file or its server fails."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class GaugeError(SmartRoutingError):
    """Figures for Prometheus are not as they are declared, or their file cannot be read or written."""


class CoordinatorError(SmartRoutingError):
    """A Trino coordinator cannot be asked for its running statements."""


class CoordinatorAnswerError(CoordinatorError):
    """A Trino coordinator answers with something else than what it was asked for."""


class LockHeldError(SmartRoutingError):
    """What must not run twice at once runs already."""


class NotificationError(SmartRoutingError):
    """A message did not reach its channel, which may take it later."""


class NotificationRefusedError(NotificationError):
    """A channel does not take this message, however often it is tried."""


class NotificationUnknownError(NotificationError):
    """A message was handed over and nobody said whether it was taken."""


class RegistryError(SmartRoutingError):
    """The model registry cannot be reached or refuses."""


class TrainingError(InputError):
    """No model can be made, or judged, from this data."""
