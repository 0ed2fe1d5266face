"""A real S3 server over a folder, and what a client needs to reach a bucket on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.processes import LOOPBACK, Answers, Server, free_port, require, running, server_environment
from infra.local.servers.programs import s3_program

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Service:
    """One bucket on a real S3 server, and what a client needs to reach it."""

    client: "S3Client"
    server: "S3Server"
    bucket: str

    @property
    def endpoint_url(self) -> str:
        return self.server.endpoint_url

    @property
    def environment(self) -> dict[str, str]:
        return self.server.environment


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """Where the S3 server listens, and its one user."""

    endpoint_url: str
    access_key: str = "smart-routing-test"
    secret_key: str = "only-on-loopback"
    region: str = "us-east-1"

    @property
    def environment(self) -> dict[str, str]:
        """The same for another process, as the variables that boto3 and MLflow read."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint_url,
        }

    def create_bucket(self, name: str) -> S3Service:
        """A bucket of that name, made unless it is there."""
        import boto3  # half a second that only users of S3 pay

        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
        )
        if name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=name)
        return S3Service(client=client, server=self, bucket=name)


def s3(folder: Path, port: int) -> Server:
    """An S3 server over a folder; metadata in a sidecar folder, because not every /tmp has extended attributes."""
    site = S3Server(endpoint_url=f"http://{LOOPBACK}:{port}")
    listen = ["--port", f"{LOOPBACK}:{port}", "--region", site.region, "--health", "/health", "--quiet"]
    secrets = {"ROOT_ACCESS_KEY_ID": site.access_key, "ROOT_SECRET_ACCESS_KEY": site.secret_key}
    return Server(
        title="The S3 server",
        url=site.endpoint_url,
        command=[require(s3_program()), *listen, "posix", "--sidecar", folder / "metadata", folder / "objects"],
        environment=server_environment(folder, **secrets),
        folder=folder,
        ready=Answers(f"{site.endpoint_url}/health"),
        folders=(folder / "objects", folder / "metadata"),
    )


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    server = s3(folder, free_port())
    with running(server):
        yield S3Server(endpoint_url=server.url)
