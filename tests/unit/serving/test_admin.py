from collections.abc import Callable
from pathlib import Path

import pytest

from smart_routing.bundle import MODEL
from smart_routing.features.schema import SCHEMA_HASH
from tests.bundles import JoinModel
from tests.served import Served

Serve = Callable[..., Served]
PATHS = [
    ("GET", "/metrics"),
    ("GET", "/v1/model"),
    ("POST", "/v1/model/refresh"),
    ("POST", "/v1/model/release"),
    ("POST", "/v1/history/release"),
]


def test_model_tells_what_is_served(serve: Serve, source: Path) -> None:
    served = serve()
    model = served.admin("GET", "/v1/model").json()
    assert model["version"] == served.route("select 1").json()["modelVersion"]
    assert (model["threshold"], model["featureSchema"], model["source"]) == (0.5, SCHEMA_HASH, str(source))
    assert model["certificate"] == {"bound": 0.05, "confidence": 0.95, "heavies": 60, "missesAllowed": 0}
    assert model["loadedAt"] is not None
    assert (model["historySnapshot"], model["historyAsOf"]) == (None, None)
    assert (model["previousVersion"], model["lastRefusal"], model["lastError"]) == (None, None, None)
    assert model["loadedVersions"] == [model["version"]]
    assert (model["quarantined"], model["historyQuarantined"]) == (None, None)


def test_model_tells_that_there_is_none(serve: Serve, tmp_path: Path) -> None:
    model = serve(source=str(tmp_path / "nowhere"), state_dir=tmp_path / "empty").admin("GET", "/v1/model").json()
    assert (model["version"], model["source"]) == (None, None)
    assert "nowhere is not a folder" in model["lastError"]


def test_refresh_takes_the_version_that_the_link_names_now(
    serve: Serve, point_to: Callable[[str, JoinModel], Path]
) -> None:
    served = serve()
    old = served.route("select 1").json()["modelVersion"]
    point_to("v1.1.0", JoinModel(per_join=0.5))
    reply = served.admin("POST", "/v1/model/refresh").json()
    assert (reply["outcome"], reply["model"]["previousVersion"]) == ("loaded", old)
    assert served.route("select 1").json()["modelVersion"].startswith("v1.1.0-")
    assert served.route("select 1", headers={"X-Model-Version": old}).json()["modelVersion"] == old


def test_corrupt_bundle_is_refused_and_model_says_why(serve: Serve, point_to: Callable[[str, JoinModel], Path]) -> None:
    served = serve()
    folder = point_to("v1.1.0", JoinModel(per_join=0.5))
    (folder / MODEL).write_bytes(b"x" + (folder / MODEL).read_bytes()[1:])
    assert served.admin("POST", "/v1/model/refresh").json()["outcome"] == "rejected"
    model = served.admin("GET", "/v1/model").json()
    assert model["version"].startswith("v1.0.0-")
    assert (model["lastRefusal"]["version"], MODEL in model["lastRefusal"]["reason"]) == ("1.1.0", True)
    assert 'smart_routing_model_reloads_total{outcome="rejected"} 1.0' in served.admin("GET", "/metrics").text
    assert served.route("select 1").status_code == 200


def test_version_that_was_rolled_back_is_told_until_it_is_released(
    serve: Serve, point_to: Callable[[str, JoinModel], Path]
) -> None:
    served = serve()
    point_to("v1.1.0", JoinModel(per_join=0.5))
    bad = served.admin("POST", "/v1/model/refresh").json()["model"]["version"]
    served.components.admin_port.reloader.roll_back(bad, "finds everything heavy")
    model = served.admin("GET", "/v1/model").json()
    assert (model["previousVersion"], model["loadedVersions"]) == (bad, [model["version"], bad])
    assert (model["quarantined"]["name"], model["quarantined"]["released"]) == (bad, False)
    assert model["quarantined"]["reason"] == "finds everything heavy"
    assert served.admin("POST", "/v1/model/refresh").json()["outcome"] == "rejected"
    released = served.admin("POST", "/v1/model/release").json()
    assert (released["outcome"], released["model"]["version"]) == ("loaded", bad)
    assert released["model"]["quarantined"]["released"] is True


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_token_is_wanted_where_there_is_one(serve: Serve, tmp_path: Path, method: str, path: str) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("s3same\n")
    served = serve(admin_token_file=token_file)
    offers = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3same"}]
    for headers in offers:
        assert served.admin(method, path, headers=headers).status_code == 401
    assert served.admin(method, path, headers={"Authorization": "Bearer s3same"}).status_code == 200


def test_token_file_that_is_gone_is_told_to_the_log_alone(serve: Serve, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("s3same")
    served = serve(admin_token_file=token_file)
    token_file.unlink()
    reply = served.admin("GET", "/v1/model", headers={"Authorization": "Bearer s3same"})
    assert (reply.status_code, reply.json()) == (503, {"detail": "the token cannot be read"})


def test_rotated_token_counts_at_once(serve: Serve, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("old")
    served = serve(admin_token_file=token_file)
    token_file.write_text("new")
    codes = [
        served.admin("GET", "/v1/model", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in ("old", "new")
    ]
    assert codes == [401, 200]


def test_data_port_has_no_admin_paths(serve: Serve) -> None:
    served = serve()
    assert {served.data(method, path).status_code for method, path in PATHS} == {404}
