"""The servers that tests lean on are real, separate and fresh."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import httpx
import psycopg2
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from infra.local.servers import S3Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PART_BYTES = 5 * 1024 * 1024


def test_postgres_answers_a_query(postgres_url: str) -> None:
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)
    connection.close()


def test_each_postgres_database_is_empty_and_its_own(postgres_database: Callable[[], str]) -> None:
    first, second = postgres_database(), postgres_database()
    for url in (first, second):
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("create table mine (id int)")
        connection.close()


def test_s3_puts_lists_and_gets(s3: S3Service) -> None:
    s3.client.put_object(Bucket=s3.bucket, Key="models/v1/manifest.json", Body=b"{}")
    listed = s3.client.list_objects_v2(Bucket=s3.bucket, Prefix="models/")
    assert [entry["Key"] for entry in listed["Contents"]] == ["models/v1/manifest.json"]
    assert s3.client.get_object(Bucket=s3.bucket, Key="models/v1/manifest.json")["Body"].read() == b"{}"


def test_s3_joins_the_parts_of_an_upload(s3: S3Service) -> None:
    body = b"a" * PART_BYTES + b"b"
    two_parts = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
    s3.client.upload_fileobj(BytesIO(body), s3.bucket, "large.bin", Config=two_parts)
    stored = s3.client.get_object(Bucket=s3.bucket, Key="large.bin")
    assert stored["ETag"].endswith('-2"')
    assert stored["Body"].read() == body


def test_s3_refuses_to_replace_under_if_none_match(s3: S3Service) -> None:
    s3.client.put_object(Bucket=s3.bucket, Key="lock", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.client.put_object(Bucket=s3.bucket, Key="lock", Body=b"second", IfNoneMatch="*")
    assert s3.client.get_object(Bucket=s3.bucket, Key="lock")["Body"].read() == b"first"


def test_s3_refuses_to_replace_under_a_stale_if_match(s3: S3Service) -> None:
    stale = s3.client.put_object(Bucket=s3.bucket, Key="policy", Body=b"1")["ETag"]
    s3.client.put_object(Bucket=s3.bucket, Key="policy", Body=b"2", IfMatch=stale)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.client.put_object(Bucket=s3.bucket, Key="policy", Body=b"3", IfMatch=stale)


@pytest.mark.parametrize("name", ["first", "second"])
def test_each_test_starts_with_an_empty_registry(registry_server: str, name: str) -> None:
    api = f"{registry_server}/api/2.0/mlflow"
    assert httpx.get(f"{registry_server}/health").text == "OK"
    assert httpx.get(f"{api}/registered-models/search").json() == {}
    made = httpx.post(f"{api}/registered-models/create", json={"name": name}).raise_for_status().json()
    assert made["registered_model"]["name"] == name


def test_mlflow_keeps_artifacts(registry_server: str) -> None:
    artifacts = f"{registry_server}/api/2.0/mlflow-artifacts/artifacts/probe/file.bin"
    httpx.put(artifacts, content=b"bytes").raise_for_status()
    assert httpx.get(artifacts).content == b"bytes"


def test_prefect_lists_flows(prefect_server: str) -> None:
    assert httpx.get(f"{prefect_server}/health").json() is True
    assert httpx.post(f"{prefect_server}/flows/filter", json={}).raise_for_status().json() == []


def test_chromium_reads_a_page(chromium: "Browser") -> None:
    page = chromium.new_page()
    page.goto("data:text/html,<title>registry</title>")
    assert page.title() == "registry"


def test_chromium_leaves_no_event_loop_behind() -> None:
    asyncio.run(asyncio.sleep(0))
