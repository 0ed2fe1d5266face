"""What boto3 raises, imported by those who meet it: botocore takes 80 ms and 5 MB of a process that uses no S3."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError


def client_error() -> "type[ClientError]":
    """S3 answers that it will not."""
    from botocore.exceptions import ClientError

    return ClientError


def core_error() -> "type[BotoCoreError]":
    """S3 cannot be asked."""
    from botocore.exceptions import BotoCoreError

    return BotoCoreError


def checksum_error() -> "type[FlexibleChecksumError]":
    """What came is not what S3 says it is."""
    from botocore.exceptions import FlexibleChecksumError

    return FlexibleChecksumError
