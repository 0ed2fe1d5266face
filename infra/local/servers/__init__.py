"""The servers themselves, from PostgreSQL to the router: what each is, and each as a context manager over a folder."""

from infra.local.servers.databases import create_database, mariadb_server, postgres_server, redis_server
from infra.local.servers.mlops import mlflow_server, prefect_server
from infra.local.servers.programs import cache_folder, chromium_program
from infra.local.servers.router import CollectorServer, collector_server, router_server
from infra.local.servers.s3 import S3Server, S3Service, s3_server
from infra.local.servers.trino import Backend, EventSink, add_backend, backend_is_healthy, gateway_server, trino_server

__all__ = [
    "Backend",
    "CollectorServer",
    "EventSink",
    "S3Server",
    "S3Service",
    "add_backend",
    "backend_is_healthy",
    "cache_folder",
    "chromium_program",
    "collector_server",
    "create_database",
    "gateway_server",
    "mariadb_server",
    "mlflow_server",
    "postgres_server",
    "prefect_server",
    "redis_server",
    "router_server",
    "s3_server",
    "trino_server",
]
