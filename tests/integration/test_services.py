"""The servers that tests lean on are real, separate and fresh."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import psycopg2
import pymysql
import pytest
import redis
import trino.dbapi
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from infra.local.servers import Backend, S3Service, add_backend

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
    made = httpx.post(f"{prefect_server}/flows/", json={"name": "listed"}).raise_for_status().json()
    wanted = {"flows": {"name": {"any_": ["listed"]}}}
    (listed,) = httpx.post(f"{prefect_server}/flows/filter", json=wanted).raise_for_status().json()
    assert listed["id"] == made["id"]


def test_chromium_reads_a_page(chromium: "Browser") -> None:
    page = chromium.new_page()
    page.goto("data:text/html,<title>registry</title>")
    assert page.title() == "registry"


def test_chromium_leaves_no_event_loop_behind() -> None:
    asyncio.run(asyncio.sleep(0))


def test_redis_keeps_a_key(redis_server: str) -> None:
    with redis.Redis.from_url(redis_server) as client:
        assert client.set("services:probe", "1", ex=60)
        assert client.get("services:probe") == b"1"


def test_mariadb_answers_a_query(mariadb_server: str) -> None:
    site = urlsplit(mariadb_server)
    with closing(pymysql.connect(host=site.hostname, port=site.port or 0, user=site.username)) as connection:
        cursor = connection.cursor()
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("kind", ["small", "large"])
def test_trino_reads_and_writes_the_lake(request: pytest.FixtureRequest, kind: str) -> None:
    site = urlsplit(request.getfixturevalue(f"trino_{kind}"))
    with trino.dbapi.Connection(host=site.hostname, port=site.port, user="ana", catalog="lake") as connection:
        cursor = connection.cursor()
        cursor.execute("create schema if not exists services")
        cursor.fetchall()
        cursor.execute(f"create table services.nation_{kind} as select n_nationkey from tpch.tiny.nation")
        assert cursor.fetchall() == [[25]]
        cursor.execute("select node_id, coordinator from system.runtime.nodes")
        assert [row[1] for row in cursor.fetchall()] == [True]


def test_gateway_has_the_backend_that_it_was_given(new_gateway: Callable[[str], str], trino_small: str) -> None:
    url = new_gateway("http://127.0.0.1:9")
    add_backend(url, Backend(name="small-1", url=trino_small, group="small"))
    backends = httpx.get(f"{url}/api/public/backends").raise_for_status().json()
    assert [(entry["name"], entry["proxyTo"], entry["routingGroup"]) for entry in backends] == [
        ("small-1", trino_small, "small")
    ]
