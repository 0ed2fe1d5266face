"""Which versions stay in memory."""

from collections.abc import Callable

import pytest

from smart_routing.errors import UnknownModelVersionError
from smart_routing.inference import Model
from smart_routing.loaded_models import IN_MEMORY, LoadedModels
from tests.bundles import JoinModel

ALL_THE_BYTES = 2**20


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    """Versions 0 to 5."""
    folder = tmp_path_factory.mktemp("bundles")
    return [JoinModel(per_join=n / 10).load(folder / str(n), version=str(n)) for n in range(6)]


@pytest.fixture
def follow(models: list[Model]) -> Callable[..., LoadedModels]:
    """A function that puts versions in force, one after the other."""

    def put(loaded: LoadedModels, *numbers: int, most: int = 4, most_bytes: int = ALL_THE_BYTES) -> LoadedModels:
        for number in numbers:
            loaded = loaded.followed_by(models[number], most=most, most_bytes=most_bytes)
        return loaded

    return put


def numbers(loaded: LoadedModels) -> str:
    return "".join(model.version[1] for model in loaded.all)


def size(models: list[Model]) -> int:
    """What one of them takes in memory, about."""
    return IN_MEMORY * len(models[0].bundle.model)


def test_last_versions_in_force_stay(follow: Callable[..., LoadedModels]) -> None:
    assert [numbers(follow(LoadedModels(), *range(last))) for last in range(1, 7)] == [
        "0",
        "10",
        "210",
        "3210",
        "4321",
        "5432",
    ]


def test_version_that_was_pinned_since_stays_longer(follow: Callable[..., LoadedModels], models: list[Model]) -> None:
    loaded = follow(LoadedModels(), 0, 1, 2, 3)
    assert loaded.find("v0") is models[0]
    assert numbers(follow(loaded, 4)) == "4302"
    assert numbers(follow(loaded, 4, 5)) == "5430"


def test_older_versions_stay_while_there_is_room_and_the_previous_one_always(
    follow: Callable[..., LoadedModels], models: list[Model]
) -> None:
    assert numbers(follow(LoadedModels(), *range(5), most=9, most_bytes=3 * size(models))) == "432"
    assert numbers(follow(LoadedModels(), *range(5), most=9, most_bytes=0)) == "43"
    assert numbers(follow(LoadedModels(), *range(5), most=2)) == "43"


def test_version_that_is_back_in_force_is_there_once(follow: Callable[..., LoadedModels], models: list[Model]) -> None:
    back = follow(LoadedModels(), 0, 1, 2, 1)
    assert (numbers(back), back.current, back.previous) == ("120", models[1], models[2])


def test_version_that_had_to_go_is_not_found_nor_remembered(
    follow: Callable[..., LoadedModels], models: list[Model]
) -> None:
    loaded = follow(LoadedModels(), *range(6), most=3)
    assert [loaded.find(f"v{number}") for number in (5, 4, 3)] == models[5:2:-1]
    with pytest.raises(UnknownModelVersionError, match=r"v5-\w+, v4-\w+, v3-"):
        loaded.find("v0")
    assert len(follow(loaded, 0).uses) <= 3
